import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../logger.ts'

/** Any number, as long as every NEDA takes the same. */
const LOCK = 7_346_283
const RETRY_MS = 200
/** A server that does not answer any more is left after this. */
const LAST_WORDS_MS = 1_000

export interface SingleInstance extends AsyncDisposable {
  /** Rejects when another instance has taken over after this one lost its connection; never resolves. */
  readonly lost: Promise<never>
}

export interface Sharing {
  /** Whether others that keep the floor where all of them see it may use the database too. */
  readonly shared: boolean
  readonly waitMs?: number
}

/**
 * Makes sure that no instance that keeps the floor in its own process shares the database with another, or a group could have two speakers.
 * The lock is a session's, so PostgreSQL frees it when this process dies.
 */
export async function holdDatabase(url: string, log: Logger, { shared, waitMs = 15_000 }: Sharing): Promise<SingleInstance> {
  let client = await acquire(url, shared, Date.now() + waitMs)
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
        const next = await acquire(url, shared, Date.now())
        // Asked to stop meanwhile: a connection that is left open would keep the process.
        if (closing.signal.aborted) return await next.end()
        client = next
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
      await Promise.race([client.end(), sleep(LAST_WORDS_MS, undefined, { ref: false })])
    },
  }
}

class InUse extends Error {}

async function acquire(url: string, shared: boolean, deadline: number): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000, query_timeout: 3_000, keepAlive: true })
  client.on('error', () => undefined) // what fails by it says so; and a broken connection says it twice
  try {
    await client.connect()
    await take(client, shared, deadline)
    return client
  } catch (error) {
    client.end().catch(() => undefined) // of a half open connection it would wait for ever
    throw error
  }
}

async function take(client: pg.Client, shared: boolean, deadline: number): Promise<void> {
  for (;;) {
    const lock = shared ? 'pg_try_advisory_lock_shared' : 'pg_try_advisory_lock'
    const { rows } = await client.query<{ held: boolean }>(`SELECT ${lock}($1) AS held`, [LOCK])
    if (rows[0]?.held) return
    if (Date.now() >= deadline) break
    await sleep(RETRY_MS)
  }
  throw new InUse(
    shared
      ? 'Another NEDA uses this database and keeps the floor in its own process: stop it first, and start it with the same REDIS_URL.'
      : 'Another NEDA uses this database, and this one keeps the floor in its own process: stop it first, or give both the same REDIS_URL.',
  )
}
