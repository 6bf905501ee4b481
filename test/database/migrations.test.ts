import { randomUUID } from 'node:crypto'
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { diffMigrations, FILTERS, listMigrations, openSchemaEngine } from '../../scripts/schema-engine.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { MIGRATIONS, migrate, readMigrations } from '../../src/database/migrations.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const SCHEMA = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url))
const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }

let data: TemporaryFolder
let postgres: EmbeddedPostgres

beforeAll(async () => {
  data = await temporaryFolder()
  postgres = await openEmbeddedPostgres({ folder: data.path, log })
})
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await data[Symbol.asyncDispose]()
})

async function query<Row extends object>(url: string, sql: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

async function emptyDatabase(): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await query(postgres.url, `CREATE DATABASE ${name}`)
  return postgres.url.replace(/neda$/, name)
}

/** A copy of the project's migrations and one more, `20990101000000_next`. */
async function migrationsAnd(folder: TemporaryFolder, sql: string): Promise<string> {
  await cp(MIGRATIONS, folder.path, { recursive: true })
  await mkdir(join(folder.path, '20990101000000_next'), { recursive: true })
  await writeFile(join(folder.path, '20990101000000_next', 'migration.sql'), sql)
  return folder.path
}

const names = async () => (await readMigrations()).map(({ name }) => name)
const schema = async () => ({ path: SCHEMA, content: await readFile(SCHEMA, 'utf8') })

test('an empty database gets every migration in order, a second start nothing', async () => {
  const url = await emptyDatabase()
  expect(await migrate(url, { log })).toEqual(await names())
  expect(await migrate(url, { log })).toEqual([])
})

test(`Prisma's own engine sees them as applied and finds its table as it would have made it`, async () => {
  const [url, engineUrl] = [await emptyDatabase(), await emptyDatabase()]
  await migrate(url, { log })
  const migrationsList = await listMigrations()
  using engine = await openSchemaEngine(url, await schema())
  expect(await engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters: FILTERS })).toEqual({
    editedMigrationNames: [],
    failedMigrationNames: [],
    hasMigrationsTable: true,
    history: null,
  })
  expect(await engine.applyMigrations({ migrationsList, filters: FILTERS })).toEqual({ appliedMigrationNames: [] })

  using other = await openSchemaEngine(engineUrl, await schema())
  await other.applyMigrations({ migrationsList, filters: FILTERS })
  const columns = `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default FROM information_schema.columns
    WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`
  expect(await query(url, columns)).toEqual(await query(engineUrl, columns))
  expect(await migrate(engineUrl, { log })).toEqual([])
})

test('instances that start at once apply each migration once', async () => {
  const url = await emptyDatabase()
  const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(url, { log })))
  expect(applied.flat().toSorted()).toEqual(await names())
})

test('a migration that was changed after it had been applied is refused', async () => {
  await using folder = await temporaryFolder()
  const url = await emptyDatabase()
  await migrate(url, { log, folder: await migrationsAnd(folder, 'CREATE TABLE one ()') })
  await migrationsAnd(folder, 'CREATE TABLE two ()')
  await expect(migrate(url, { log, folder: folder.path })).rejects.toThrow(
    '20990101000000_next has been changed since this database got it',
  )
})

test('a migration that fails is named with its line, leaves nothing behind, and can be mended', async () => {
  await using folder = await temporaryFolder()
  const url = await emptyDatabase()
  await migrationsAnd(folder, 'CREATE TABLE half ();\n-- a comment; with a semicolon\nSELECT nonsense;\n')
  await expect(migrate(url, { log, folder: folder.path })).rejects.toThrow(
    'The migration 20990101000000_next failed at line 3: column "nonsense" does not exist.',
  )
  await migrationsAnd(folder, 'CREATE TABLE half ();')
  expect(await migrate(url, { log, folder: folder.path })).toEqual(['20990101000000_next'])
})

test('a start that dies in the middle of a migration does not stop the next', async () => {
  await using folder = await temporaryFolder()
  const url = await emptyDatabase()
  await migrationsAnd(folder, 'CREATE TABLE half (); SELECT pg_sleep(600)')
  const dying = migrate(url, { log, folder: folder.path }).catch(String)
  const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(600)' AND pid <> pg_backend_pid()`
  await expect.poll(() => query(url, cut), { timeout: 30_000 }).toHaveLength(1)
  expect(await dying).toContain('The migration 20990101000000_next failed')
  await migrationsAnd(folder, 'CREATE TABLE half ()')
  expect(await migrate(url, { log, folder: folder.path })).toEqual(['20990101000000_next'])
})

test('a database that is not ours, or that the Prisma CLI left unfinished, is refused', async () => {
  const foreign = await emptyDatabase()
  await query(foreign, 'CREATE TABLE customers ()')
  await expect(migrate(foreign, { log })).rejects.toThrow(/holds tables that are not NEDA's \(customers\)/)

  const unfinished = await emptyDatabase()
  await migrate(unfinished, { log })
  await query(unfinished, `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('1', '', '20990101000000_broken')`)
  await expect(migrate(unfinished, { log })).rejects.toThrow('20990101000000_broken was begun with the Prisma CLI and did not end')
})

test('a database that a newer NEDA has used is taken, with a warning', async () => {
  await using folder = await temporaryFolder()
  const url = await emptyDatabase()
  await migrate(url, { log, folder: await migrationsAnd(folder, 'CREATE TABLE later ()') })
  log.warn.mockClear()
  expect(await migrate(url, { log })).toEqual([])
  expect(log.warn).toHaveBeenCalledWith({ migrations: ['20990101000000_next'] }, expect.any(String))
})

test('a database out of reach is named without its password', async () => {
  const url = postgres.url.replace(/:\d+\/neda$/, ':1/neda')
  const error = await migrate(url, { log }).catch(String)
  expect(error).toContain('The database at 127.0.0.1:1/neda cannot be used')
  expect(error).not.toContain(new URL(url).password)
})

test('the migrations make exactly what schema.prisma says', async () => {
  const { path, content } = await schema()
  expect(await diffMigrations(postgres.url, { path, content })).toBeUndefined()
  const changed = content.replace('  displayName  String\n', '  displayName  String\n  nickname String?\n')
  expect(await diffMigrations(postgres.url, { path, content: changed })).toContain('ADD COLUMN     "nickname" TEXT')
})
