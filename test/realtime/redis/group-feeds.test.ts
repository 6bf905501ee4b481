import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GroupId, newId, type SessionId } from '../../../src/ids.ts'
import { Bus } from '../../../src/realtime/redis/bus.ts'
import { GroupFeeds } from '../../../src/realtime/redis/group-feeds.ts'
import { openLinks } from '../../../src/realtime/redis/links.ts'
import { Stopwatch } from '../../support/machine.ts'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { tcpProxy, type Which } from '../../support/tcp-proxy.ts'
import { logLines } from './log-lines.ts'
import { ToldGroups } from './told-groups.ts'

const nothing = () => {}
const subscriber: Which = (words) => words.includes('neda-subscriber')

describe.skipIf(!hasRedis())('feeds of groups', () => {
  let redis: RedisServer
  let admin: Redis
  beforeAll(async () => {
    redis = await startRedis()
    admin = new Redis(redis.url)
    admin.on('error', nothing)
  })
  afterAll(async () => {
    admin.disconnect()
    await redis[Symbol.asyncDispose]()
  })

  async function open(url = redis.url) {
    await using stack = new AsyncDisposableStack()
    const links = stack.use(openLinks(url, logLines()))
    await links.opened
    const errors: string[] = []
    const onError = (error: unknown) => void errors.push(String(error))
    const bus = stack.use(new Bus(links, onError))
    const groups = new ToldGroups((channel, text) => admin.publish(channel, text))
    const feeds = stack.use(new GroupFeeds({ ...groups.reading, bus, onError }))
    const groupId = newId<GroupId>()
    /** What a listener of one log hears, in its own words. */
    const listen = async (log: 'floor' | 'presence', of = groupId) => {
      const heard: (number | string)[] = []
      const lost = (snapshot: { epoch: string; sequence: number }) => void heard.push(`lost ${snapshot.epoch} ${snapshot.sequence}`)
      const end = await feeds[log](of, ({ sequence }: { sequence: number }) => void heard.push(sequence), lost)
      return { heard, end }
    }
    const subscribed = async (...ids: GroupId[]) => {
      await bus.settled()
      const answer = await admin.pubsub('NUMSUB', ...ids.map((id) => groups.keys.eventsChannel(id)))
      return answer.filter((_, n) => n % 2 === 1)
    }
    const owned = stack.move()
    return { links, bus, groups, feeds, errors, groupId, listen, subscribed, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  }

  const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n)

  test('both logs and the messages of a group come over one channel, which is left with the last listener', async () => {
    await using it = await open()
    const [sessionId, other] = [newId<SessionId>(), newId<SessionId>()]
    const messages: string[] = []
    const [floor, presence, endMessages] = await Promise.all([
      it.listen('floor'),
      it.listen('presence'),
      it.feeds.messages(it.groupId, sessionId, ({ to }) => messages.push(to)),
    ])
    expect(await it.subscribed(it.groupId)).toEqual([1])
    for (let n = 0; n < 3; n++) {
      await it.groups.talk(it.groupId)
      await it.groups.move(it.groupId)
      await it.groups.say(it.groupId, sessionId)
      await it.groups.say(it.groupId, other)
    }
    await expect.poll(() => [floor.heard, presence.heard, messages]).toEqual([upTo(3), upTo(3), [sessionId, sessionId, sessionId]])
    floor.end()
    floor.end()
    presence.end()
    expect(await it.subscribed(it.groupId)).toEqual([1])
    endMessages()
    expect(await it.subscribed(it.groupId)).toEqual([0])
    await it.groups.talk(it.groupId)
    await it.bus.settled()
    expect([it.groups.reads, floor.heard, it.errors]).toEqual([0, upTo(3), []])
  })

  test('who ended hears nothing more while others still listen, and a log that nobody listens to is not read', async () => {
    await using it = await open()
    const { heard, end } = await it.listen('floor')
    const other = await it.listen('floor')
    const presence = await it.listen('presence')
    await it.groups.talk(it.groupId)
    await expect.poll(() => [heard, other.heard]).toEqual([[1], [1]])
    end()
    await it.groups.talk(it.groupId)
    await expect.poll(() => other.heard).toEqual([1, 2])
    other.end()
    await it.groups.talk(it.groupId, false)
    await it.groups.talk(it.groupId)
    await it.groups.move(it.groupId)
    await expect.poll(() => presence.heard).toEqual([1])
    expect([heard, other.heard, it.groups.reads]).toEqual([[1], [1, 2], 0])
  })

  test('only groups that somebody watches here are subscribed and asked about', async () => {
    await using it = await open()
    const elsewhere = newId<GroupId>()
    expect(await it.subscribed(it.groupId, elsewhere)).toEqual([0, 0])
    await sleep(1_100)
    expect(it.groups.looks).toBe(0)
    await it.listen('floor')
    expect(await it.subscribed(it.groupId, elsewhere)).toEqual([1, 0])
  })

  test('whoever breaks the connection, whenever: every event is heard once and in order', async () => {
    await using it = await open()
    const { heard } = await it.listen('floor')
    const presence = await it.listen('presence')
    for (let n = 0; n < 60; n++) {
      await it.groups.talk(it.groupId)
      if (n % 2 === 0) await it.groups.move(it.groupId)
      if (n % 7 === 3) await admin.client('KILL', 'TYPE', 'pubsub')
      if (n % 5 === 0) await sleep(7)
    }
    await expect.poll(() => heard.at(-1), { timeout: 3_000 }).toBe(60)
    await expect.poll(() => presence.heard.at(-1), { timeout: 3_000 }).toBe(30)
    expect(heard).toEqual(upTo(60))
    expect(presence.heard).toEqual(upTo(30))
  })

  test('a last event that was lost is heard within 2 s', async () => {
    await using it = await open()
    const { heard } = await it.listen('floor')
    await it.groups.talk(it.groupId)
    await expect.poll(() => heard).toEqual([1])
    await it.groups.talk(it.groupId, false)
    await it.groups.talk(it.groupId, false)
    await expect.poll(() => heard, { timeout: 2_000 }).toEqual([1, 2, 3])
  })

  test('after a break it is asked at once what was lost', async () => {
    await using it = await open()
    const { heard } = await it.listen('floor')
    const { looks } = it.groups
    await expect.poll(() => it.groups.looks, { interval: 5, timeout: 2_000 }).toBeGreaterThan(looks)
    await it.groups.talk(it.groupId, false)
    await admin.client('KILL', 'TYPE', 'pubsub')
    await expect.poll(() => heard, { timeout: 500 }).toEqual([1])
  })

  test('all converge without new activity after 3 s of silence on the line', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await open(`redis://127.0.0.1:${proxy.port}`)
    const all = await Promise.all(upTo(20).map(() => it.listen('floor', newId<GroupId>())))
    const { heard } = await it.listen('floor')
    proxy.blackhole(subscriber)
    for (let n = 0; n < 5; n++) await it.groups.talk(it.groupId)
    await sleep(3_000)
    proxy.mend()
    await expect.poll(() => heard, { timeout: 2_000 }).toEqual(upTo(5))
    expect(all.flatMap((one) => one.heard)).toEqual([])
  })

  test('what is lost for good is announced to every listener of that log, in its place', async () => {
    await using it = await open()
    const listeners = await Promise.all([it.listen('floor'), it.listen('floor')])
    const presence = await it.listen('presence')
    await it.feeds.floor(it.groupId, nothing)
    await it.groups.talk(it.groupId)
    await expect.poll(() => listeners[1]?.heard).toEqual([1])
    it.groups.forget('two')
    await it.groups.talk(it.groupId)
    await it.groups.talk(it.groupId)
    await expect.poll(() => listeners.map(({ heard }) => heard.at(-1))).not.toContain(1)
    await it.groups.talk(it.groupId)
    await expect.poll(() => listeners.map(({ heard }) => heard.at(-1))).toEqual([3, 3])
    for (const { heard } of listeners)
      expect(heard).toEqual([1, expect.stringMatching(/^lost two [12]$/), ...upTo(3, Number(String(heard[1]).slice(-1)) + 1)])
    await expect.poll(() => presence.heard, { timeout: 2_000 }).toEqual(['lost two 0'])
  })

  test('a log trimmed past what was heard is announced with the state that it has now', async () => {
    await using it = await open()
    const { heard } = await it.listen('presence')
    await it.groups.move(it.groupId, false)
    await it.groups.move(it.groupId, false)
    it.groups.trim(1)
    await it.groups.move(it.groupId)
    await expect.poll(() => heard).toEqual(['lost one 3'])
  })

  test('what can not be read is read once Redis answers, reported once, and nothing is told out of order meanwhile', async () => {
    await using it = await open()
    const { heard } = await it.listen('floor')
    it.groups.isAway = true
    await it.groups.talk(it.groupId, false)
    for (let n = 0; n < 5; n++) await it.groups.talk(it.groupId)
    await sleep(1_500)
    expect(heard).toEqual([])
    it.groups.isAway = false
    await expect.poll(() => heard, { timeout: 2_000 }).toEqual(upTo(6))
    // Once by the log, once by the beat.
    expect(it.errors).toEqual(['Error: Redis is away', 'Error: Redis is away'])
  })

  test('who joins hears what is told from then on, not what still waits to be told to others', async () => {
    await using it = await open()
    const many = await Promise.all(upTo(500).map(() => it.listen('floor')))
    for (let n = 0; n < 3; n++) await it.groups.talk(it.groupId)
    await it.bus.settled()
    const late = await it.listen('floor')
    await it.groups.talk(it.groupId)
    await expect.poll(() => many.at(-1)?.heard).toEqual(upTo(4))
    expect(late.heard).toEqual([4])
    expect(many.every(({ heard }) => heard.length === 4)).toBe(true)
  })

  test('a listener that throws, and a publication that nobody understands, hurt nobody', async () => {
    await using it = await open()
    await it.feeds.floor(it.groupId, () => {
      throw new Error('a bug')
    })
    const { heard } = await it.listen('floor')
    for (const text of ['', 'null', '{}', '[null]', '[{"floor":null}]', 'not json']) await it.groups.publish(it.groupId, text)
    await it.groups.talk(it.groupId)
    await expect.poll(() => heard).toEqual([1])
    expect(it.errors.filter((error) => error === 'Error: a bug')).toHaveLength(1)
    expect(it.errors.length).toBeGreaterThan(3)
  })

  test('while Redis is away joining is refused within 450 ms, leaves nothing, and works again afterwards', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await open(`redis://127.0.0.1:${proxy.port}`)
    proxy.cut()
    await expect.poll(() => it.links.subscriber.status).not.toBe('ready')
    const watch = new Stopwatch()
    const refused = await Promise.allSettled([it.listen('floor'), it.listen('floor'), it.listen('presence')])
    expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    watch.expect(600)
    proxy.mend()
    await expect.poll(() => it.links.subscriber.status).toBe('ready')
    expect(await it.subscribed(it.groupId)).toEqual([0])
    const { heard } = await it.listen('floor')
    await it.groups.talk(it.groupId)
    await expect.poll(() => heard).toEqual([1])
  })

  test('a Redis that acknowledges and then says nothing refuses too, and its channel is left', async () => {
    await using it = await open()
    const silence = Promise.withResolvers<void>()
    it.groups.hold = silence.promise
    const watch = new Stopwatch()
    await expect(it.listen('floor')).rejects.toThrow('does not say')
    watch.expect(600)
    expect(await it.subscribed(it.groupId)).toEqual([0])
    silence.resolve()
    const { heard } = await it.listen('floor')
    await it.groups.talk(it.groupId)
    await expect.poll(() => heard).toEqual([1])
  })

  test('five hundred who come and go at once leave no subscription and nothing to ask about', async () => {
    await using it = await open()
    const groupIds = upTo(7).map(() => newId<GroupId>())
    const visit = async (n: number) => {
      const groupId = groupIds[n % groupIds.length] as GroupId
      await sleep(n % 13)
      const end =
        n % 3 === 0
          ? await it.feeds.messages(groupId, newId<SessionId>(), nothing)
          : (await it.listen(n % 3 === 1 ? 'floor' : 'presence', groupId)).end
      if (n % 5 === 0) await sleep(n % 11)
      if (n % 50 === 0) void it.groups.talk(groupId, n % 100 === 0)
      end()
    }
    await Promise.all(upTo(500).map(visit))
    expect(await it.subscribed(...groupIds)).toEqual(groupIds.map(() => 0))
    const { looks } = it.groups
    await sleep(1_200)
    expect(it.groups.looks).toBe(looks)
    expect(it.errors).toEqual([])
  })

  test('after a break with many groups, few logs are read at once', async () => {
    await using it = await open()
    const watched = await Promise.all(
      upTo(300).map(async () => {
        const groupId = newId<GroupId>()
        return { groupId, ...(await it.listen('floor', groupId)) }
      }),
    )
    for (const { groupId } of watched) await it.groups.talk(groupId, false)
    await admin.client('KILL', 'TYPE', 'pubsub')
    await expect.poll(() => watched.filter(({ heard }) => heard.length !== 1), { timeout: 2_000 }).toEqual([])
    expect(it.groups.mostReadsAtOnce).toBeLessThanOrEqual(8)
    expect(it.groups.reads).toBe(300)
  })

  test('closing ends it in the middle of everything, and refuses who comes later', async () => {
    await using it = await open()
    const { heard } = await it.listen('floor')
    const never = Promise.withResolvers<void>()
    it.groups.hold = never.promise
    await it.groups.talk(it.groupId, false)
    await it.groups.talk(it.groupId)
    const opening = it.listen('floor', newId<GroupId>())
    await it.bus.settled()
    const watch = new Stopwatch()
    await Promise.all([it.feeds[Symbol.asyncDispose](), expect(opening).rejects.toThrow('closed')])
    watch.expect(300)
    never.resolve()
    await expect(it.listen('floor')).rejects.toThrow('closed')
    await sleep(20)
    expect([heard, it.errors]).toEqual([[], []])
    expect(await it.subscribed(it.groupId)).toEqual([0])
  })
})
