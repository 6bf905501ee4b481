import { setTimeout as sleep } from 'node:timers/promises'

/** One call of the RoomService, as it arrives. */
export interface Call {
  readonly method: string
  readonly room: string
  readonly identity: string
  /** Of a permission that is set: whether it may publish. */
  readonly canPublish: boolean | null
}

/** What becomes of a call, if it does not simply succeed. */
export interface Fate {
  /** It is carried out so much later, also when who asked has given up. */
  readonly lateMs?: number
  /** It is carried out after the next one that suffers the same. */
  readonly overtaken?: boolean
  /** CALL: it never arrives. ANSWER: it is carried out, and nobody is told. */
  readonly lost?: 'CALL' | 'ANSWER'
  /** Something in between answers with a page of its own, and passes nothing on. */
  readonly status?: number
}

export type Which = (call: Call) => boolean

/** After so long a call that waits to be overtaken goes on. */
const OVERTAKEN_WITHIN_MS = 500

const all: Which = () => true

/** What calls suffer now, until `mend`. */
export class Faults {
  /** Decides for each call that arrives. */
  fate: (call: Call) => Fate = () => ({})
  #waiting: PromiseWithResolvers<void> | null = null
  #paused: PromiseWithResolvers<void> | null = null

  /** Calls get lost on their way: their callers hear nothing. */
  drop(which = all): void {
    this.#let({ lost: 'CALL' }, which)
  }

  /** Calls are carried out, but their callers hear nothing. */
  loseAnswers(which = all): void {
    this.#let({ lost: 'ANSWER' }, which)
  }

  delay(lateMs: number, which = all): void {
    this.#let({ lateMs }, which)
  }

  /** Of two calls the second is carried out first. */
  reorder(which = all): void {
    this.#let({ overtaken: true }, which)
  }

  /** A proxy in between has nobody to ask. */
  refuse(status: number, which = all): void {
    this.#let({ status }, which)
  }

  /** The process stands still: what is asked meanwhile it does when it goes on. */
  pause(): void {
    this.#paused ??= Promise.withResolvers()
  }

  mend(): void {
    this.fate = () => ({})
    this.#waiting?.resolve()
    this.#paused?.resolve()
    this.#paused = null
  }

  /** Resolves when it does not stand still. */
  async running(): Promise<void> {
    await this.#paused?.promise
  }

  /** Waits as long as a call of this fate has to. */
  async suffer({ lateMs = 0, overtaken = false }: Fate): Promise<void> {
    await this.running()
    if (lateMs > 0) await sleep(lateMs, undefined, { ref: false })
    if (overtaken) await this.#beOvertaken()
  }

  #let(fate: Fate, which: Which) {
    this.fate = (call) => (which(call) ? fate : {})
  }

  async #beOvertaken(): Promise<void> {
    const former = this.#waiting
    if (former) {
      this.#waiting = null
      // After this one, which is carried out in this turn.
      setImmediate(former.resolve)
      return
    }
    const own = Promise.withResolvers<void>()
    this.#waiting = own
    await Promise.race([own.promise, sleep(OVERTAKEN_WITHIN_MS, undefined, { ref: false })])
    if (this.#waiting === own) this.#waiting = null
  }
}
