import type { SessionId } from '../../ids.ts'
import type { Floor, FloorEvent, FloorMessage, Position, Presence, PresenceEvent } from '../events.ts'
import { Hub } from '../hub.ts'
import { inTime } from '../in-time.ts'
import type { ReadLog } from './log-feed.ts'
import { ToldLog } from './told-log.ts'
import { type Published, readPublication } from './wire.ts'

/** Where both logs of a group stand. */
export interface Positions {
  readonly floor: Position
  readonly presence: Position
}

export interface GroupFeedDeps {
  readonly subscribe: (listener: (publication: string) => void) => Promise<() => void>
  readonly heads: () => Promise<Positions>
  readonly readFloor: ReadLog<FloorEvent, Floor>
  readonly readPresence: ReadLog<PresenceEvent, Presence>
  readonly onError: (error: unknown) => void
}

/** Who opens a stream is told within 600 ms that it failed. */
const OPENED_WITHIN_MS = 400

/** What is told of one group in this process, from one subscription. */
export class GroupFeed {
  readonly floor: ToldLog<FloorEvent, Floor>
  readonly presence: ToldLog<PresenceEvent, Presence>
  /** Subscribed, and the places in the logs known. */
  readonly opened: Promise<void>
  /** Who listens, or waits to. */
  watchers = 0
  readonly #deps: GroupFeedDeps
  readonly #messages: Hub<FloorMessage>
  readonly #closed = Promise.withResolvers<never>()
  #unsubscribe: (() => void) | null = null
  #hasEnded = false

  constructor(deps: GroupFeedDeps) {
    this.#deps = deps
    this.floor = new ToldLog(deps.readFloor, deps.onError)
    this.presence = new ToldLog(deps.readPresence, deps.onError)
    this.#messages = new Hub(deps.onError)
    this.opened = this.#open()
  }

  get positions(): Positions | null {
    const [floor, presence] = [this.floor.position, this.presence.position]
    return floor && presence && { floor, presence }
  }

  messages(sessionId: SessionId, listener: (message: FloorMessage) => void): () => void {
    return this.#messages.subscribe(sessionId, (message) => listener(message))
  }

  /** Where the logs stood at some moment after this feed stood at `asked`. */
  compare(heads: Positions, asked: Positions | null | undefined): void {
    // It was just being opened.
    if (!asked) return
    this.floor.compare(heads.floor, asked.floor)
    this.presence.compare(heads.presence, asked.presence)
  }

  end(): void {
    this.#hasEnded = true
    this.#closed.reject(new Error('the feed was closed'))
    this.#unsubscribe?.()
    this.floor.end()
    this.presence.end()
  }

  async #open() {
    try {
      const begun = Promise.race([this.#begin(), this.#closed.promise])
      await inTime(begun, OPENED_WITHIN_MS, 'Redis does not say where a group stands')
    } catch (error) {
      this.end()
      throw error
    }
  }

  async #begin() {
    const unsubscribe = await this.#deps.subscribe((publication) => this.#hear(publication))
    this.#unsubscribe = unsubscribe
    if (this.#hasEnded) unsubscribe()
    const { floor, presence } = await this.#deps.heads()
    this.floor.begin(floor)
    this.presence.begin(presence)
  }

  #hear(publication: string) {
    for (const told of this.#read(publication)) {
      if ('floor' in told) this.floor.hear(told.floor)
      else if ('presence' in told) this.presence.hear(told.presence)
      else this.#messages.publish(told.message.to, told.message)
    }
  }

  #read(publication: string): Published[] {
    try {
      return readPublication(publication)
    } catch (error) {
      // Whatever it was: an event in it will be missed by its number, and read.
      this.#deps.onError(error)
      return []
    }
  }
}
