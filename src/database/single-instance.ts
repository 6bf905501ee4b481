import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../logger.ts'

/** Any number, as long as every NEDA takes the same. */
const LOCK = 7_346_283
const RETRY_MS = 200

export interface SingleInstance extends AsyncDisposable {
  /** Rejects when another instance has taken over after this one lost its connection; never resolves. */
  readonly lost: Promise<never>
}

/**
 * Makes sure that no second instance shares the database while each keeps the floor in its own process, or a group could have two speakers.
 * The lock is a session's, so PostgreSQL frees it when this process dies.
 */
export async function holdAlone(url: string, log: Logger, waitMs = 15_000): Promise<SingleInstance> {
  let client = await acquire(url, Date.now() + waitMs)
  const closing = new AbortController()
  const { promise: lost, reject } = Promise.withResolvers<never>()
  // Whoever waits for it hears of it; while nobody waits it must not end the process as an unhandled rejection.
  lost.catch(() => {})

  const keep = () => {
    client.once('error', (err) => {
      if (closing.signal.aborted) return
      log.warn({ err }, 'the lock of the only instance was lost with its connection, taking it again')
      void again()
    })
  }
  const again = async () => {
    while (!closing.signal.aborted) {
      try {
        client = await acquire(url, Date.now())
        keep()
        return
      } catch (error) {
        if (error instanceof InUse) return reject(error)
        await sleep(RETRY_MS, undefined, { ref: false })
      }
    }
  }
  keep()
  return {
    lost,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await client.end()
    },
  }
}

class InUse extends Error {}

async function acquire(url: string, deadline: number): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000, keepAlive: true })
  await client.connect()
  for (;;) {
    const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [LOCK])
    if (rows[0]?.held) return client
    if (Date.now() >= deadline) break
    await sleep(RETRY_MS)
  }
  await client.end()
  throw new InUse('Another NEDA uses this database, and both keep the floor in their own process: stop it first.')
}
