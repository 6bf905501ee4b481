import { sleep } from './clock.ts'
import type { Environment } from './environment.ts'

const FIRST_MS = 1_000
const LONGEST_MS = 15_000

/**
 * How long all that failed wait before they try again: a random part of a time that doubles (full jitter), so that a fleet that was cut off at
 * one instant does not come back at one instant. Everybody waits for the same instant: one connection serves them all.
 */
export class Backoff {
  readonly #environment: Pick<Environment, 'clock' | 'random'>
  #failures = 0
  #waiting: { readonly promise: Promise<void>; readonly end: () => void } | null = null

  constructor(environment: Pick<Environment, 'clock' | 'random'>) {
    this.#environment = environment
  }

  /** It works: the next failure is the first. */
  worked(): void {
    this.#failures = 0
  }

  /** Not before `atLeastMs`, which the server asked for. */
  wait(atLeastMs = 0): Promise<void> {
    this.#waiting ??= this.#begin(atLeastMs)
    return this.#waiting.promise
  }

  /** Whoever waits tries at once: the network is back, or the app has been woken. */
  wake(): void {
    this.#failures = 0
    this.#waiting?.end()
  }

  #begin(atLeastMs: number) {
    const { clock, random } = this.#environment
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures)
    this.#failures += 1
    const over = new AbortController()
    const wait = async () => {
      await sleep(clock, atLeastMs + random() * longest, over.signal)
      this.#waiting = null
    }
    return { promise: wait(), end: () => over.abort() }
  }
}
