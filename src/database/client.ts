import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from '../../prisma/generated/client/client.ts'
import type { Logger } from '../logger.ts'

export type Database = PrismaClient

/** Instants are stored by the session's time zone, so it is UTC whatever the server's is. No statement may hang or hold a lock for long. */
const SESSION_OPTIONS = '-c TimeZone=UTC -c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000'

export interface OpenDatabase extends AsyncDisposable {
  readonly db: Database
  /** Whether the database answers now. */
  readonly answers: () => Promise<boolean>
}

export function openDatabase(url: string, log: Logger): OpenDatabase {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 3_000,
    // The server's own limit cannot be told over a connection that is half open.
    query_timeout: 6_000,
    keepAlive: true,
    options: SESSION_OPTIONS,
  })
  let closing = false
  pool.on('error', (err) => {
    // The pool does not wait for the last connections to be gone, and the database may end before them.
    if (!closing) log.warn({ err }, 'an idle database connection ended')
  })
  // Longer than the pool waits: it knows better what was missing.
  const db = new PrismaClient({ adapter: new PrismaPg(pool), transactionOptions: { maxWait: 4_000 } })
  return {
    db,
    answers: () =>
      pool.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    async [Symbol.asyncDispose]() {
      closing = true
      await db.$disconnect()
      await pool.end()
    },
  }
}
