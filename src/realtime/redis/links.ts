import { Redis, type RedisOptions } from 'ioredis'
import type { Logger } from '../../logger.ts'
import { type Address, readAddress } from './address.ts'
import { Health, isAftermath, isRefusal, plainReason } from './health.ts'
import { RedisClock } from './redis-clock.ts'
import { Watchdog } from './watchdog.ts'

/** Every connection that this process has to Redis. */
export interface Links extends AsyncDisposable {
  /** For scripts: fails fast, and sends nothing later than it was asked to. */
  readonly commands: Redis
  /** Only subscribes; whoever uses it subscribes anew each time it is ready. */
  readonly subscriber: Redis
  readonly clock: RedisClock
  /** Rejects with a plain sentence if Redis cannot be reached at first, or refuses. */
  readonly opened: Promise<void>
  /** Another connection, for reads that wait up to `blockMs`. It fails fast too: who reads waits a little and tries again. */
  blocking(blockMs?: number): Redis
}

const OPENING_MS = 5_000
const RETRY_MS = 100
/** A closed connection that the other side does not close too is destroyed after this. */
const DISCONNECT_MS = 100
/** Nothing came for this long after a question: the connection is half open. */
const SILENCE_MS = 1_000
const BLOCK_MS = 1_000
/** Whoever waits gives up before that: this frees what hangs on a connection that answers nothing. */
const COMMAND_MS = 2_000

/**
 * Nothing waits in ioredis for a better time, and nothing is sent twice: a press that failed must not be granted seconds later, and a
 * subscription that ioredis renews by itself fails in a promise that nobody holds.
 */
const COMMON: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 400,
  disconnectTimeout: DISCONNECT_MS,
  // While Redis loads its file it is asked this often whether it has done.
  maxLoadingRetryTime: RETRY_MS,
  retryStrategy: (times) => Math.min(20 * times, RETRY_MS),
  keepAlive: 5_000,
  noDelay: true,
  disableClientInfo: true,
}

export function openLinks(url: string, { log }: { log: Logger }): Links {
  const address = readAddress(url)
  const health = new Health(address.at, log)
  const links: Redis[] = []
  const stack = new DisposableStack()
  const open = (name: string, options: RedisOptions, silenceMs = SILENCE_MS) => {
    const link = new Redis({ ...COMMON, ...address.options, connectionName: `neda-${name}`, ...options })
    links.push(link)
    health.follow(link)
    stack.use(new Watchdog(link, silenceMs))
    return link
  }
  const commands = open('commands', { commandTimeout: COMMAND_MS })
  const subscriber = open('subscriber', {})
  const clock = new RedisClock()
  const closed = Promise.withResolvers<never>()
  const opened = firstConnection(address, { commands, subscriber, clock }, closed.promise)
  // Whoever does not wait for it is told by the first command.
  opened.catch(() => {})
  return {
    commands,
    subscriber,
    clock,
    opened,
    blocking: (blockMs = BLOCK_MS) => open('blocking', {}, blockMs + SILENCE_MS),
    [Symbol.asyncDispose]: async () => {
      closed.reject(new Error('it is not waited for any more'))
      health.end()
      stack.dispose()
      await Promise.all(links.splice(0).map(close))
    },
  }
}

type Opening = Pick<Links, 'commands' | 'subscriber' | 'clock'>

async function firstConnection({ at }: Address, { commands, subscriber, clock }: Opening, closed: Promise<never>) {
  let reason: unknown = new Error('it does not answer')
  const refused = Promise.withResolvers<never>()
  const onError = (error: Error) => {
    if (!isAftermath(error)) reason = error
    // Trying again would not help.
    if (isRefusal(error)) refused.reject(error)
  }
  const timer = setTimeout(() => refused.reject(reason), OPENING_MS)
  commands.on('error', onError)
  try {
    await Promise.race([Promise.all([ready(commands), ready(subscriber)]), refused.promise, closed])
    const sentAt = performance.now()
    const [seconds, micros] = await commands.time()
    clock.sample(Number(seconds) * 1e6 + Number(micros), sentAt, performance.now())
  } catch (error) {
    throw unreachable(at, error)
  } finally {
    clearTimeout(timer)
    commands.off('error', onError)
  }
}

/** Without its cause, on which the password hangs. */
const unreachable = (at: string, error: unknown) =>
  new Error(`Redis at ${at} (REDIS_URL) ${isRefusal(error) ? 'refuses' : 'cannot be reached'}: ${plainReason(error)}`)

async function ready(link: Redis): Promise<void> {
  if (link.status !== 'ready') await new Promise<void>((resolve) => link.once('ready', () => resolve()))
}

async function close(link: Redis): Promise<void> {
  const { stream } = link as { stream?: Redis['stream'] }
  link.disconnect()
  if (stream && !stream.closed) await new Promise<void>((resolve) => stream.once('close', () => resolve()))
}
