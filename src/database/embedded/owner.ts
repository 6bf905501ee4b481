import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Cluster } from './cluster.ts'
import { findServer, freePort, HOST, POLL_MS, START_MS, startServer, stopServer } from './server.ts'

/**
 * The one owner of a cluster holds an advisory lock in its server. The lock lives in a connection: the kernel lets it go
 * when we die, and while the owner stops the server nobody can take it, because a stopping server admits nobody.
 */
export type Held = { client: pg.Client; port: number }

const LOCK = 'SELECT pg_try_advisory_lock(78, 69) AS mine'
const ATTEMPTS = 8

/** Another owner may end, and stop the server, at any step: so each round begins with what is there now. */
export async function acquire(cluster: Cluster, waitMs: number, port?: number): Promise<Held> {
  let failures = 0
  let refusedAt: number | undefined
  let patience = Date.now() + START_MS
  while (Date.now() < patience) {
    const server = await findServer(cluster)
    if (!server) {
      const error = await startServer(cluster, port ?? (await freePort())).catch((reason: unknown) => reason)
      // The port was taken meanwhile, another start was quicker, or what is left of a killed server still holds its memory.
      if (error && ++failures === ATTEMPTS) throw error
      await sleep(error ? 50 * failures : 0)
      continue
    }
    const client = server.ready ? await connect(cluster, server.port) : undefined
    if (client) {
      if (await tryLock(client)) return { client, port: server.port }
      await client.end()
      refusedAt ??= Date.now()
      if (Date.now() - refusedAt >= waitMs) throw new Error(`The data folder ${cluster.folder} is in use by another NEDA.`)
      patience = Date.now() + START_MS
    }
    await sleep(client ? 5 * POLL_MS : POLL_MS)
  }
  throw new Error(`The embedded PostgreSQL in ${cluster.data} takes no connections for ${START_MS / 1000} s: see ${cluster.logFile}.`)
}

/** As superuser; undefined while the server cannot take us yet, or not any more. */
async function connect(cluster: Cluster, port: number): Promise<pg.Client | undefined> {
  const user = { user: 'postgres', password: cluster.password, database: 'postgres', application_name: 'neda owner' }
  const client = new pg.Client({ host: HOST, port, ...user, ssl: false, connectionTimeoutMillis: 5000 })
  client.on('error', () => undefined) // its end is what counts; pg reports it as `end` too
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
    if (rows[0]?.data_directory === cluster.data) return client
  } catch (error) {
    // What failed is in `error`; a connection that never came about need not be closed.
    await client.end().catch(() => undefined)
    if (!String((error as { code?: string }).code).startsWith('28')) return undefined
    throw new Error(`The embedded PostgreSQL in ${cluster.data} refuses its own password: was the folder put together from two?`, {
      cause: error,
    })
  }
  await client.end()
  throw new Error(`Port ${port} does not lead to the embedded PostgreSQL in ${cluster.data}, though its postmaster.pid says so.`)
}

/** A server that is being stopped breaks the question off: that is a no. */
async function tryLock(client: pg.Client): Promise<boolean> {
  const answer = await client.query<{ mine: boolean }>(LOCK).catch(() => undefined)
  return answer?.rows[0]?.mine === true
}

/** Takes the lock again, in a server started anew if need be, when the connection that holds it breaks. Disposing stops the server. */
export function keep(cluster: Cluster, first: Held, waitMs: number): AsyncDisposable {
  let held: Held | undefined
  let closing = false
  let recovery = Promise.resolve()
  let stopped: Promise<void> | undefined

  const hold = (now: Held) => {
    held = now
    now.client.once('end', () => {
      held = undefined
      if (!closing) recovery = recover()
    })
  }
  const recover = async () => {
    cluster.log.warn({ data: cluster.data }, 'the connection that owns the embedded PostgreSQL broke: taking it again')
    try {
      hold(await acquire(cluster, waitMs, first.port))
      cluster.log.info({ data: cluster.data }, 'the embedded PostgreSQL is back')
    } catch (err) {
      cluster.log.error({ err }, 'the embedded PostgreSQL is lost: restart NEDA')
    }
  }
  const stop = async () => {
    closing = true
    await recovery
    if (!held) return
    const { client } = held
    await stopServer(cluster)
    await client.end()
  }
  hold(first)
  return { [Symbol.asyncDispose]: () => (stopped ??= stop()) }
}
