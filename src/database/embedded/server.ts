import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { type Cluster, ENVIRONMENT } from './cluster.ts'

/** A running server of the cluster, whoever started it. */
export type Server = { pid: number; port: number; ready: boolean }

export const HOST = '127.0.0.1'
export const POLL_MS = 20
export const START_MS = 60_000
const STOP_MS = 10_000
const LOG_BYTES = 1024 * 1024

/** PostgreSQL describes itself in postmaster.pid: process, folder, start, port, socket folder, address, memory key, state. */
export async function findServer({ data }: Cluster): Promise<Server | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n')
  const pid = Math.abs(Number(lines[0]))
  if (!pid) return undefined
  if (await isServer(pid, data)) return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' }
  if (isAlive(pid)) await discard(data, text)
  return undefined
}

/** Its number alone proves nothing: after a crash or in a new container another process has it. A zombie has no command line. */
async function isServer(pid: number, data: string): Promise<boolean> {
  const command =
    process.platform === 'linux'
      ? (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')
      : (await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout
  return command.includes(`/postgres -D ${data} `)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * PostgreSQL itself takes over a file whose process is dead, but not one whose number a stranger has now.
 * Moved aside before it is judged: another start may have put its own in its place since we read it.
 */
async function discard(data: string, stale: string): Promise<void> {
  const path = join(data, 'postmaster.pid')
  const aside = `${path}.${process.pid}`
  // Gone already: another start was quicker.
  await rename(path, aside).catch(() => undefined)
  if ((await readFile(aside, 'utf8').catch(() => stale)) !== stale) await rename(aside, path)
  else await rm(aside, { force: true })
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

/** Resolves when the server takes connections; rejects when it ends before that. */
export async function startServer(cluster: Cluster, port: number): Promise<void> {
  await using output = await open(cluster.logFile, 'a', 0o600)
  if (cluster.account) await output.chown(cluster.account.uid, cluster.account.gid)
  let { size } = await output.stat()
  if (size > LOG_BYTES) {
    await output.truncate()
    size = 0
  }
  const settings = [`listen_addresses=${HOST}`, `port=${port}`, 'unix_socket_directories=', 'timezone=UTC', 'log_timezone=UTC']
  const { file, args, ids } = cluster.launch(cluster.programs.postgres, ['-D', cluster.data, ...settings.flatMap((set) => ['-c', set])])
  // A session of its own: signals to our process group, as Ctrl-C sends, must not end it before we have written everything.
  const child = spawn(file, args, { ...ids, cwd: '/', env: ENVIRONMENT, detached: true, stdio: ['ignore', output.fd, output.fd] })
  await once(child, 'spawn').catch((cause: Error) => {
    throw new Error(`The embedded PostgreSQL cannot be run: ${cause.message}. Set DATABASE_URL to use another.`, { cause })
  })
  child.unref()
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(POLL_MS)) {
    if (child.exitCode !== null || child.signalCode !== null) {
      const said = (await readFile(cluster.logFile)).subarray(size).toString().trim()
      throw new Error(`The embedded PostgreSQL in ${cluster.data} does not start. It says:\n${said}`)
    }
    const server = await findServer(cluster)
    if (server?.pid === child.pid && server?.ready) return
  }
  throw new Error(`The embedded PostgreSQL in ${cluster.data} is not ready after ${START_MS / 1000} s: see ${cluster.logFile}.`)
}

/** Fast shutdown: PostgreSQL breaks connections off, writes everything and ends. */
export async function stopServer(cluster: Cluster): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    const server = await findServer(cluster)
    if (!server) return
    process.kill(server.pid, signal)
    for (const deadline = Date.now() + STOP_MS; Date.now() < deadline; await sleep(POLL_MS)) {
      if (!(await isServer(server.pid, cluster.data))) return
    }
    cluster.log.warn({ pid: server.pid }, `the embedded PostgreSQL did not end within ${STOP_MS / 1000} s of ${signal}`)
  }
  throw new Error(`The embedded PostgreSQL in ${cluster.data} does not end: see ${cluster.logFile}.`)
}
