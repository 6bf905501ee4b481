import { Refusal } from '../errors.ts'

/** So often those who wait are looked at. */
const TURN_MS = 10
/** When a turn comes so late, the process has more to do than it can: then so much of the rate is let in. */
const LATE_MS = 20
const WHEN_LATE = 0.25
/** Who would wait longer than this is told to come back. */
const LONGEST_WAIT_MS = 5_000
/** So much of a second's openings may come at once after a pause. */
const AT_ONCE = 0.1
/** Told to who is sent away: at least so long, and no two the same. */
const RETRY_AFTER_MS = { least: 1_000, most: 6_000 }

interface Waiting {
  readonly since: number
  readonly enter: () => void
  readonly refuse: (reason: Refusal) => void
}

/**
 * The door for what stays open: WebSockets and HTTP streams. When an instance dies, thousands come to the next one in the same second, and
 * each of them costs it more than many presses. So they are let in at a rate, and at a lower one while the process does not keep up; those beyond
 * wait in the order in which they came, and when that would take too long they are told when to come back, before anything is done for them.
 *
 * It is a rate and not a number at once: who opens slowly, or on purpose never ends opening, keeps nobody out. Requests are not held up here,
 * so who talks renews and releases by a plain POST while its socket waits.
 */
export class Admission implements Disposable {
  readonly #perMs: number
  readonly #mostAtOnce: number
  readonly #mostWaiting: number
  readonly #waiting: Waiting[] = []
  #places: number
  #countedAt = performance.now()
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1_000
    this.#mostAtOnce = Math.max(1, perSecond * AT_ONCE)
    this.#mostWaiting = Math.ceil(this.#perMs * LONGEST_WAIT_MS)
    this.#places = this.#mostAtOnce
  }

  /** Resolves when it is one's turn. SERVICE_UNAVAILABLE, with when to come back, for who would wait too long, and for all when it ends. */
  async admit(): Promise<void> {
    if (this.#hasEnded || this.#waiting.length >= this.#mostWaiting) throw comeBack()
    if (this.#waiting.length === 0) {
      this.#count(performance.now())
      if (this.#places >= 1) {
        this.#places -= 1
        return
      }
    }
    const { promise, resolve: enter, reject: refuse } = Promise.withResolvers<void>()
    this.#waiting.push({ since: performance.now(), enter, refuse })
    this.#timer ??= this.#nextTurn()
    await promise
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true
    clearTimeout(this.#timer)
    for (const { refuse } of this.#waiting.splice(0)) refuse(comeBack())
  }

  #nextTurn(): NodeJS.Timeout {
    const dueAt = performance.now() + TURN_MS
    return setTimeout(() => this.#turn(performance.now() - dueAt), TURN_MS)
  }

  #turn(lateMs: number) {
    const now = performance.now()
    this.#count(now, lateMs > LATE_MS ? WHEN_LATE : 1)
    for (; this.#places >= 1; this.#places--) {
      const next = this.#waiting.shift()
      if (!next) break
      next.enter()
    }
    while (now - (this.#waiting[0]?.since ?? now) > LONGEST_WAIT_MS) this.#waiting.shift()?.refuse(comeBack())
    this.#timer = this.#waiting.length > 0 ? this.#nextTurn() : undefined
  }

  #count(now: number, part = 1) {
    this.#places = Math.min(this.#mostAtOnce, this.#places + (now - this.#countedAt) * this.#perMs * part)
    this.#countedAt = now
  }
}

const comeBack = () =>
  new Refusal('SERVICE_UNAVAILABLE', {
    sentence: 'Not now: come back a little later.',
    retryAfterMs: RETRY_AFTER_MS.least + Math.floor(Math.random() * (RETRY_AFTER_MS.most - RETRY_AFTER_MS.least)),
  })
