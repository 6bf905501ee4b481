import type { Position } from '../../../src/realtime/events.ts'
import { LogFeed } from '../../../src/realtime/redis/log-feed.ts'

interface Event extends Position {
  readonly kind: 'TAKEN'
}

interface Reading {
  readonly missed: readonly Event[]
  readonly snapshot: Position
  readonly gap: boolean
}

interface Ask {
  readonly after: Position
  readonly answer: PromiseWithResolvers<Reading>
  reading: Reading | null
}

const KEPT = 6

/** A log as Redis has it, a channel that loses, repeats and reorders, and a feed that reads both. */
export class LossyLog {
  readonly feed: LogFeed<Event, Position>
  readonly told: string[] = []
  /** What was told although it must not be. */
  readonly wrongs: string[] = []
  isHeard = true
  /** Where the listener is, by what it was told. */
  listener: Position
  errors = 0
  #epoch = 0
  #sequence = 0
  #log: Event[] = []
  readonly #wire: Event[] = []
  readonly #asks: Ask[] = []
  readonly #heads: { head: Position | null; readonly asked: Position }[] = []
  /** Something made it impossible to tell everything. */
  #mayLose = false
  #mayGoBack = false

  constructor({ begins = true } = {}) {
    this.feed = new LogFeed({
      read: (after) => {
        const ask = { after, answer: Promise.withResolvers<Reading>(), reading: null }
        this.#asks.push(ask)
        return ask.answer.promise
      },
      tell: (event) => this.#tell(event),
      lost: (snapshot) => this.#lose(snapshot),
      isHeard: () => this.isHeard,
      onError: () => (this.errors += 1),
    })
    this.listener = this.head
    if (begins) this.feed.begin(this.head)
  }

  get head(): Position {
    return { epoch: `e${this.#epoch}`, sequence: this.#sequence }
  }

  get readsInFlight(): number {
    return this.#asks.length
  }

  happen(isPublished = true): void {
    this.#sequence += 1
    const event = { ...this.head, kind: 'TAKEN' as const }
    this.#log = [...this.#log, event].slice(-KEPT)
    if (isPublished) this.#wire.push(event)
  }

  /** Hands over a publication that is on its way, not always the oldest, and perhaps not for the last time. */
  deliver(which: number, again: boolean): void {
    const n = this.#wire.length === 0 ? 0 : which % this.#wire.length
    const [event] = again ? this.#wire.slice(n, n + 1) : this.#wire.splice(n, 1)
    if (event) this.feed.hear(event)
  }

  forgetState(): void {
    this.#epoch += 1
    this.#sequence = 0
    this.#log = []
    this.#mayLose = true
  }

  goBack(by: number): void {
    this.#sequence = Math.max(0, this.#sequence - by)
    this.#log = this.#log.filter(({ sequence }) => sequence <= this.#sequence)
    this.#wire.length = 0
    this.#mayLose = this.#mayGoBack = true
  }

  trim(): void {
    this.#log = this.#log.slice(-1)
    this.#mayLose = true
  }

  /** Redis runs the oldest read that it has not run yet. */
  runRead(): void {
    const ask = this.#asks.find(({ reading }) => reading === null)
    if (ask) ask.reading = this.#read(ask.after)
  }

  async answerRead(): Promise<void> {
    const [ask] = this.#asks
    if (!ask?.reading) return
    this.#asks.shift()
    ask.answer.resolve(ask.reading)
    await settle()
  }

  async failRead(): Promise<void> {
    this.#asks.shift()?.answer.reject(new Error('Redis is away'))
    await settle()
  }

  askHead(): void {
    if (this.feed.position) this.#heads.push({ head: null, asked: this.feed.position })
  }

  runHead(): void {
    const asked = this.#heads.find(({ head }) => head === null)
    if (asked) asked.head = this.head
  }

  answerHead(): void {
    const [first] = this.#heads
    if (!first?.head) return
    this.#heads.shift()
    this.feed.compare(first.head, first.asked)
  }

  /** Nothing of what is on its way arrives, nothing new happens, and Redis answers: beats alone must make it whole. */
  async converge(): Promise<void> {
    this.#heads.length = 0
    this.#wire.length = 0
    for (let beat = 0; beat < 4; beat++) {
      this.askHead()
      this.runHead()
      this.answerHead()
      for (; this.#asks.length > 0; await this.answerRead()) this.runRead()
    }
  }

  #read(after: Position): Reading {
    const { head: snapshot } = this
    const missed = this.#log.filter(({ sequence }) => sequence > after.sequence)
    const isWhole = after.epoch === snapshot.epoch && after.sequence + missed.length === snapshot.sequence
    const [oldest] = this.#log
    if (oldest && after.epoch === snapshot.epoch && after.sequence < oldest.sequence - 1) this.#mayLose = true
    return isWhole ? { missed, snapshot, gap: false } : { missed: [], snapshot, gap: true }
  }

  #tell(event: Event) {
    const { epoch, sequence } = this.listener
    if (this.isHeard && (event.epoch !== epoch || event.sequence !== sequence + 1))
      this.wrongs.push(`told ${at(event)} after ${at(this.listener)}`)
    this.listener = event
    this.told.push(at(event))
  }

  #lose(snapshot: Position) {
    if (!this.#mayLose) this.wrongs.push(`lost ${at(snapshot)} for no reason`)
    if (!this.#mayGoBack && !isAfter(snapshot, this.listener)) this.wrongs.push(`lost ${at(snapshot)} after ${at(this.listener)}`)
    this.listener = snapshot
    this.told.push(`lost ${at(snapshot)}`)
  }
}

export const at = ({ epoch, sequence }: Position) => `${epoch}:${sequence}`

const isAfter = (one: Position, other: Position) => {
  const [a, b] = [Number(one.epoch.slice(1)), Number(other.epoch.slice(1))]
  return a > b || (a === b && one.sequence > other.sequence)
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve()
}
