import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import { isOutage } from './outages.ts'

const PATIENCE_MS = 20_000
const PAUSE_MS = 500

/**
 * What a start asks of PostgreSQL. After a power cut everything starts at once: a database that is not there yet, or too busy to answer in time,
 * is asked again, so that nobody has to start things in an order. Only for what may be done twice; what is wrong, not late, is thrown at once.
 */
export async function atStart<Result>(log: Logger, work: () => Promise<Result>, patienceMs = PATIENCE_MS): Promise<Result> {
  const deadline = performance.now() + patienceMs
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await work()
    } catch (err) {
      if (!(err instanceof Error && isOutage(err))) throw err
      if (performance.now() > deadline) throw new Error(`PostgreSQL does not answer: ${err.message}`, { cause: err })
      if (isFirst) log.warn({ err }, 'PostgreSQL does not answer yet, and is asked again')
      await sleep(PAUSE_MS)
    }
  }
}
