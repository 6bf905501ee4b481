import type { ClientRequest, IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { instant } from './herd-process.ts'

/** Where a device may be let in, and as whom. */
export interface Place {
  readonly addresses: readonly string[]
  readonly accessToken: string
  readonly groupId: string
}

interface Told {
  readonly kind: string
  readonly gap: boolean
  readonly cursor: string
  readonly floor?: { readonly epoch: string; readonly sequence: number }
}

interface Message {
  readonly id?: string
  readonly type: string
  readonly payload?: { readonly data?: Readonly<Record<string, Told>> | null }
}

const FLOOR = `subscription($groupId: ID!, $after: EventCursor) { told: speakerChanged(groupId: $groupId, after: $after) {
  kind gap cursor floor { epoch sequence state burst { id speaker { displayName } } } } }`
const PRESENCE = `subscription($groupId: ID!, $after: EventCursor) { told: presence(groupId: $groupId, after: $after) {
  kind gap cursor member { devices user { displayName } } } }`

/** As docs/connections.md says: a random time, at first up to 1 s, up to twice as long with each failure, up to 15 s. */
const FIRST_MS = 1_000
const LONGEST_MS = 15_000

/**
 * One device of a herd, by the manners of docs/connections.md: it follows a floor and who is present, and when its socket ends it comes back
 * somewhere, not at once and not when all others do, and goes on from the last event that it heard.
 */
export class HerdSocket {
  readonly #place: Place
  /** What was missed, repeated or out of order. */
  readonly problems: string[] = []
  /** How often it was told to come later, and how often nobody was there. */
  readonly turnedAway = { later: 0, unreachable: 0 }
  /** When it was live again, for each socket that it had. */
  readonly liveAt: number[] = []
  #socket: WebSocket | undefined
  #turn = 0
  #failures = 0
  #snapshots = 0
  #sequence: number | null = null
  #epoch = ''
  #floorCursor: string | null = null
  #presenceCursor: string | null = null

  constructor(place: Place) {
    this.#place = place
    this.#open()
  }

  get sequence(): number {
    return this.#sequence ?? 0
  }

  #open() {
    const { addresses } = this.#place
    const socket = new WebSocket(`${addresses[this.#turn % addresses.length] ?? ''}/graphql`, 'graphql-transport-ws', {
      perMessageDeflate: false,
    })
    this.#socket = socket
    this.#snapshots = 0
    let retryAfterMs: number | null = null
    socket.once('unexpected-response', (request: ClientRequest, { statusCode, headers }: IncomingMessage) => {
      const seconds = Number(headers['retry-after'])
      if (statusCode !== 503 || !(seconds > 0)) this.problems.push(`an upgrade was answered ${statusCode} ${headers['retry-after']}`)
      retryAfterMs = seconds * 1_000
      this.turnedAway.later += 1
      request.destroy()
      socket.terminate()
    })
    // It closes after an error, which is all that matters here.
    socket.once('error', () => undefined)
    socket.once('open', () => this.#say('connection_init', { authorization: `Bearer ${this.#place.accessToken}` }))
    socket.on('message', (data: Buffer) => this.#hear(JSON.parse(data.toString()) as Message))
    socket.once('close', () => this.#comeBack(retryAfterMs))
  }

  #comeBack(retryAfterMs: number | null) {
    if (this.#snapshots === 0 && retryAfterMs === null) this.turnedAway.unreachable += 1
    if (retryAfterMs === null) this.#turn += 1
    const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures)
    this.#failures += 1
    setTimeout(() => this.#open(), (retryAfterMs ?? 0) + Math.random() * most)
  }

  #say(type: string, payload: object, id?: string) {
    this.#socket?.send(JSON.stringify({ type, payload, id }))
  }

  #hear({ type, id, payload }: Message) {
    if (type === 'connection_ack') this.#watch()
    else if (type !== 'next' || !payload?.data?.told) this.problems.push(`${type} ${JSON.stringify(payload)}`)
    else if (id === 'floor') this.#hearFloor(payload.data.told)
    else this.#hearPresence(payload.data.told)
  }

  #watch() {
    const { groupId } = this.#place
    this.#say('subscribe', { query: FLOOR, variables: { groupId, after: this.#floorCursor } }, 'floor')
    this.#say('subscribe', { query: PRESENCE, variables: { groupId, after: this.#presenceCursor } }, 'presence')
  }

  #hearFloor({ kind, gap, cursor, floor }: Told) {
    if (!floor) return
    const { epoch, sequence } = floor
    const expected = kind === 'SNAPSHOT' ? (this.#sequence ?? sequence) : (this.#sequence ?? 0) + 1
    if (gap || sequence !== expected || (this.#epoch !== '' && epoch !== this.#epoch))
      this.problems.push(`${kind} ${sequence}${gap ? ' with a gap' : ''} where ${expected} was due`)
    this.#epoch = epoch
    this.#sequence = sequence
    this.#floorCursor = cursor
    if (kind === 'SNAPSHOT') this.#arrive()
  }

  #hearPresence({ kind, gap, cursor }: Told) {
    const isRepeat = cursor === this.#presenceCursor && kind !== 'SNAPSHOT'
    const goesOn = kind !== 'SNAPSHOT' || this.#presenceCursor === null || cursor === this.#presenceCursor
    if (gap || isRepeat || !goesOn) this.problems.push(`presence ${kind}${gap ? ' with a gap' : ''} at ${cursor}`)
    this.#presenceCursor = cursor
    if (kind === 'SNAPSHOT') this.#arrive()
  }

  /** It is live when both streams are. */
  #arrive() {
    this.#snapshots += 1
    if (this.#snapshots !== 2) return
    this.#failures = 0
    this.liveAt.push(instant())
  }
}
