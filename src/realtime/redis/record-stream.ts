import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../logger.ts'
import type { RecordEntry } from '../events.ts'
import { pause } from '../pause.ts'
import { type Keys, SHARDS, type Shard } from './keys.ts'
import type { Links } from './links.ts'
import { type Finished, isGroupForgotten, isOfTheLink, type Piece, RecordGroup } from './record-group.ts'
import { readRecord } from './wire.ts'

export interface RecordStreamOptions {
  readonly links: Pick<Links, 'commands' | 'blocking'>
  readonly keys: Keys
  /** A name for this life of this instance: what an earlier life left behind is taken over as anybody's. */
  readonly instance: string
  readonly onError: (error: unknown) => void
  readonly log: Logger
  /** For tests that look at once. */
  readonly gatherMs?: number
  /** For crash tests: where this process kills itself. */
  readonly failAt?: string | undefined
}

type Listener = (entry: RecordEntry) => unknown

/** So much is with one instance at most, or a little more; the rest waits in Redis, where others may take it. */
const MOST_IN_HAND = 192
const SIGN_OF_LIFE_EVERY_MS = 1_000
const RETRY_MS = 100
/** What comes within this is written together: far less than may be missing if Redis forgets, and far fewer transactions. */
const GATHER_MS = 20
const LOOK_EVERY_MS = 10
/** At the end: how long to wait for what is being written. */
const LAST_WORDS_MS = 1_000

/**
 * What must last, on its way from the scripts that made it to who writes it down. It stays in Redis until it is written, then it is acknowledged
 * and deleted in one step. All instances share the work; what one of them had in hand when it died, another takes over. So an entry may be
 * handed out twice, or at two instances at once, but it is not lost.
 */
export class RecordStream implements AsyncDisposable {
  readonly #options: RecordStreamOptions
  readonly #group: RecordGroup
  readonly #listeners = new Set<Listener>()
  /** By shard and id. */
  readonly #inHand = new Map<string, Piece>()
  #finished: Finished[] = []
  #acknowledging: Promise<void> | null = null
  /** Rings when something is no longer in hand, and at the end. */
  #bell = Promise.withResolvers<void>()
  #run = { stop: new AbortController(), ended: Promise.resolve() }
  #isFailing = false
  #closed = false

  constructor(options: RecordStreamOptions) {
    this.#options = options
    this.#group = new RecordGroup(options.links, options.keys, options.instance)
  }

