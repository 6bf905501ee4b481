import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { JoinGroupDocument, type RequestTalkMutation } from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { press, release, renew } from '../support/talk.ts'
import { RtcDevice } from './rtc-device.ts'

const RENEW_EVERY_MS = 1_000

type Answer = RequestTalkMutation['requestTalk']
export type MediaGrant = NonNullable<Answer['media']>

/** A member's whole device: it asks NEDA, and it is in the room. It renews its burst until it releases it or is told not to. */
export class Handset implements AsyncDisposable {
  readonly client: Client
  readonly groupId: string
  #inRoom: { readonly rtc: RtcDevice; readonly room: string } | null = null
  #requestId = ''
  #renewals: NodeJS.Timeout | undefined

  private constructor(client: Client, groupId: string) {
    this.client = client
    this.groupId = groupId
  }

  /** Not in the room, nor in the group's presence. */
  static outside(client: Client, groupId: string): Handset {
    return new Handset(client, groupId)
  }

  /** Joins the group and connects to its room. */
  static async join(client: Client, groupId: string): Promise<Handset> {
    const handset = new Handset(client, groupId)
    await handset.enter(await joinGrant(client, groupId))
    return handset
  }

  get rtc(): RtcDevice {
    return this.#there.rtc
  }

  /** The name of the group's room. */
  get room(): string {
    return this.#there.room
  }

  /** Connects to the room with this token, whatever it is; leaves it first if it is there. */
  async enter({ url, room, token }: Pick<MediaGrant, 'url' | 'room' | 'token'>): Promise<RtcDevice> {
    await this.#inRoom?.rtc.hangUp()
    const rtc = await RtcDevice.connect(url, token)
    this.#inRoom = { rtc, room }
    return rtc
  }

  /** Waits until NEDA has heard that the device is in the room. */
  async ready(withinMs = 2_000): Promise<void> {
    for (const deadline = performance.now() + withinMs; performance.now() < deadline; await sleep(5))
      if ((await joinGrant(this.client, this.groupId)).state === 'READY') return
    throw new Error(`${this.rtc.identity} is in the room, and NEDA does not know it after ${withinMs} ms`)
  }

  /** Presses, and stays the holder by renewing. Fails unless it is granted. */
  async press({ renewing = true, at = this.client }: { renewing?: boolean; at?: Client } = {}): Promise<Granted> {
    this.#requestId = randomUUID()
    const pressedAt = performance.now()
    const { outcome, burst, media, leaseMs, denyReason } = await press(at, this.groupId, this.#requestId)
    const answeredAt = performance.now()
    if (outcome !== 'GRANTED' || !burst || !media || leaseMs == null) throw new Error(`not granted: ${outcome} ${denyReason}`)
    this.stopRenewing()
    if (renewing) this.#renewals = setInterval(() => this.#renew(at, burst.id), RENEW_EVERY_MS)
    return { burst, media, leaseMs, pressedAt, answeredAt }
  }

  /** Presses and talks, as an honest device does in a room that it is in. */
  async talk(options: { renewing?: boolean; at?: Client } = {}): Promise<Granted> {
    const granted = await this.press(options)
    await this.rtc.permitted()
    await this.rtc.talk()
    return granted
  }

  /** Releases the burst; its microphone goes on until it is stopped. */
  async release({ at = this.client }: { at?: Client } = {}): Promise<void> {
    this.stopRenewing()
    await release(at, this.groupId, this.#requestId)
  }

  /** Falls silent, then releases, as an honest device does. */
  async hush(): Promise<void> {
    await this.rtc.stop()
    await this.release()
  }

  stopRenewing(): void {
    clearInterval(this.#renewals)
  }

  async [Symbol.asyncDispose]() {
    this.stopRenewing()
    await this.#inRoom?.rtc.hangUp()
  }

  get #there() {
    if (!this.#inRoom) throw new Error('the device is not in the room')
    return this.#inRoom
  }

  #renew(at: Client, burstId: string) {
    // It is told of the end of its burst by the answer to the next press: tests look at what is heard.
    renew(at, this.groupId, burstId).catch(() => this.stopRenewing())
  }
}

export interface Granted {
  readonly burst: NonNullable<Answer['burst']>
  readonly media: MediaGrant
  readonly leaseMs: number
  readonly pressedAt: number
  readonly answeredAt: number
}

/** Who releases and who presses next: the same device again, then the other one, by turns, and then from the start. */
export const handovers = (one: Handset, other: Handset): readonly (readonly [Handset, Handset])[] => [
  [one, one],
  [one, other],
  [other, other],
  [other, one],
]

/** How a member reaches the room, to listen. */
export async function joinGrant(client: Client, groupId: string): Promise<MediaGrant> {
  const { joinGroup } = await client.get(JoinGroupDocument, { input: { groupId } })
  if (!joinGroup.media) throw new Error(`no way into the room: ${JSON.stringify(joinGroup.userErrors)}`)
  return joinGroup.media
}

/** The same device, asking another instance. */
export const at = (url: string, { accessToken }: Client): Client => new Client(url, accessToken)
