import type { Redis } from 'ioredis'
import type { Logger } from '../../logger.ts'
import type { Neighbours } from '../neighbours.ts'
import { Bus } from './bus.ts'
import { Keys } from './keys.ts'
import { openLinks } from './links.ts'
import { RecordStream } from './record-stream.ts'
import { RedisEngine } from './redis-engine.ts'
import { checkSuitable } from './suitable.ts'

export interface RedisEngineSettings {
  readonly url: string
  /** Refuses a Redis that may throw the floor away. */
  readonly production: boolean
  /** Presses per second and session. */
  readonly pressRate: number
  readonly instance: string
  /** The highest fencing token that is known. */
  readonly fencingToken: bigint
  readonly failAt: string | null
  readonly log: Logger
  readonly onError: (error: unknown) => void
}

export interface OpenRedisEngine extends AsyncDisposable {
  readonly engine: RedisEngine
  readonly neighbours: Neighbours
  /** The link for short commands: what else is counted over all instances is counted there too. */
  readonly commands: Redis
}

/** Connects to Redis, or says in a sentence why that cannot be. */
export async function openRedisEngine(settings: RedisEngineSettings): Promise<OpenRedisEngine> {
  const { url, production, pressRate, instance, fencingToken, failAt, log, onError } = settings
  await using stack = new AsyncDisposableStack()
  const links = stack.use(openLinks(url, { log }))
  await links.opened
  await checkSuitable(links.commands, { production, log })
  const keys = new Keys()
  const bus = stack.use(new Bus(links, onError))
  const recordStream = stack.use(new RecordStream({ links, keys, instance, onError, log, failAt: failAt ?? undefined }))
  const engine = stack.use(new RedisEngine({ links, bus, keys, recordStream, instance, pressRate, fencingToken, onError }))
  const owned = stack.move()
  return {
    engine,
    commands: links.commands,
    neighbours: {
      tell: (subject, text) => {
        // Whoever does not hear it looks by itself a little later.
        bus.publish(keys.neighboursChannel(subject), text).catch(() => {})
      },
      hear: async (subject, listener) => {
        await bus.open(keys.neighboursChannel(subject), listener)
      },
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
