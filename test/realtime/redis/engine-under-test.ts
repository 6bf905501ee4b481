import { setTimeout as sleep } from 'node:timers/promises'
import { newId } from '../../../src/ids.ts'
import { createLogger } from '../../../src/logger.ts'
import { Bus } from '../../../src/realtime/redis/bus.ts'
import { Keys } from '../../../src/realtime/redis/keys.ts'
import { openLinks } from '../../../src/realtime/redis/links.ts'
import { RecordStream } from '../../../src/realtime/redis/record-stream.ts'
import { RedisEngine } from '../../../src/realtime/redis/redis-engine.ts'
import type { CreateEngine } from '../contract-stage.ts'

const BEGINNING = 1_800_000_000_000

/** A Redis engine for the contract suite: in a key space of its own, in a time that moves when it is told to. */
export const redisEngine =
  (url: () => string): CreateEngine =>
  async ({ pressRate }) => {
    await using stack = new AsyncDisposableStack()
    let now = BEGINNING
    const instance = newId()
    const log = createLogger({ environment: 'test' })
    const onError = (err: unknown) => log.error({ err }, 'the engine under test failed')
    const keys = new Keys(`${instance}-`)
    const links = stack.use(openLinks(url(), { log }))
    await links.opened
    const bus = stack.use(new Bus(links, onError))
    const { commands } = links
    const recordStream = stack.use(new RecordStream({ links, keys, instance, onError, log, gatherMs: 0 }))
    const time = () => now
    const engine = stack.use(new RedisEngine({ links, bus, keys, recordStream, instance, pressRate, fencingToken: 0n, onError, time }))

    /** All that was told has been heard, and all that was recorded has been taken. */
    const delivered = async () => {
      await bus.settled()
      for (;;) {
        const lengths = await Promise.all(keys.shards.map((shard) => commands.xlen(keys.record(shard))))
        if (lengths.every((length) => length === 0)) break
        await sleep(1)
      }
      // Listeners are told in macrotasks of their own.
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
    const owned = stack.move()
    return {
      engine,
      now: time,
      advance: async (ms) => {
        now += ms
        if (owned.disposed) return
        await engine.sweep()
        await delivered()
      },
      [Symbol.asyncDispose]: async () => {
        await delivered()
        await owned.disposeAsync()
      },
    }
  }
