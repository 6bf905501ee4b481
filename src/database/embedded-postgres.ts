import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Log, openCluster, removeUnfinished } from './embedded/cluster.ts'
import { acquire, type Held, keep } from './embedded/owner.ts'
import { exists } from './embedded/programs.ts'
import { findServer, HOST } from './embedded/server.ts'

export interface EmbeddedPostgres extends AsyncDisposable {
  /** For the application's role, which is no superuser: its SQL can neither read files nor run programs. */
  readonly url: string
  readonly version: string
}

/**
 * NEDA's own PostgreSQL, in `folder`. It outlives a killed NEDA, and the next start takes it over.
 * Two never share it: who comes second waits `waitMs` for the first to end.
 */
export async function openEmbeddedPostgres(options: { folder: string; log: Log; waitMs?: number }): Promise<EmbeddedPostgres> {
  const { folder, log, waitMs = 15_000 } = options
  const began = performance.now()
  const cluster = await openCluster(folder, log)
  const held = await acquire(cluster, waitMs)
  const owned = keep(cluster, held, waitMs)
  try {
    await removeUnfinished(cluster)
    const database = await prepareDatabase(held)
    log.info({ data: cluster.data, port: held.port, ms: Math.round(performance.now() - began) }, 'embedded PostgreSQL is ready')
    return { ...database, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() }
  } catch (error) {
    await owned[Symbol.asyncDispose]()
    throw error
  }
}

/** The same database for somebody who only reads it, while a NEDA runs on it too. None is made where there is none. */
export async function visitEmbeddedPostgres({
  folder,
  log,
}: {
  folder: string
  log: Log
}): Promise<AsyncDisposable & { readonly url: string }> {
  if (!(await exists(join(folder, 'postgres', 'PG_VERSION')))) throw new Error(`There is no embedded database in ${folder}.`)
  const cluster = await openCluster(folder, log)
  const server = await findServer(cluster)
  if (!server?.ready) return openEmbeddedPostgres({ folder, log })
  return { url: `postgresql://postgres:${cluster.password}@${HOST}:${server.port}/neda`, [Symbol.asyncDispose]: async () => undefined }
}

/** The role's password is made anew by each owner and stored nowhere. */
async function prepareDatabase({ client, port }: Held): Promise<{ url: string; version: string }> {
  const password = randomBytes(24).toString('base64url')
  const { rows } = await client.query<{ role: boolean; database: boolean; version: string }>(
    `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'neda') AS role,
            EXISTS (SELECT FROM pg_database WHERE datname = 'neda') AS database,
            current_setting('server_version') AS version`,
  )
  const [found] = rows
  await client.query(`${found?.role ? 'ALTER' : 'CREATE'} ROLE neda LOGIN CREATEDB PASSWORD '${password}'`)
  if (!found?.database) await client.query('CREATE DATABASE neda OWNER neda')
  return { url: `postgresql://neda:${password}@${HOST}:${port}/neda`, version: found?.version ?? '' }
}
