import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../src/database/client.ts'
import { Recorder } from '../../../src/domains/history/recorder.ts'
import type { Burst } from '../../../src/realtime/events.ts'
import { ended, openRecordDatabase, type RecordDatabase, silent, voiceSessionOf } from '../../history/record-database.ts'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { burstIdOf, NOTHING_LEFT, openConsumer, openSpace, patience, startConsumer } from './record-space.ts'

describe.skipIf(!hasRedis())('20 the record in Redis, when something dies', () => {
  let redis: RedisServer
  let database: RecordDatabase
  beforeAll(async () => {
    ;[redis, database] = await Promise.all([startRedis({ appendOnly: true }), openRecordDatabase()])
  })
  afterAll(async () => {
    await redis[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const allReleased = (bursts: readonly unknown[]) => bursts.map(() => 'RELEASED')

  describe.concurrent('with one Redis', () => {
    test('that was delivered into a dead connection comes all the same', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      await using proxy = await tcpProxy(redis.port)
      const heard: string[] = []
      await using _consumer = await openConsumer(`redis://127.0.0.1:${proxy.port}`, space, async (entry) => heard.push(burstIdOf(entry)))
      const [first, second] = [database.burst(0), database.burst(1)]
      await space.write(0, { burst: first })
      await expect.poll(() => heard, patience).toEqual([first.id])
      proxy.dropReplies()
      await space.write(0, { burst: second })
      await expect.poll(async () => (await space.left()).pending, patience).toBe(1)
      proxy.mend()
      await expect.poll(() => heard, patience).toEqual([first.id, second.id])
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
    })

    test.for(['record.beforeCommit', 'record.afterCommit', 'record.afterAck'])(
      'of a process killed at %s is written once by another',
      async (failAt, { expect }) => {
        await using space = await openSpace(redis.url)
        const bursts = database.bursts(80)
        for (const [n, burst] of bursts.entries()) {
          await space.write(n, { voiceSession: voiceSessionOf(burst) }, { burst })
          if (n % 40 < 39) continue
          await using killed = await startConsumer({ redis: redis.url, postgres: database.url, space: space.space, failAt })
          expect(await killed.ended).toBe('SIGKILL')
        }
        await using recorder = new Recorder({ ...database, log: silent })
        await using _survivor = await openConsumer(redis.url, space, (entry) => recorder.add(entry))
        for (const [n, burst] of bursts.entries()) await space.write(n, ended(burst, 'RELEASED', 5))
        await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
        expect(await database.endsOf(bursts)).toEqual(allReleased(bursts))
      },
    )

    test('is whole though processes that write it are killed while it is made', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const bursts = database.bursts(1_000)
      const making = (async () => {
        for (const [n, burst] of bursts.entries()) {
          await space.write(n, { burst })
          await space.write(n, ended(burst, 'RELEASED', 5))
          await sleep(2)
        }
      })()
      const settings = { redis: redis.url, postgres: database.url, space: space.space }
      await Promise.all(
        [0, 60, 130, 300].map(async (ms) => {
          await using killed = await startConsumer(settings)
          await sleep(ms)
          killed.child.kill('SIGKILL')
          expect(await killed.ended).toBe('SIGKILL')
        }),
      )
      await making
      await using recorder = new Recorder({ ...database, log: silent })
      await using _last = await openConsumer(redis.url, space, (entry) => recorder.add(entry))
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
      expect(await database.endsOf(bursts)).toEqual(allReleased(bursts))
    })

    test('is whole though PostgreSQL is away for seconds', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const url = new URL(database.url)
      await using proxy = await tcpProxy(Number(url.port))
      url.port = String(proxy.port)
      await using away = openDatabase(url.href, silent)
      await using recorder = new Recorder({ ...away, log: silent })
      await using _one = await openConsumer(redis.url, space, (entry) => recorder.add(entry))
      const [before, during, after] = [database.bursts(50), database.bursts(300), database.bursts(50)]
      const make = async (bursts: readonly Burst[]) => {
        for (const [n, burst] of bursts.entries()) await space.write(n, { burst }, ended(burst, 'RELEASED', 5))
      }
      await make(before)
      proxy.cut()
      await make(during)
      await sleep(5_000)
      expect((await space.left()).pieces).toBeGreaterThanOrEqual(during.length)
      proxy.mend()
      await make(after)
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
      const all = [...before, ...during, ...after]
      expect(await database.endsOf(all)).toEqual(allReleased(all))
    })
  })

  test('survives a Redis that is killed, with its file', async () => {
    await using own = await startRedis({ appendOnly: true })
    await using space = await openSpace(own.url)
    await using recorder = new Recorder({ ...database, log: silent })
    await using consumer = await openConsumer(own.url, space, (entry) => recorder.add(entry))
    const taken: Burst[] = []
    for (let round = 0; round < 3; round++) {
      const making = database.bursts(300).map(async (burst, n) => {
        await sleep(2 * n)
        await space.write(n, { burst }, ended(burst, 'RELEASED', 5))
        taken.push(burst)
      })
      await sleep(250)
      await own.kill()
      await sleep(200)
      await own.restart()
      await Promise.all(making)
    }
    await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
    expect(taken).toHaveLength(900)
    expect(await database.endsOf(taken)).toEqual(allReleased(taken))
    expect(consumer.errors).toEqual([])
  })

  test('goes on after Redis forgot everything, the readers and what they had in hand too', async () => {
    await using own = await startRedis()
    await using space = await openSpace(own.url)
    const gate = { open: Promise.withResolvers<void>() }
    const heard: string[] = []
    await using consumer = await openConsumer(own.url, space, async (entry) => {
      await gate.open.promise
      heard.push(burstIdOf(entry))
    })
    const [inHand, next, last] = [database.burst(0), database.burst(1), database.burst(2)]
    await space.write(0, { burst: inHand })
    await expect.poll(async () => (await space.left()).pending, patience).toBe(1)
    await space.redis.flushall()
    await space.write(0, { burst: next })
    await space.write(7, { burst: next })
    await expect.poll(async () => (await space.left()).pending, patience).toBe(2)
    gate.open.resolve()
    await expect.poll(() => heard, patience).toEqual([inHand.id, next.id, next.id])
    await own.kill()
    await own.restart()
    await space.write(0, { burst: last })
    await expect.poll(() => heard.at(-1), patience).toBe(last.id)
    await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
    expect(consumer.errors).toEqual([])
  })
})
