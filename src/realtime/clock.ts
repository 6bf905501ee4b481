/** Engine time, and the one way to be woken at an instant of it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `wake` once at `at` or soon after; the result calls it off. */
  wakeAt(at: number, wake: () => void): () => void
}

/** Node fires a timer that is further away than this at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: Date.now,
  wakeAt(at, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(0, at - Date.now()), LONGEST_TIMER_MS))
    return () => clearTimeout(timer)
  },
}
