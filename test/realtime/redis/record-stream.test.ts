import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Recorder } from '../../../src/domains/history/recorder.ts'
import { type GroupId, newId } from '../../../src/ids.ts'
import type { RecordEntry } from '../../../src/realtime/events.ts'
import { openLinks } from '../../../src/realtime/redis/links.ts'
import { RecordStream } from '../../../src/realtime/redis/record-stream.ts'
import { ended, openRecordDatabase, type RecordDatabase, silent } from '../../history/record-database.ts'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { burstIdOf, NOTHING_LEFT, openConsumer, openSpace, patience } from './record-space.ts'

const nothing = async () => {}

describe.skipIf(!hasRedis())('20 the record in Redis', () => {
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
    test('comes in order, soon, and is gone once it is written', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const heard: [id: string, afterMs: number][] = []
      let writtenAt = 0
      await using consumer = await openConsumer(redis.url, space, async (entry) =>
        heard.push([burstIdOf(entry), performance.now() - writtenAt]),
      )
      await space.write(0, { burst: database.burst(0) })
      await expect.poll(() => heard.length, patience).toBe(1)
      const bursts = database.bursts(50)
      for (const burst of bursts) {
        writtenAt = performance.now()
        await space.write(3, { burst }, ended(burst, 'RELEASED', 10))
        await consumer.stream.recorded(space.shard(3), 5_000)
      }
      expect(heard.slice(1).map(([id]) => id)).toEqual(bursts.flatMap(({ id }) => [id, id]))
      // Half of them, so that a busy machine is no failure.
      expect(heard.map(([, afterMs]) => afterMs).toSorted((a, b) => a - b)[50]).toBeLessThan(250)
      expect(await space.left()).toEqual(NOTHING_LEFT)
      expect(consumer.errors).toEqual([])
    })

    test('is kept until what the listener answers has resolved, whatever another listener says', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const written = Promise.withResolvers<void>()
      await using consumer = await openConsumer(redis.url, space, () => written.promise)
      consumer.stream.listen(nothing)
      await space.write(0, { burst: database.burst(0) })
      await sleep(300)
      expect(await space.left()).toEqual({ pieces: 1, pending: 1 })
      written.resolve()
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
    })

    test('is shared by two instances that hold what they have through a long outage, without taking it from each other', async ({
      expect,
    }) => {
      await using space = await openSpace(redis.url)
      const back = Promise.withResolvers<void>()
      const given = new Map<string, number>()
      const listener = (entry: RecordEntry) => {
        given.set(burstIdOf(entry), (given.get(burstIdOf(entry)) ?? 0) + 1)
        return back.promise
      }
      const bursts = database.bursts(900)
      for (const [n, burst] of bursts.entries()) await space.write(n, { burst })
      // One that dies, and whose share nobody has room for as long as PostgreSQL is away.
      const dead = await openConsumer(redis.url, space, () => Promise.withResolvers().promise)
      await expect.poll(async () => (await space.left()).pending, patience).toBeGreaterThan(90)
      await dead[Symbol.asyncDispose]()
      const leftBehind = (await space.left()).pending
      await using one = await openConsumer(redis.url, space, listener)
      await using other = await openConsumer(redis.url, space, listener)
      await sleep(7_000)
      const inHand = (await space.left()).pending - leftBehind
      // Neither has more than its share, and all of that twice as long in hand as what is abandoned.
      expect(inHand).toBeGreaterThan(200)
      expect(inHand).toBeLessThanOrEqual(2 * 200)
      expect(given.size).toBe(inHand)
      back.resolve()
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
      expect([...given.values()].filter((times) => times !== 1)).toEqual([])
      expect(given.size).toBe(bursts.length)
      expect([one.errors, other.errors]).toEqual([[], []])
    })

    test('stays with who has it in hand, though another has room', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const written = Promise.withResolvers<void>()
      const given = { one: 0, other: 0 }
      await using _one = await openConsumer(redis.url, space, () => {
        given.one += 1
        return written.promise
      })
      for (const [n, burst] of database.bursts(40).entries()) await space.write(n, { burst })
      await expect.poll(() => given.one, patience).toBe(40)
      await using _other = await openConsumer(redis.url, space, () => {
        given.other += 1
      })
      await sleep(7_000)
      expect(given).toEqual({ one: 40, other: 0 })
      written.resolve()
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
    })

    test('comes at once after a long silence, though the others may have taken its reader for dead', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const heard: string[] = []
      const listener = async (entry: RecordEntry) => heard.push(burstIdOf(entry))
      await using one = await openConsumer(redis.url, space, listener)
      await using other = await openConsumer(redis.url, space, listener)
      await sleep(7_000)
      const bursts = database.bursts(32)
      for (const [n, burst] of bursts.entries()) {
        await space.write(n, { burst })
        await expect.poll(() => heard.at(-1), { timeout: 2_000, interval: 5 }).toBe(burst.id)
      }
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
      expect(heard).toHaveLength(bursts.length)
      expect([one.errors, other.errors]).toEqual([[], []])
    })

    test('of an instance that died is taken over, and the dead are forgotten when nothing is left with them', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const heard: string[] = []
      const first = await openConsumer(redis.url, space, () => Promise.withResolvers().promise)
      const bursts = database.bursts(40)
      for (const [n, burst] of bursts.entries()) await space.write(n, { burst })
      await expect.poll(space.left, patience).toEqual({ pieces: 40, pending: 40 })
      // It does not acknowledge what is not written.
      await first[Symbol.asyncDispose]()
      expect(await space.left()).toEqual({ pieces: 40, pending: 40 })
      await using second = await openConsumer(redis.url, space, async (entry) => heard.push(burstIdOf(entry)))
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
      expect(heard.toSorted()).toEqual(bursts.map(({ id }) => id).toSorted())
      await expect.poll(() => space.consumers(0), { timeout: 20_000, interval: 200 }).toEqual([second.instance])
    })

    test('that can never be written goes aside with a word, and holds nobody up', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const lines: string[] = []
      const log = pino({ level: 'error' }, { write: (line: string) => lines.push(line) })
      await using recorder = new Recorder({ ...database, log: silent })
      await using _consumer = await openConsumer(redis.url, space, (entry) => recorder.add(entry), log)
      const good = database.bursts(30)
      const poison = database.burst(99, { group: { id: newId<GroupId>(), name: 'nowhere' } })
      const [beside, ...rest] = good
      if (!beside) throw new Error('there are some')
      await space.write(0, { burst: poison }, ended(beside, 'RELEASED', 1))
      await space.redis.xadd(space.keys.record(space.shard()), '*', 'entries', 'no JSON')
      for (const burst of rest) await space.write(0, ended(burst, 'RELEASED', 1))
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
      expect(await database.endsOf(good)).toEqual(allReleased(good))
      const aside = await space.redis.xrange(space.keys.aside(space.shard()), '-', '+')
      // The one that is no JSON is known at once for what it is.
      expect(aside.map(([, fields]) => fields)).toEqual([
        ['reason', expect.stringContaining('SyntaxError'), 'entries', 'no JSON'],
        ['reason', expect.stringContaining('CannotBeWritten'), 'entries', expect.stringContaining(poison.id)],
      ])
      expect(lines.filter((line) => line.includes('put aside') && line.includes(poison.id))).toHaveLength(1)
      expect(lines.join()).not.toContain('displayName')
    })

    test('is waited for by who asks, on another instance too, but no longer than told', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const slow = Promise.withResolvers<void>()
      await using _writer = await openConsumer(redis.url, space, () => slow.promise)
      const links = openLinks(redis.url, { log: silent })
      await using _links = links
      await links.opened
      await using reader = new RecordStream({ links, keys: space.keys, instance: newId(), onError: console.error, log: silent })
      const took = async (n: number, ms: number) => {
        const began = performance.now()
        await reader.recorded(space.shard(n), ms)
        return performance.now() - began
      }
      expect(await took(0, 5_000)).toBeLessThan(1_000)
      await space.write(0, { burst: database.burst(0) })
      expect(await took(0, 200)).toBeGreaterThan(190)
      // Another shard's is not waited for.
      expect(await took(1, 5_000)).toBeLessThan(1_000)
      let isOver = false
      const asked = took(0, 10_000).then(() => (isOver = true))
      await sleep(100)
      expect(isOver).toBe(false)
      slow.resolve()
      await asked
      expect(await space.left()).toEqual(NOTHING_LEFT)
    })

    test('that is in hand at the end is written and acknowledged, and what comes later is left to others', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const heard: string[] = []
      const inHand = Promise.withResolvers<void>()
      const consumer = await openConsumer(redis.url, space, async (entry) => {
        inHand.resolve()
        await sleep(200)
        heard.push(burstIdOf(entry))
      })
      const [first, second] = [database.burst(0), database.burst(1)]
      await space.write(0, { burst: first })
      await inHand.promise
      consumer.stop()
      await space.write(0, { burst: second })
      await consumer[Symbol.asyncDispose]()
      expect(heard).toEqual([first.id])
      expect(await space.left()).toEqual({ pieces: 1, pending: 0 })
      // Who listens again goes on.
      await using _next = await openConsumer(redis.url, space, nothing)
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
    })

    test('that is delivered to who has just stopped is left to others', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      await using proxy = await tcpProxy(redis.port)
      const heard: string[] = []
      const listener = async (entry: RecordEntry) => heard.push(burstIdOf(entry))
      const [first, second] = [database.burst(0), database.burst(1)]
      const stopped = await openConsumer(`redis://127.0.0.1:${proxy.port}`, space, listener)
      await space.write(0, { burst: first })
      await expect.poll(() => heard, patience).toEqual([first.id])
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
      // Redis hears late that nobody reads any more.
      proxy.delay({ up: 200 })
      stopped.stop()
      await space.write(0, { burst: second })
      await stopped[Symbol.asyncDispose]()
      expect(await space.left()).toEqual({ pieces: 1, pending: 1 })
      await using _next = await openConsumer(redis.url, space, listener)
      await expect.poll(() => heard, patience).toEqual([first.id, second.id])
    })

    test('can be listened to again by who had stopped', async ({ expect }) => {
      await using space = await openSpace(redis.url)
      const heard: string[] = []
      await using consumer = await openConsumer(redis.url, space, nothing)
      for (let round = 0; round < 5; round++) {
        consumer.stop()
        consumer.stop = consumer.stream.listen(async (entry) => heard.push(burstIdOf(entry)))
        const burst = database.burst(round)
        await space.write(round, { burst })
        await expect.poll(() => heard.at(-1), patience).toBe(burst.id)
      }
      await expect.poll(space.left, patience).toEqual(NOTHING_LEFT)
    })
  })
})
