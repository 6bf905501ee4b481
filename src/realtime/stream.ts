import { Refusal, type RefusalCode } from '../errors.ts'
import type { GroupId } from '../ids.ts'
import type { EventLog } from './engine.ts'
import type { Position } from './events.ts'

/** The state at once: what a stream carries before anything live, and again where events were lost. */
export interface SnapshotItem<Snapshot> {
  readonly kind: 'SNAPSHOT'
  readonly snapshot: Snapshot
  /** True when something happened that this stream can't tell any more. */
  readonly gap: boolean
}

/** The last item of a stream that the server ends. */
export interface EndItem {
  readonly kind: 'END'
  readonly code: RefusalCode
}

export type StreamItem<Event, Snapshot> = Event | SnapshotItem<Snapshot> | EndItem

/** So many events wait for a slow reader; then it gets the newest state instead; then, if it still does not read, its stream ends. */
const BUFFERED_EVENTS = 64

/**
 * Everything after `after` in order, then one snapshot, then every change as it happens: subscribe first, then read, then drop what the
 * reading already told. Written by hand and not as a generator, whose `return()` would wait for an event that may never come.
 */
export async function openStream<Event extends Position, Snapshot extends Position>(
  log: EventLog<Event, Snapshot>,
  groupId: GroupId,
  after?: Position,
): Promise<Stream<Event, Snapshot>> {
  const stream = new Stream<Event, Snapshot>(() => log.read(groupId))
  stream.onEnd(await log.subscribe(groupId, (event) => stream.push(event)))
  try {
    stream.start(await log.read(groupId, after))
  } catch (error) {
    await stream.return()
    throw error
  }
  return stream
}

export class Stream<Event extends Position, Snapshot extends Position> implements AsyncIterableIterator<StreamItem<Event, Snapshot>> {
  readonly #read: () => Promise<{ snapshot: Snapshot }>
  readonly #items: StreamItem<Event, Snapshot>[] = []
  readonly #cleanups: (() => void)[] = []
  #waiting: ((result: IteratorResult<StreamItem<Event, Snapshot>>) => void) | null = null
  /** What has been told up to here; events before it are repeats. */
  #position: Position | null = null
  /** Events that came while no snapshot was there to put them behind: at the start, and after an overflow. */
  #held: Event[] = []
  #state: 'STARTING' | 'LIVE' | 'OVERFLOWN' | 'ENDED' = 'STARTING'

  constructor(read: () => Promise<{ snapshot: Snapshot }>) {
    this.#read = read
  }

  start({ missed, snapshot, gap }: { missed: readonly Event[]; snapshot: Snapshot; gap: boolean }): void {
    if (this.#state === 'ENDED') return
    this.#items.push(...missed)
    this.#resume(snapshot, gap)
  }

  push(event: Event): void {
    if (this.#state === 'LIVE') this.#accept(event)
    else if (this.#state !== 'ENDED') this.#hold(event)
  }

  /** The server ends this stream: what waits is told, then the reason, then it completes. */
  end(code: RefusalCode): void {
    if (this.#state === 'ENDED') return
    this.#items.push({ kind: 'END', code })
    this.#close()
    this.#flush()
  }

  onEnd(cleanup: () => void): void {
    if (this.#state === 'ENDED') cleanup()
    else this.#cleanups.push(cleanup)
  }

  async next(): Promise<IteratorResult<StreamItem<Event, Snapshot>>> {
    if (this.#state === 'OVERFLOWN' && this.#items.length === 0) {
      const { snapshot } = await this.#read()
      if (this.#state === 'OVERFLOWN') this.#resume(snapshot, true)
    }
    const item = this.#items.shift()
    if (item !== undefined) return { value: item, done: false }
    if (this.#state === 'ENDED') return { value: undefined, done: true }
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  async return(): Promise<IteratorResult<StreamItem<Event, Snapshot>>> {
    this.#items.length = 0
    this.#close()
    this.#flush()
    return { value: undefined, done: true }
  }

  async throw(error: unknown): Promise<IteratorResult<StreamItem<Event, Snapshot>>> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #resume(snapshot: Snapshot, gap: boolean) {
    const held = this.#held
    this.#held = []
    this.#items.push({ kind: 'SNAPSHOT', snapshot, gap })
    this.#position = snapshot
    this.#state = 'LIVE'
    for (const event of held) this.push(event)
    this.#flush()
  }

  #accept(event: Event) {
    const { epoch, sequence } = this.#position ?? event
    if (this.#position && event.epoch === epoch && event.sequence <= sequence) return
    if (this.#items.length >= BUFFERED_EVENTS) {
      this.#items.length = 0
      this.#state = 'OVERFLOWN'
      this.#hold(event)
      return
    }
    this.#position = event
    this.#items.push(event)
    this.#flush()
  }

  #hold(event: Event) {
    this.#held.push(event)
    if (this.#held.length > BUFFERED_EVENTS) this.end('SLOW_CONSUMER')
  }

  #flush() {
    if (!this.#waiting) return
    const item = this.#items.shift()
    if (item === undefined && this.#state !== 'ENDED') return
    const resolve = this.#waiting
    this.#waiting = null
    resolve(item === undefined ? { value: undefined, done: true } : { value: item, done: false })
  }

  #close() {
    this.#state = 'ENDED'
    this.#held = []
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
  }
}

/** The item itself, unless it is the end that the server made: that is thrown, for the reader to see why. */
export function ended<Item>(item: Item | EndItem): Item {
  if (isEnd(item)) throw new Refusal(item.code)
  return item
}

const isEnd = (item: unknown): item is EndItem => typeof item === 'object' && item !== null && 'kind' in item && item.kind === 'END'
