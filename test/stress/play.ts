import type { Report } from './report.ts'

export interface Turn {
  readonly name: string
  readonly round: number
  readonly longestMs: number
  /** How often it is played while the instances do not answer in time; 1 if absent. */
  readonly tries?: number
  /** Ends it, and whatever would come after it. */
  readonly callOff: AbortSignal
}

/** The signal that a terminal or a supervisor sends ends everything in good order. */
export function callOffBySignal(): AbortSignal {
  const callOff = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => callOff.abort(new Error('it was called off')))
  return callOff.signal
}

/**
 * What an instance says that does not get to Redis or PostgreSQL in time. On a machine that is busy with something else that happens though
 * nothing is broken, and what a scenario was to show is then not shown: it is played again, and that is said.
 */
const NOT_PLAYED = /REALTIME_UNAVAILABLE|SERVICE_UNAVAILABLE|RATE_LIMITED/

/** Plays one scenario to its end, or until it takes too long, and reports it. */
export async function playInTime(report: Report, turn: Turn, play: () => Promise<void>): Promise<void> {
  const { name, round, callOff, tries = 1 } = turn
  if (callOff.aborted) return
  const began = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      await once(turn, play)
      return report.passed(name, performance.now() - began, attempt)
    } catch (error) {
      const again = attempt < tries && NOT_PLAYED.test(String(error)) && !callOff.aborted
      if (!again) return report.failed(name, performance.now() - began, error, round)
    }
  }
}

async function once({ longestMs, callOff }: Turn, play: () => Promise<void>): Promise<void> {
  const { promise: over, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`it did not end within ${longestMs} ms`)), longestMs)
  const end = () => reject(callOff.reason)
  callOff.addEventListener('abort', end)
  try {
    await Promise.race([play(), over])
  } finally {
    clearTimeout(timer)
    callOff.removeEventListener('abort', end)
  }
}
