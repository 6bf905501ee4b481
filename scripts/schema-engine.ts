import { randomUUID } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum, DriverAdapterError } from '@prisma/driver-adapter-utils'
import type { MigrationList, SchemaContainer, SchemaEngine } from '@prisma/schema-engine-wasm'
import pg from 'pg'
import { MIGRATIONS, readMigrations } from '../src/database/migrations.ts'

/** Tables that others manage: there are none. */
export const FILTERS = { externalTables: [], externalEnums: [] }

export const LOCKFILE = { path: 'migration_lock.toml', content: '# Written by npm run migration.\nprovider = "postgresql"\n' }

/** Prisma's own schema engine, the one in its CLI, as WebAssembly over pg: nothing has to be downloaded. `free()` it at the end. */
export async function openSchemaEngine(url: string, schema: SchemaContainer): Promise<SchemaEngine> {
  // Without this, a panic in the engine is reported as a TypeError about this very name.
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: console.error } })
  const { SchemaEngine } = await import('@prisma/schema-engine-wasm')
  return SchemaEngine.new({ datamodels: [[schema.path, schema.content]] }, () => undefined, engineAdapter(url))
}

/** The SQL that leads from what the migrations make to what the schema says; undefined when they agree. */
export async function diffMigrations(url: string, schema: SchemaContainer): Promise<string | undefined> {
  const engine = await openSchemaEngine(url, schema)
  try {
    const from = { tag: 'migrations' as const, ...(await listMigrations()) }
    const to = { tag: 'schemaDatamodel' as const, files: [schema] }
    const { exitCode, stdout } = await engine.diff({ from, to, script: true, exitCode: true, filters: FILTERS })
    return exitCode === 0 ? undefined : (stdout ?? '')
  } finally {
    engine.free()
  }
}

export async function listMigrations(): Promise<MigrationList> {
  const directories = (await readMigrations()).map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
  }))
  return { baseDir: MIGRATIONS, lockfile: LOCKFILE, shadowDbInitScript: '', migrationDirectories: directories }
}

/** @prisma/adapter-pg as it comes cannot serve this engine (prisma/orm 27403): what it lacks is put right in `mend` and the shadow database. */
function engineAdapter(url: string) {
  const factory = new PrismaPg({ connectionString: url })
  const connect = factory.connect.bind(factory)
  factory.connect = async () => mend(await connect())
  factory.connectToShadowDb = () => connectToShadowDatabase(url)
  return bindMigrationAwareSqlAdapterFactory(factory)
}

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>

function mend(adapter: Adapter): Adapter {
  const pool = adapter.underlyingDriver()
  const query = pool.query.bind(pool) as (config: pg.QueryConfig | string) => Promise<pg.QueryResult>
  // It would split at each semicolon, also in comments and functions, and run the parts on several connections without a transaction.
  adapter.executeScript = async (script) => {
    await query(script).catch(raise)
  }
  // It does not know the type "char" (18) of the system catalogue, which introspection reads: shown to it as text, to the engine as character.
  const charColumns = new WeakMap<unknown[], number[]>()
  const queryWithChar = async (config: pg.QueryConfig) => {
    const result = await query(config)
    const chars = result.fields.flatMap(({ dataTypeID }, column) => (dataTypeID === 18 ? [column] : []))
    for (const field of result.fields) if (field.dataTypeID === 18) field.dataTypeID = pg.types.builtins.TEXT
    charColumns.set(result.rows, chars)
    return result
  }
  pool.query = queryWithChar as typeof pool.query
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (sql) => {
    const result = await queryRaw(sql)
    for (const column of charColumns.get(result.rows) ?? []) result.columnTypes[column] = ColumnTypeEnum.Character
    return result
  }
  return adapter
}

function raise({ message, code = 'N/A', severity = 'N/A', detail, column, hint }: pg.DatabaseError): never {
  throw new DriverAdapterError({ kind: 'postgres', code, severity, message, detail, column, hint })
}

/** A database that lives as long as the engine needs it; the shipped one cannot be dropped while its own pool is connected. */
async function connectToShadowDatabase(url: string): Promise<Adapter> {
  const database = `shadow_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client(url)
  await admin.connect()
  await admin.query(`CREATE DATABASE ${database}`)
  const shadow = new URL(url)
  shadow.pathname = database
  const adapter = mend(await new PrismaPg({ connectionString: shadow.href }).connect())
  const dispose = adapter.dispose.bind(adapter)
  adapter.dispose = async () => {
    await dispose()
    await admin.query(`DROP DATABASE ${database} WITH (FORCE)`)
    await admin.end()
  }
  return adapter
}
