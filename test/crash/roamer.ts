import { setTimeout as sleep } from 'node:timers/promises'
import { PresenceDocument, SpeakerChangedDocument } from '../generated/operations.ts'
import type { Device, Place } from '../stress/people.ts'
import { type FloorEvent, judge } from '../stress/story.ts'
import { join, release, renew, talk } from '../stress/talk.ts'
import { until } from '../stress/until.ts'
import { FloorWatch, type PresenceEvent, PresenceWatch } from '../stress/watch.ts'
import type { Socket } from '../support/client.ts'

const RENEW_EVERY_MS = 1_300
const BACK_AFTER_MS = 100

interface Closing {
  readonly from: Place
  readonly code: number
  readonly at: number
}

/**
 * A device as the manual wants it: one WebSocket at a time, over which it follows the floor and who is here. When that ends it goes to the next
 * instance, goes on from the last event that it heard, and renews the burst that it holds.
 */
export class Roamer implements AsyncDisposable {
  readonly device: Device
  readonly groupId: string
  readonly closings: Closing[] = []
  /** What each renewal was answered. */
  readonly renewals: boolean[] = []
  readonly #places: readonly Place[]
  readonly #floors: FloorWatch[] = []
  readonly #presences: PresenceWatch[] = []
  readonly #roaming: Promise<void>
  readonly #over = new AbortController()
  #turn = 0
  #socket: Socket
  #burstId: string | null = null

  /** Begins at the first of the places. */
  constructor(device: Device, groupId: string, places: readonly Place[]) {
    this.device = device
    this.groupId = groupId
    this.#places = places
    this.#socket = this.#open()
    this.#roaming = Promise.all([this.#roam(), this.#hold()]).then(() => undefined)
  }

  /** All floor events, over all sockets. */
  get events(): readonly FloorEvent[] {
    return this.#floors.flatMap(({ events }) => events)
  }

  get presence(): readonly PresenceEvent[] {
    return this.#presences.flatMap(({ events }) => events)
  }

  /** What happened, without the snapshots with which each stream begins. */
  get changes(): readonly string[] {
    return this.events.flatMap(({ kind }) => (kind === 'SNAPSHOT' ? [] : [kind]))
  }

  get last(): FloorEvent | undefined {
    return this.events.at(-1)
  }

  /** The changes of one person's presence. */
  presenceOf({ userId }: Device): string[] {
    return this.presence.flatMap(({ kind, member }) => (member?.user.id === userId ? [kind] : []))
  }

  /** Why the server ended what it follows over its present socket. */
  get endCode(): string | undefined {
    return this.#floors.at(-1)?.endCode
  }

  get place(): Place {
    const place = this.#places[this.#turn % this.#places.length]
    if (!place) throw new Error('there is nowhere to go')
    return place
  }

  async here(withinMs = 5_000): Promise<this> {
    const isTold = () => (this.#floors.at(-1)?.events.length ?? 0) > 0 && (this.#presences.at(-1)?.events.length ?? 0) > 0
    await until('the device follows the floor', isTold, withinMs)
    return this
  }

  async join(): Promise<void> {
    await join(this.#socket, this.groupId)
  }

  /** Presses, which must be granted, and holds on to it from now on. Answers the burst. */
  async talk(requestId: string) {
    const burst = await talk(this.#socket, this.groupId, requestId)
    this.#burstId = burst.id
    return burst
  }

  /** Renews the burst that it holds, out of turn. */
  async renew(): Promise<void> {
    const burstId = this.#burstId
    if (burstId === null) return
    // What was not answered is asked again, at the latest when the socket has been opened anew.
    const answer = await renew(this.#socket, this.groupId, burstId).catch(() => null)
    if (answer) this.renewals.push(answer.renewed)
    if (answer?.renewed === false && this.#burstId === burstId) this.#burstId = null
  }

  async release(requestId: string): Promise<boolean> {
    this.#burstId = null
    return (await release(this.#socket, this.groupId, requestId)).released
  }

  /** Says no more, as a device whose battery is empty. */
  async die(): Promise<void> {
    this.#over.abort()
    this.#socket.cut()
    await this.#roaming
  }

  judge(): void {
    judge(this.events)
  }

  async [Symbol.asyncDispose]() {
    this.#over.abort()
    await this.#socket[Symbol.asyncDispose]()
    await this.#roaming
  }

  #open(): Socket {
    const { groupId } = this
    const socket = this.device.at(this.place).openSocket()
    const floor = socket.subscribe(SpeakerChangedDocument, { groupId, after: this.last?.cursor ?? null })
    this.#floors.push(new FloorWatch(floor, groupId))
    const presence = socket.subscribe(PresenceDocument, { groupId, after: this.presence.at(-1)?.cursor ?? null })
    this.#presences.push(new PresenceWatch(presence))
    return socket
  }

  async #roam() {
    const { signal } = this.#over
    const gone = new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null)))
    while (!signal.aborted) {
      const closing = await Promise.race([this.#socket.closed, gone])
      if (closing === null) return
      this.closings.push({ from: this.place, code: closing.code, at: performance.now() })
      await pause(BACK_AFTER_MS, signal)
      if (signal.aborted) return
      this.#turn += 1
      this.#socket = this.#open()
      await this.renew()
    }
  }

  async #hold() {
    for (const { signal } = this.#over; !signal.aborted; ) {
      await pause(RENEW_EVERY_MS, signal)
      if (!signal.aborted) await this.renew()
    }
  }
}

const pause = (ms: number, signal: AbortSignal) =>
  sleep(ms, undefined, { signal }).catch(() => {
    // It is over.
  })
