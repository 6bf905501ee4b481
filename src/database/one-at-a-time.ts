import pg from 'pg'

/** Any number, as long as every NEDA takes the same. */
const LOCK = 7_346_284

/** Does something that instances which start at the same time must do one after the other. The lock ends with its connection, so with us. */
export async function oneAtATime(url: string, work: () => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 })
  client.on('error', () => undefined) // what is done meanwhile uses the database too, and says so
  await client.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK])
    await work()
  } finally {
    await client.end()
  }
}