  /** An entry is kept until the promise that the listener answers has resolved; a rejection puts it aside. The result ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#start()
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#stop()
    }
  }

  /** Resolves when what is in the shard's record now was acknowledged, by whichever instance; at the latest after `ms`. */
  async recorded(shard: Shard, ms: number): Promise<void> {
    const enough = new AbortController()
    try {
      await Promise.race([this.#group.emptied(shard, () => pause(LOOK_EVERY_MS, enough.signal)), pause(ms, enough.signal)])
    } catch (error) {
      // Who asks is shown what is written so far: PostgreSQL can be read while Redis is away.
      this.#complain(error)
    } finally {
      enough.abort()
    }
  }

  /** Takes no more, and acknowledges what is written soon; the rest stays with this consumer until another instance takes it over. */
  async [Symbol.asyncDispose]() {
    this.#listeners.clear()
    this.#stop()
    const enough = new AbortController()
    await Promise.race([Promise.all([this.#run.ended, this.#emptyHanded()]), pause(LAST_WORDS_MS, enough.signal)])
    enough.abort()
    this.#closed = true
    this.#inHand.clear()
    this.#ring()
    await this.#acknowledging
  }

  #start() {
    const before = this.#run.ended
    const stop = new AbortController()
    const work = async () => {
      await before
      await Promise.all([this.#read(stop.signal), this.#showLife(stop.signal)])
    }
    this.#run = { stop, ended: work() }
  }

  #stop() {
    this.#run.stop.abort()
    this.#ring()
    this.#group.endReading().catch(() => {
      // Then the reading ends by itself, or its connection has.
    })
  }

  async #read(signal: AbortSignal) {
    const { gatherMs = GATHER_MS } = this.#options
    while (!signal.aborted) {
      if (this.#roomPerShard === 0) await this.#bell.promise
      else await this.#attempt(signal, async () => this.#take(await this.#group.read(this.#roomPerShard)))
      if (gatherMs > 0) await pause(gatherMs, signal)
    }
  }

  async #showLife(signal: AbortSignal) {
    while (!signal.aborted) {
      await this.#attempt(signal, async () => this.#take(await this.#group.claim(this.#roomPerShard, [...this.#inHand.values()])))
      await pause(SIGN_OF_LIFE_EVERY_MS, signal)
    }
  }

  /** Half of what there is room for: what is read and what is taken over come at the same time. */
  get #roomPerShard() {
    return Math.max(0, Math.floor((MOST_IN_HAND - this.#inHand.size) / (2 * SHARDS)))
  }

  async #attempt(signal: AbortSignal, act: () => Promise<void>): Promise<void> {
    try {
      await act()
      this.#isFailing = false
    } catch (error) {
      if (signal.aborted) return
      const cause = isGroupForgotten(error) ? await this.#group.create().catch((failure: unknown) => failure) : error
      if (cause === undefined) return
      this.#complain(cause)
      await sleep(RETRY_MS)
    }
  }

  /** Once, until it works again. */
  #complain(error: unknown) {
    if (this.#isFailing || isOfTheLink(error)) return
    this.#isFailing = true
    this.#options.onError(error)
  }

  #take(pieces: readonly Piece[]) {
    // What comes when nobody listens any more is left for others.
    if (this.#listeners.size === 0) return
    for (const piece of pieces) {
      const name = `${piece.shard} ${piece.id}`
      if (this.#inHand.has(name)) continue
      this.#inHand.set(name, piece)
      void this.#handOut(piece)
    }
  }

  async #handOut({ shard, id, json }: Piece) {
    let refusal: string | null = null
    let bursts: string[] = []
    try {
      const entries = readRecord(json)
      bursts = entries.flatMap((entry) => ('burst' in entry ? [entry.burst.id] : []))
      this.#failAt('record.beforeCommit')
      const listeners = [...this.#listeners]
      // All of them, whatever becomes of the first: what can be written of a piece is.
      const results = await Promise.allSettled(entries.flatMap((entry) => listeners.map(async (listener) => listener(entry))))
      for (const result of results) if (result.status === 'rejected') throw result.reason
      this.#failAt('record.afterCommit')
    } catch (error) {
      refusal = String(error)
      this.#options.log.error({ err: error, bursts, shard, id }, 'a piece of the record cannot be written and is put aside')
    }
    this.#finished.push({ shard, id, refusal })
    this.#acknowledging ??= this.#acknowledge()
  }

  async #acknowledge() {
    while (this.#finished.length > 0 && !this.#closed) {
      // What was committed together is acknowledged together.
      await nextTurn()
      const pieces = this.#finished
      this.#finished = []
      const { left, error } = await this.#group.acknowledge(pieces)
      this.#finished.unshift(...left)
      for (const piece of pieces) if (!left.includes(piece)) this.#inHand.delete(`${piece.shard} ${piece.id}`)
      this.#ring()
      if (left.length === 0) this.#failAt('record.afterAck')
      else {
        this.#complain(error)
        await sleep(RETRY_MS)
      }
    }
    // In the same turn as the last look: what is finished later begins anew.
    this.#acknowledging = null
  }

  async #emptyHanded() {
    while (this.#inHand.size > 0) await this.#bell.promise
  }

  #ring() {
    this.#bell.resolve()
    this.#bell = Promise.withResolvers()
  }

  #failAt(point: string) {
    if (this.#options.failAt === point) process.kill(process.pid, 'SIGKILL')
  }
}
