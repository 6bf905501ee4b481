import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../src/database/embedded/server.ts'
import { machine } from './machine.ts'

/** Whether this machine has a redis-server. */
export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

export interface RedisOptions {
  /** Appends each change to a file that is synced every second: then a killed Redis forgets nothing. */
  readonly appendOnly?: boolean
  readonly maxmemoryPolicy?: string
  /** Where its own folder is made; among the temporary ones if absent. */
  readonly parent?: string
}

/** A real Redis of its own, on a free port, with its files in a folder of its own. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly isRunning: boolean
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>
  /** Starts it again on the same port and folder; resolves when it takes commands. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void
  resume(): void
}

const START_MS = 10_000
const HOST = '127.0.0.1'

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { appendOnly = false, maxmemoryPolicy = 'noeviction', parent = tmpdir() } = options
  const folder = await mkdtemp(join(parent, 'redis-'))
  const port = await freePort()
  const settings = [
    ['--port', String(port), '--bind', HOST, '--dir', folder, '--save', '', '--maxmemory-policy', maxmemoryPolicy],
    ['--appendonly', appendOnly ? 'yes' : 'no', '--appendfsync', 'everysec'],
  ].flat()
  const start = async () => {
    const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'pipe'] })
    await ready(child, port)
    if (child.pid) machine.follow(child.pid)
    return child
  }
  let child = await start()
  const isRunning = () => child.exitCode === null && child.signalCode === null
  const kill = async () => {
    if (!isRunning()) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
  return {
    url: `redis://${HOST}:${port}`,
    port,
    get pid() {
      return child.pid ?? Number.NaN
    },
    get isRunning() {
      return isRunning()
    },
    kill,
    restart: async () => {
      await kill()
      child = await start()
    },
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Resolves when it answers PING; while it loads its file it refuses even that. */
async function ready(child: ChildProcess, port: number): Promise<void> {
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(10)) {
    if (child.exitCode !== null || child.signalCode !== null) break
    if ((await answerTo('PING\r\n', port)).startsWith('+PONG')) return
  }
  child.kill('SIGKILL')
  throw new Error(`redis-server does not start on port ${port}:\n${printed}`)
}

/** What it says to one command; nothing if it cannot be reached. */
function answerTo(command: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST, () => socket.write(command))
    socket.setTimeout(500, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.once('data', (chunk) => {
      resolve(chunk.toString())
      socket.destroy()
    })
    socket.once('close', () => resolve(''))
  })
}
