import type { Clock } from '../../sdk/src/index.ts'
import type { ManualClock } from '../support/manual-clock.ts'

/** A device's clock, on the time of a test: in whole milliseconds, as timers are. While the device sleeps time passes for it, but nothing wakes. */
export class DeviceClock implements Clock {
  readonly #time: ManualClock
  readonly #overdue: (() => void)[] = []
  #isAsleep = false

  constructor(time: ManualClock) {
    this.#time = time
  }

  now = () => this.#time.now()
  wall = () => this.#time.now()

  after = (ms: number, wake: () => void) => {
    let isOff = false
    const due = () => {
      if (isOff) return
      if (this.#isAsleep) this.#overdue.push(due)
      else wake()
    }
    const callOff = this.#time.wakeAt(this.#time.now() + Math.ceil(ms), due)
    return () => {
      isOff = true
      callOff()
    }
  }

  sleep(): void {
    this.#isAsleep = true
  }

  wake(): void {
    this.#isAsleep = false
    for (const due of this.#overdue.splice(0)) due()
  }
}
