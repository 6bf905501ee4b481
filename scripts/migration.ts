/**
 * npm run migration -- <name>    writes the migration that leads from prisma/migrations to schema.prisma
 * npm run migration -- --check   fails when the two differ
 * It needs no database: the shadow database is an embedded PostgreSQL in a temporary folder.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openEmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import { diffMigrations, LOCKFILE, readMigrations } from './schema-engine.ts'

const schemaFile = fileURLToPath(new URL('../prisma/schema.prisma', import.meta.url))
const folder = fileURLToPath(new URL('../prisma/migrations', import.meta.url))
const [request = ''] = process.argv.slice(2)

if (request === '--check') await check()
else if (/^[a-z0-9_]+$/.test(request)) await write(request)
else fail('Give the migration a name of a-z, 0-9 and _, as in npm run migration -- add_group_colour, or --check.')

async function check(): Promise<void> {
  const sql = await missingSql()
  if (sql) fail(`schema.prisma and prisma/migrations differ. Run npm run migration -- <name>, which will write:\n\n${sql}`)
  else console.log('schema.prisma and prisma/migrations agree')
}

async function write(name: string): Promise<void> {
  const sql = await missingSql()
  if (!sql) return console.log('nothing to do: prisma/migrations already leads to schema.prisma')
  const path = join(folder, await nextName(name))
  await mkdir(path)
  await writeFile(join(path, 'migration.sql'), sql)
  await writeFile(join(folder, LOCKFILE.path), LOCKFILE.content)
  console.log(`${sql}\nwritten to ${join(path, 'migration.sql')}: read it, and add what Prisma cannot say`)
}

async function missingSql(): Promise<string | undefined> {
  const temporary = await mkdtemp(join(tmpdir(), 'neda-migration-'))
  const log = { info: () => undefined, warn: console.warn, error: console.error }
  try {
    await using shadow = await openEmbeddedPostgres({ folder: temporary, log })
    const schema = { path: schemaFile, content: await readFile(schemaFile, 'utf8') }
    return await diffMigrations(shadow.url, await readMigrations(folder), schema)
  } finally {
    await rm(temporary, { recursive: true })
  }
}

/** Migrations run in the order of their names, so the next must sort last, whatever the clocks of their authors said. */
async function nextName(name: string): Promise<string> {
  const last = (await readMigrations(folder)).migrationDirectories.at(-1)?.path.slice(0, 14) ?? ''
  const now = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
  return `${now > last ? now : BigInt(last) + 1n}_${name}`
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
