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
import { MIGRATIONS, readMigrations } from '../src/database/migrations.ts'
import { diffMigrations, LOCKFILE } from './schema-engine.ts'

const schemaFile = fileURLToPath(new URL('../prisma/schema.prisma', import.meta.url))
const [request = ''] = process.argv.slice(2)
// It takes a second or two, and ends by itself: broken off, it would leave its PostgreSQL behind.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined)

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
  const path = join(MIGRATIONS, await nextName(name))
  await mkdir(path)
  await writeFile(join(path, 'migration.sql'), sql)
  await writeFile(join(MIGRATIONS, LOCKFILE.path), LOCKFILE.content)
  console.log(`${sql}\nwritten to ${join(path, 'migration.sql')}: read it, and add what Prisma cannot say`)
}

async function missingSql(): Promise<string | undefined> {
  const temporary = await mkdtemp(join(tmpdir(), 'neda-migration-'))
  const log = { info: () => undefined, warn: console.warn, error: console.error }
  try {
    await using shadow = await openEmbeddedPostgres({ folder: temporary, log })
    const schema = { path: schemaFile, content: await readFile(schemaFile, 'utf8') }
    return await diffMigrations(shadow.url, schema)
  } finally {
    await rm(temporary, { recursive: true })
  }
}

/** Migrations run in the order of their names, so the next must sort last, whatever the clocks of their authors said. */
async function nextName(name: string): Promise<string> {
  const last = (await readMigrations()).at(-1)?.name.slice(0, 14) ?? ''
  const now = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
  return `${now > last ? now : BigInt(last) + 1n}_${name}`
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
