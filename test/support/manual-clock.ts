import type { Clock } from '../../src/realtime/clock.ts'

/** A clock that only moves when it is told to, and wakes who asked for it on the way. */
export class ManualClock implements Clock {
  #now = 1_800_000_000_000
  readonly #alarms = new Set<{ readonly at: number; readonly wake: () => void }>()

  now = () => this.#now

  wakeAt = (at: number, wake: () => void) => {
    const alarm = { at, wake }
    this.#alarms.add(alarm)
    return () => this.#alarms.delete(alarm)
  }

  /** Lets time pass, and everything that is told meanwhile arrive. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (let next = this.#nextBefore(end); next; next = this.#nextBefore(end)) {
      this.#alarms.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.wake()
      await delivered()
    }
    this.#now = end
    await delivered()
  }

  /** The wall clock is set back: nothing fires by that. */
  setBack(ms: number): void {
    this.#now -= ms
  }

  #nextBefore(end: number) {
    return [...this.#alarms].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
  }
}

/** Events are delivered in macrotasks of their own. */
async function delivered(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
}
