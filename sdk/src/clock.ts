/** How time passes. An app gives none; tests give one that stands still. */
export interface Clock {
  /** Milliseconds from some beginning. Never goes back, and does not miss the time in which the device slept. */
  now(): number
  /** Milliseconds since 1970, as far as the device knows. */
  wall(): number
  /** Wakes once, not before so many milliseconds. The result calls it off. */
  after(ms: number, wake: () => void): () => void
}

/**
 * The monotonic clock of many devices stands still while they sleep, and the wall clock can be set back. Whoever holds the floor for so many
 * milliseconds must believe the one that says that more time has passed.
 */
export function systemClock(): Clock {
  let ahead = Number.NEGATIVE_INFINITY
  return {
    now: () => {
      const steady = performance.now()
      ahead = Math.max(ahead, Date.now() - steady)
      return steady + ahead
    },
    wall: () => Date.now(),
    after: (ms, wake) => {
      const timer = setTimeout(wake, ms)
      return () => clearTimeout(timer)
    },
  }
}

/** Resolves after so many milliseconds, or when the signal says that nobody waits any more. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(ms, done)
    signal?.addEventListener('abort', done)
  })
}
