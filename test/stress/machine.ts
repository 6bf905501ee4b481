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

/** Measures how long something takes, with allowance for a busy machine. */
export class Stopwatch {
  readonly #began = performance.now()
  readonly #waited = machine.count()

  get ms(): number {
    return performance.now() - this.#began
  }

  /** Fails if it has taken longer, or less long than `least`. */
  expect(mostMs: number, leastMs = 0): void {
    const { ms } = this
    const waited = this.#waited()
    const said = `it took ${Math.round(ms)} ms, of which the machine was busy for ${Math.round(waited)}`
    if (ms - waited > mostMs) throw new Error(`${said}, and may take ${mostMs}`)
    if (ms + waited < leastMs) throw new Error(`${said}, and must take ${leastMs}`)
  }

  /** Whether more than so much has passed, the machine's part aside. */
  isPast(ms: number): boolean {
    return this.ms > ms && this.ms - this.#waited() > ms
  }
}
