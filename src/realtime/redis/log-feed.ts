import type { Position } from '../events.ts'

/** In one step: what happened since `after`, and how things stand. `gap`: what happened is not known any more. */
export type ReadLog<Event extends Position, Snapshot extends Position> = (
  after: Position,
) => Promise<{ missed: readonly Event[]; snapshot: Snapshot; gap: boolean }>

export interface LogFeedDeps<Event extends Position, Snapshot extends Position> {
  readonly read: ReadLog<Event, Snapshot>
  readonly tell: (event: Event) => void
  /** What happened can't be told any more: how things stand instead. */
  readonly lost: (snapshot: Snapshot) => void
  /** False while nobody listens: then nothing is read. */
  readonly isHeard: () => boolean
  readonly onError: (error: unknown) => void
}

/** So many events are kept while the log is read. If more come, it is read again instead. */
export const HELD_MOST = 1_000

/**
 * One log of one group as this process tells it: publications may be lost, come twice or late, and still every event is told once and in
 * order, or it is said that some were lost. The log in Redis is the truth, and its numbers show what is missing. It has no timer: if the log
 * can't be read, the next event or comparison finds the same hole again.
 */
export class LogFeed<Event extends Position, Snapshot extends Position> {
  readonly #deps: LogFeedDeps<Event, Snapshot>
  /** What has been told up to here. */
  #position: Position | null = null
  #state: 'OPENING' | 'LIVE' | 'READING' | 'ENDED' = 'OPENING'
  /** What came while opening, or after a read was sent. What came before is in the log that is read. */
  #held: Event[] = []
  #hasOverflown = false
  #hasComplained = false

  constructor(deps: LogFeedDeps<Event, Snapshot>) {
    this.#deps = deps
  }

  /** Null until it has begun. */
  get position(): Position | null {
    return this.#position
  }

  /** Publications are heard already, and this is where the log stood at some moment since. */
  begin(head: Position): void {
    if (this.#state !== 'OPENING') return
    this.#state = 'LIVE'
    this.#position = head
    this.#goOn()
  }

  /** A publication. */
  hear(event: Event): void {
    if (this.#state === 'LIVE') this.#accept(event)
    else this.#hold(event)
  }

  /** Where the log stood at some moment after this feed stood at `asked`. */
  compare(head: Position, asked: Position): void {
    const isMissing = head.epoch !== this.#position?.epoch || head.sequence > this.#position.sequence
    // Redis came back with an older state of the same epoch: what it tells next would look like repeats.
    const wentBack = head.epoch === asked.epoch && head.sequence < asked.sequence
    if (isMissing || wentBack) this.#missing(head)
  }

  end(): void {
    this.#state = 'ENDED'
    this.#held = []
  }

  #accept(event: Event) {
    if (this.#isNext(event)) this.#tell(event)
    else if (event.epoch !== this.#position?.epoch || event.sequence > this.#position.sequence) this.#missing(event)
  }

  #isNext(event: Event): boolean {
    return event.epoch === this.#position?.epoch && event.sequence === this.#position.sequence + 1
  }

  #missing(head: Position) {
    if (this.#state !== 'LIVE') return
    if (this.#deps.isHeard()) this.#repair()
    else this.#position = place(head)
  }

  #repair() {
    const after = this.#position
    if (!after) return
    this.#state = 'READING'
    this.#hasOverflown = false
    void this.#read(after)
  }

  async #read(after: Position) {
    try {
      const reading = await this.#deps.read(after)
      if (this.#state !== 'READING') return
      this.#state = 'LIVE'
      this.#hasComplained = false
      this.#tellReading(reading)
      this.#goOn()
    } catch (error) {
      if (this.#state === 'ENDED') return
      this.#state = 'LIVE'
      this.#held = []
      // Once, for it is tried again and again.
      if (!this.#hasComplained) this.#deps.onError(error)
      this.#hasComplained = true
    }
  }

  #tellReading({ missed, snapshot, gap }: Awaited<ReturnType<ReadLog<Event, Snapshot>>>) {
    if (!gap) for (const event of missed) if (this.#isNext(event)) this.#tell(event)
    if (!gap && snapshot.epoch === this.#position?.epoch && snapshot.sequence === this.#position.sequence) return
    this.#position = place(snapshot)
    this.#deps.lost(snapshot)
  }

  /** What was held follows. If something is missing in it, the log is read again, and the rest is found there. */
  #goOn() {
    const held = this.#held
    this.#held = []
    const [first] = held
    if (this.#hasOverflown && first) this.#missing(first)
    for (const event of held) if (this.#state === 'LIVE') this.#accept(event)
  }

  #hold(event: Event) {
    if (this.#state === 'ENDED') return
    if (this.#held.length < HELD_MOST) this.#held.push(event)
    else this.#hasOverflown = true
  }

  #tell(event: Event) {
    this.#position = place(event)
    this.#deps.tell(event)
  }
}

const place = ({ epoch, sequence }: Position): Position => ({ epoch, sequence })
