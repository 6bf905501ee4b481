import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Logger } from 'pino'

/** A folder of prisma/migrations. The checksum is Prisma's: SHA-256 of the file. */
export type Migration = { name: string; sql: string; checksum: string }
type Log = Pick<Logger, 'info' | 'warn' | 'error'>

export const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/** Prisma Migrate's own table, so that its CLI sees what has been applied here, and the other way round. */
const TABLE = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
  logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`

/** Prisma Migrate's own lock: whoever else migrates this database, with its CLI too, does so before or after us. */
const LOCK = `SET LOCAL statement_timeout = 0; SET LOCAL TimeZone = 'UTC';
  SET LOCAL lock_timeout = '60s'; SELECT pg_advisory_xact_lock(72707369); SET LOCAL lock_timeout = 0`

const RECORD = `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, clock_timestamp(), 1)`

/** Applies what the database lacks and returns its names. Any number of instances may do so at once. */
export async function migrate(url: string, { log, folder = MIGRATIONS }: { log: Log; folder?: string }): Promise<string[]> {
  const migrations = await readMigrations(folder)
  const client = await connect(url)
  try {
    // The first look takes no lock: most starts find nothing to do.
    const recorded = await readRecord(client)
    const newer = [...recorded.keys()].filter((name) => !migrations.some((migration) => migration.name === name))
    if (newer.length > 0) log.warn({ migrations: newer }, 'a newer NEDA has used this database: it has migrations that are unknown here')
    const applied: string[] = []
    if (findPending(recorded, migrations).length === 0) return applied
    for (let name = await applyNext(client, migrations); name; name = await applyNext(client, migrations)) {
      log.info({ migration: name }, 'migrated the database')
      applied.push(name)
    }
    return applied
  } finally {
    await client.end()
  }
}

export async function readMigrations(folder = MIGRATIONS): Promise<Migration[]> {
  const names = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const read = async (name: string) => {
    const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8')
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
  }
  return Promise.all(names.toSorted().map(read))
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => undefined) // the query that fails by it says so
  try {
    await client.connect()
    return client
  } catch (cause) {
    const { message, code } = cause as NodeJS.ErrnoException
    const where = `${client.host}:${client.port}/${client.database}`
    throw new Error(`The database at ${where} cannot be used: ${message || code}. Is it running, and is DATABASE_URL right?`, { cause })
  }
}

/**
 * A migration and the record of it are one transaction: whatever kills us, either both are there or neither. (Prisma's engine
 * records the start, runs the SQL and records the end in three; killed in between, it refuses every later start.)
 */
async function applyNext(client: pg.Client, migrations: readonly Migration[]): Promise<string | undefined> {
  await client.query('BEGIN')
  try {
    await client.query(LOCK).catch((cause: pg.DatabaseError) => {
      if (cause.code !== '55P03') throw cause // lock_timeout
      throw new Error('Another process has been migrating the database for a minute. Start again when it is done.', { cause })
    })
    const recorded = await readRecord(client)
    const [next] = findPending(recorded, migrations)
    if (next && recorded.size === 0) await client.query(TABLE)
    if (next) await apply(client, next)
    await client.query('COMMIT')
    return next?.name
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined) // without a connection the server has done so itself
    throw error
  }
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  await client.query(sql).catch((cause: pg.DatabaseError) => {
    const line = sql.slice(0, Number(cause.position ?? 0)).split('\n').length
    const place = cause.position ? ` at line ${line}` : ''
    throw new Error(`The migration ${name} failed${place}: ${cause.message}. Nothing of it remains in the database.`, { cause })
  })
  await client.query(RECORD, [randomUUID(), checksum, name])
}

/** What has been applied, by name. Throws when the database is not one that may be migrated. */
async function readRecord(client: pg.Client): Promise<Map<string, { checksum: string }>> {
  // Asked in one statement, or another instance may create both in between.
  const found = await client.query<{ name: string }>('SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()')
  const tables = found.rows.map(({ name }) => name)
  if (tables.length === 0) return new Map()
  if (!tables.includes('_prisma_migrations')) {
    const some = tables.slice(0, 3).join(', ')
    throw new Error(`The database ${client.database} holds tables that are not NEDA's (${some}). Give NEDA an empty database of its own.`)
  }
  const { rows } = await client.query<{ name: string; checksum: string; finished: boolean }>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished FROM "_prisma_migrations" WHERE rolled_back_at IS NULL`,
  )
  const broken = rows.find(({ finished }) => !finished)
  if (!broken) return new Map(rows.map((row) => [row.name, row]))
  throw new Error(
    `The migration ${broken.name} was begun with the Prisma CLI and did not end. Mend the database, then: npx prisma migrate resolve.`,
  )
}

/** What is to be applied, in order. Throws when a migration is not what was applied under its name. */
function findPending(recorded: Map<string, { checksum: string }>, migrations: readonly Migration[]): Migration[] {
  const changed = migrations.find(({ name, checksum }) => (recorded.get(name)?.checksum ?? checksum) !== checksum)
  if (!changed) return migrations.filter(({ name }) => !recorded.has(name))
  throw new Error(
    `The migration ${changed.name} has been changed since this database got it. Restore the file, and put the change into a new one.`,
  )
}
