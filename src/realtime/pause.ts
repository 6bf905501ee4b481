import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves after so long, or at once when it is called off: true if the time has passed. */
export const pause = (ms: number, signal: AbortSignal): Promise<boolean> =>
  sleep(ms, true, { signal }).catch(() => {
    // It was called off.
    return false
  })
