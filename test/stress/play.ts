import type { Report } from './report.ts'

export interface Turn {
  readonly name: string
  readonly round: number
  readonly longestMs: number
  /** Ends it, and whatever would come after it. */
  readonly callOff: AbortSignal
}

/** The signal that a terminal or a supervisor sends ends everything in good order. */
export function callOffBySignal(): AbortSignal {
  const callOff = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => callOff.abort(new Error('it was called off')))
  return callOff.signal
}

/** Plays one scenario to its end, or until it takes too long, and reports it. */
export async function playInTime(report: Report, { name, round, longestMs, callOff }: Turn, play: () => Promise<void>): Promise<void> {
  if (callOff.aborted) return
  const began = performance.now()
  const { promise: over, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`it did not end within ${longestMs} ms`)), longestMs)
  const end = () => reject(callOff.reason)
  callOff.addEventListener('abort', end)
  try {
    await Promise.race([play(), over])
    report.passed(name, performance.now() - began)
  } catch (error) {
    report.failed(name, performance.now() - began, error, round)
  } finally {
    clearTimeout(timer)
    callOff.removeEventListener('abort', end)
  }
}
