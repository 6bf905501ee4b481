import { readFileSync } from 'node:fs'

/**
 * How long a busy machine let our processes wait for a processor. Times are measured by the clock on the wall; on a machine that is busy with
 * something else they say as much of that. So what may take a second may take a second and what was waited.
 */
class Machine {
  #pids: readonly number[] = []
  #redis: number | null = null

  /** Whose waiting counts, beside our own. */
  follow(instances: readonly number[], redis: number): void {
    this.#pids = instances
    this.#redis = redis
  }

  /** Begins to count; the result tells the milliseconds so far. What is asked goes through two instances, Redis and us. */
  count(): () => number {
    const began = this.#waits()
    return () => {
      const [ours = 0, redis = 0, ...instances] = this.#waits().map((wait, n) => Math.max(0, wait - (began[n] ?? 0)))
      const [first = 0, second = 0] = instances.toSorted((one, other) => other - one)
      return ours + redis + first + second
    }
  }

  #waits(): number[] {
    return [process.pid, this.#redis, ...this.#pids].map((pid) => (pid === null ? 0 : waitedMs(pid)))
  }
}

/** The main thread's time on a run queue, in milliseconds. */
function waitedMs(pid: number): number {
  try {
    const [, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')
    return Number(waited) / 1e6
  } catch {
    // Not on Linux, or the process has ended: then nothing is known, and nothing is allowed for.
    return 0
  }
}

export const machine = new Machine()

/** However busy the machine is, nothing may take more than so many times as long. */
const MOST_ALLOWANCE = 4

/** Measures how long something takes, with allowance for a busy machine. */
export class Stopwatch {
  readonly #began = performance.now()
  readonly #waited = machine.count()

  get ms(): number {
    return performance.now() - this.#began
  }

  /** Fails if it has taken longer, or less long than `leastMs`. */
  expect(mostMs: number, leastMs = 0): void {
    const said = `it took ${Math.round(this.ms)} ms, and waited ${Math.round(this.#waited())} for a processor`
    if (this.isPast(mostMs)) throw new Error(`${said}: it may take ${mostMs}`)
    if (this.ms + this.#waited() < leastMs) throw new Error(`${said}: it must take ${leastMs}`)
  }

  /** Whether more than so much has passed, the machine's part aside. */
  isPast(ms: number): boolean {
    return this.ms > ms && this.ms > Math.min(ms + this.#waited(), MOST_ALLOWANCE * ms)
  }
}
