import { readFileSync } from 'node:fs'

/**
 * How long a busy machine let our processes wait for a processor. Times are measured by the clock on the wall; on a machine that is busy with
 * something else they say as much of that. So what may take a second may take a second and what was waited; and what this process computed
 * itself meanwhile, since other tests go on in it.
 */
class Machine {
  readonly #others = new Set<number>()

  /** Whose waiting counts, beside our own: those of NEDA, and each Redis. */
  follow(...pids: readonly number[]): void {
    for (const pid of pids) this.#others.add(pid)
  }

  /** Begins to count; the result tells the milliseconds so far. What is asked goes through us and at most three more, as two instances and Redis. */
  count(): () => number {
    for (const pid of this.#others) if (!schedstat(pid)) this.#others.delete(pid)
    const pids = [...this.#others]
    const [ourTime, atFirst] = [busyMs(), pids.map(waitedMs)]
    return () => {
      const waited = pids.map((pid, n) => Math.max(0, waitedMs(pid) - (atFirst[n] ?? 0)))
      const most = waited.toSorted((one, other) => other - one).slice(0, 3)
      return most.reduce((sum, ms) => sum + ms, busyMs() - ourTime)
    }
  }
}

const busyMs = () => ranMs(process.pid) + waitedMs(process.pid)
const ranMs = (pid: number) => schedstat(pid)?.[0] ?? 0
const waitedMs = (pid: number) => schedstat(pid)?.[1] ?? 0

/** The main thread's time on a processor, and on a run queue, in milliseconds. */
function schedstat(pid: number): readonly [ran: number, waited: number] | null {
  try {
    const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')
    return [Number(ran) / 1e6, Number(waited) / 1e6]
  } catch {
    // Not on Linux, or the process has ended: then nothing is known, and nothing is allowed for.
    return null
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

  /** Fails if it has taken longer, the machine's part aside, or less long than `leastMs`. */
  expect(mostMs: number, leastMs = 0): void {
    const said = `it took ${Math.round(this.ms)} ms, of which the machine is allowed ${Math.round(this.#waited())}`
    if (this.isPast(mostMs)) throw new Error(`${said}: it may take ${mostMs}`)
    if (this.ms + this.#waited() < leastMs) throw new Error(`${said}: it must take ${leastMs}`)
  }

  /** Whether more than so much has passed, the machine's part aside. */
  isPast(ms: number): boolean {
    return this.ms > ms && this.ms > Math.min(ms + this.#waited(), MOST_ALLOWANCE * ms)
  }
}
