import { mkdtemp, readFile, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/database/embedded/server.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { type Client, signIn } from './client.ts'
import { fill } from './data-folder.ts'
import { type RedisOptions, type RedisServer, startRedis } from './redis-server.ts'
import { type NedaProcess, startNedaProcess } from './start-neda.ts'
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts'

/** One NEDA of a cluster: a process, on a port that it keeps, with its own way to Redis and to PostgreSQL. */
export interface Instance {
  readonly name: string
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly redis: TcpProxy
  readonly postgres: TcpProxy
  readonly isRunning: boolean
  /** Everything printed since the cluster was opened. */
  printed(): string
  start(env?: Record<string, string>): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>
  /** SIGSTOP: its connections stay open, and it answers nothing. */
  pause(): void
  resume(): void
}

export interface Cluster extends AsyncDisposable {
  readonly instances: readonly Instance[]
  readonly redis: RedisServer
  readonly postgres: { readonly url: string; kill(): Promise<void> }
  /** Signed in; its token is good at every instance. */
  readonly admin: Client
}

export interface ClusterOptions extends RedisOptions {
  readonly names: readonly string[]
  readonly env?: Record<string, string>
}

const ADMIN = { username: 'root', password: 'a long enough password' }
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** Several NEDA as processes of their own, with one real Redis and one real PostgreSQL. */
export async function openCluster({ names, env = {}, ...redisOptions }: ClusterOptions): Promise<Cluster> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(await quickFolder(), 'neda-cluster-'))
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await fill(folder)
  const [postgres, redis] = await Promise.all([
    openEmbeddedPostgres({ folder, log: silent }),
    startRedis({ ...redisOptions, parent: folder }),
  ])
  stack.use(postgres)
  stack.use(redis)
  const shared = {
    NEDA_DATA_DIR: folder,
    SECRET_KEY: 'the same at every instance of this cluster',
    NEDA_BOOTSTRAP_ADMIN_USERNAME: ADMIN.username,
    NEDA_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
    // Tests press faster than people.
    MESSAGES_PER_SOCKET: '1000000',
    ...env,
  }
  const instances = await Promise.all(names.map((name) => createInstance(name, shared, postgres, redis)))
  for (const instance of instances) stack.use(instance)
  await Promise.all(instances.map((instance) => instance.start()))
  const [first] = instances
  if (!first) throw new Error('a cluster has at least one instance')
  const admin = await signIn(first.url, ADMIN.username, ADMIN.password)
  const owned = stack.move()
  return {
    instances,
    redis,
    postgres: { url: postgres.url, kill: () => killPostgres(folder) },
    admin,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What survives a SIGKILL need not be on a disk, and a slow disk is not what is tested: in memory where there is room. */
async function quickFolder(): Promise<string> {
  const memory = '/dev/shm'
  const { bavail, bsize } = await statfs(memory).catch(() => ({ bavail: 0, bsize: 0 })) // not on every system
  return bavail * bsize > 2 ** 31 ? memory : tmpdir()
}

async function createInstance(
  name: string,
  shared: Record<string, string>,
  { url }: EmbeddedPostgres,
  { port: redisPort }: RedisServer,
): Promise<Instance & AsyncDisposable> {
  const database = new URL(url)
  const [port, redis, postgres] = await Promise.all([freePort(), tcpProxy(redisPort), tcpProxy(Number(database.port))])
  database.port = String(postgres.port)
  const own = { PORT: String(port), REDIS_URL: `redis://127.0.0.1:${redis.port}`, DATABASE_URL: database.href }
  let running: NedaProcess | null = null
  let printedBefore = ''
  const end = async (signal: NodeJS.Signals) => {
    // One that stands still hears SIGTERM only when it goes on.
    if (signal === 'SIGTERM') running?.signal('SIGCONT')
    return (await running?.end(signal)) ?? null
  }
  return {
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    redis,
    postgres,
    get pid() {
      return running?.pid ?? Number.NaN
    },
    get isRunning() {
      return running !== null && !running.hasEnded
    },
    printed: () => printedBefore + (running?.printed() ?? ''),
    start: async (more = {}) => {
      printedBefore += running?.printed() ?? ''
      running = await startNedaProcess({ ...shared, ...own, ...more })
    },
    kill: async () => {
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
    pause: () => running?.signal('SIGSTOP'),
    resume: () => running?.signal('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL')
      await Promise.all([redis[Symbol.asyncDispose](), postgres[Symbol.asyncDispose]()])
    },
  }
}

/** SIGKILL of the server itself: its owner, this process, brings it back on the same port. */
async function killPostgres(folder: string): Promise<void> {
  const [pid] = (await readFile(join(folder, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')
  process.kill(Number(pid), 'SIGKILL')
}
