import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { newId } from '../../../src/ids.ts'
import type { RecordEntry } from '../../../src/realtime/events.ts'
import { Keys } from '../../../src/realtime/redis/keys.ts'
import { openLinks } from '../../../src/realtime/redis/links.ts'
import { RecordStream } from '../../../src/realtime/redis/record-stream.ts'
import { silent } from '../../history/record-database.ts'

let spaces = 0

/** A part of a Redis that nobody else uses, and what scripts would write there. */
export async function openSpace(url: string) {
  await using stack = new AsyncDisposableStack()
  const space = `t${++spaces}-`
  const keys = new Keys(space)
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 })
  redis.on('error', () => {
    // It is away for a while in some tests.
  })
  stack.defer(() => redis.disconnect())
  const asShard = (n: number) => keys.shards[n % keys.shards.length] ?? keys.shards[0]
  const shard = (n = 0) => {
    const found = asShard(n)
    if (!found) throw new Error('there is no shard')
    return found
  }
  const owned = stack.move()
  return {
    space,
    keys,
    redis,
    shard,
    /** Resolves when Redis has taken it: from then on it must not be lost. */
    write: (n: number, ...entries: RecordEntry[]) =>
      redis.xadd(
        keys.record(shard(n)),
        '*',
        'entries',
        JSON.stringify(entries, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
      ),
    /** How many pieces of all shards are not written yet, and how many of them are with somebody. */
    left: async () => {
      const counts = await Promise.all(
        keys.shards.map(async (one) => [
          await redis.xlen(keys.record(one)),
          // No group yet: then nothing is with anybody.
          ((await redis.xpending(keys.record(one), 'history').catch(() => [0])) as [number])[0],
        ]),
      )
      return {
        pieces: counts.reduce((sum, [length = 0]) => sum + length, 0),
        pending: counts.reduce((sum, [, count = 0]) => sum + count, 0),
      }
    },
    consumers: async (n = 0) => {
      const consumers = (await redis.xinfo('CONSUMERS', keys.record(shard(n)), 'history')) as unknown[][]
      return consumers.map(([, name]) => name)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
type Space = Awaited<ReturnType<typeof openSpace>>

/** An instance that gives everything to one listener. */
export async function openConsumer(url: string, { keys }: Pick<Space, 'keys'>, listener: (entry: RecordEntry) => unknown, log = silent) {
  await using stack = new AsyncDisposableStack()
  const errors: unknown[] = []
  const links = stack.use(openLinks(url, { log }))
  await links.opened
  const instance = newId()
  const stream = stack.use(new RecordStream({ links, keys, instance, onError: (error) => errors.push(error), log, gatherMs: 0 }))
  const stop = stream.listen(listener)
  const owned = stack.move()
  return { stream, instance, errors, stop, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

export const burstIdOf = (entry: RecordEntry) => ('burst' in entry ? entry.burst.id : '')
export const patience = { timeout: 15_000, interval: 20 }
export const NOTHING_LEFT = { pieces: 0, pending: 0 }

interface ConsumerSettings {
  readonly redis: string
  readonly postgres: string
  readonly space: string
  readonly failAt?: string
}

export async function startConsumer({ redis, postgres, space, failAt }: ConsumerSettings) {
  const program = fileURLToPath(new URL('record-stream-consumer.ts', import.meta.url))
  const child: ChildProcess = fork(program, [redis, postgres, space, ...(failAt ? [failAt] : [])], { execArgv: [] })
  const ended = once(child, 'exit').then(([code, signal]: (string | null)[]) => signal ?? code)
  await Promise.race([once(child, 'message'), ended])
  return {
    child,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}
