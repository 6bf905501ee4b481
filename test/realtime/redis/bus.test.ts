import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Bus } from '../../../src/realtime/redis/bus.ts'
import { openLinks } from '../../../src/realtime/redis/links.ts'
import { Stopwatch } from '../../support/machine.ts'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { tcpProxy, type Which } from '../../support/tcp-proxy.ts'
import { logLines } from './log-lines.ts'

const subscriber: Which = (words) => words.includes('neda-subscriber')
const nothing = () => {}

describe.skipIf(!hasRedis())('the bus between instances', () => {
  let redis: RedisServer
  let admin: Redis
  beforeAll(async () => {
    redis = await startRedis({ appendOnly: true })
    admin = new Redis(redis.url)
    admin.on('error', nothing)
  })
  afterAll(async () => {
    admin.disconnect()
    await redis[Symbol.asyncDispose]()
  })

  /** A bus with links of its own, and all that it reported. */
  async function openBus(url = redis.url) {
    await using stack = new AsyncDisposableStack()
    const { log, lines } = logLines()
    const links = stack.use(openLinks(url, { log }))
    await links.opened
    const errors: string[] = []
    const bus = stack.use(new Bus(links, (error) => errors.push(String(error))))
    const owned = stack.move()
    return { bus, links, errors, lines, [Symbol.asyncDispose]: () => owned.disposeAsync() }
  }

  const subscribers = async (...channels: string[]) => {
    const answer = (await admin.pubsub('NUMSUB', ...channels)) as (string | number)[]
    return answer.filter((_, n) => n % 2 === 1)
  }

  test('a channel is subscribed when it is open, once for all who listen, until the last has ended', async () => {
    await using one = await openBus()
    const ends = await Promise.all([1, 2, 3].map(() => one.bus.open('one', nothing)))
    ends.push(await one.bus.open('one', nothing))
    expect(await subscribers('one')).toEqual([1])
    await using other = await openBus()
    await other.bus.open('one', nothing)
    expect(await subscribers('one')).toEqual([2])
    const last = ends.pop()
    for (const end of ends) end()
    ends[0]?.()
    await one.bus.settled()
    expect(await subscribers('one')).toEqual([2])
    last?.()
    await one.bus.settled()
    expect(await subscribers('one')).toEqual([1])
  })

  test.for(['{"a":1}', 'not {json', '"text"', '7', '', 'straße 🎙 \u0000', 'x'.repeat(100_000)])(
    '%.20s arrives as it was published',
    async (text) => {
      await using it = await openBus()
      const heard: string[] = []
      await it.bus.open('text', (one) => heard.push(one))
      await it.bus.publish('text', text)
      await admin.publish('text', text)
      await it.bus.settled()
      expect(heard).toEqual([text, text])
    },
  )

  test('a listener that throws, ends itself or ends others hurts nobody', async () => {
    await using it = await openBus()
    const heard: string[] = []
    const ends: (() => void)[] = []
    ends.push(
      await it.bus.open('hurt', () => {
        throw new Error('a bug')
      }),
    )
    ends.push(
      await it.bus.open('hurt', (text) => {
        heard.push(`second ${text}`)
        ends[1]?.()
        ends[2]?.()
      }),
    )
    ends.push(await it.bus.open('hurt', (text) => heard.push(`third ${text}`)))
    ends.push(await it.bus.open('hurt', (text) => heard.push(`fourth ${text}`)))
    await it.bus.publish('hurt', '1')
    await it.bus.publish('hurt', '2')
    await it.bus.settled()
    expect(heard).toEqual(['second 1', 'fourth 1', 'fourth 2'])
    expect(it.errors).toEqual(['Error: a bug', 'Error: a bug'])
    for (const end of ends) end()
    await it.bus.publish('hurt', '3')
    await it.bus.settled()
    expect(heard).toHaveLength(3)
  })

  test('while Redis is away opening is refused within 400 ms and leaves nothing; publishing is refused at once', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await openBus(`redis://127.0.0.1:${proxy.port}`)
    await it.bus.open('open already', nothing)
    proxy.cut()
    await expect.poll(() => it.links.subscriber.status).not.toBe('ready')
    const watch = new Stopwatch()
    const refused = await Promise.allSettled([it.bus.open('away', nothing), it.bus.open('open already', nothing)])
    expect(refused).toMatchObject([{ reason: { message: expect.stringContaining('does not acknowledge') } }, { status: 'rejected' }])
    watch.expect(600)
    await expect(it.bus.publish('away', 'x')).rejects.toThrow()
    proxy.mend()
    await expect.poll(() => it.links.subscriber.status).toBe('ready')
    await it.bus.settled()
    expect(await subscribers('away')).toEqual([0])
    const heard: string[] = []
    await it.bus.open('away', (text) => heard.push(text))
    await admin.publish('away', 'now')
    await it.bus.settled()
    expect(heard).toEqual(['now'])
  })

  test('opening waits out a short break', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await openBus(`redis://127.0.0.1:${proxy.port}`)
    proxy.cut()
    await expect.poll(() => it.links.subscriber.status).not.toBe('ready')
    setTimeout(() => proxy.mend(), 100)
    await it.bus.open('soon', nothing)
    expect(await subscribers('soon')).toEqual([1])
  })

  test('an acknowledgement that does not come leaves nothing behind, whenever it comes', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await openBus(`redis://127.0.0.1:${proxy.port}`)
    proxy.hold(subscriber)
    await expect(it.bus.open('late', nothing)).rejects.toThrow('does not acknowledge')
    proxy.mend()
    await it.bus.settled()
    expect(await subscribers('late')).toEqual([0])
  })

  test('an acknowledgement is not taken for that of a later subscription', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await openBus(`redis://127.0.0.1:${proxy.port}`)
    proxy.delay({ down: 480 })
    await expect(it.bus.open('slow', nothing)).rejects.toThrow('does not acknowledge')
    // The first one's comes during this, its own too late.
    await expect(it.bus.open('slow', nothing)).rejects.toThrow('does not acknowledge')
    proxy.mend()
    await it.bus.open('slow', nothing)
    expect(await subscribers('slow')).toEqual([1])
  })

  test('a broken link is subscribed anew, and what is published once that is said arrives', async () => {
    await using it = await openBus()
    const heard: string[] = []
    for (const name of ['a', 'b', 'c']) await it.bus.open(name, (text) => heard.push(name + text))
    let breaks = 0
    it.bus.onReconnect(() => {
      breaks += 1
      for (const name of ['a', 'b', 'c']) void admin.publish(name, String(breaks))
    })
    for (let n = 1; n <= 5; n++) {
      await admin.client('KILL', 'TYPE', 'pubsub')
      await expect.poll(() => heard).toHaveLength(3 * n)
    }
    expect(heard).toEqual([1, 2, 3, 4, 5].flatMap((n) => [`a${n}`, `b${n}`, `c${n}`]))
    expect(breaks).toBe(5)
    expect(it.errors).toEqual([])
  })

  test('a killed Redis that starts again finds every channel subscribed', async () => {
    await using own = await startRedis()
    await using it = await openBus(own.url)
    const heard: string[] = []
    const end = await it.bus.open('gone', nothing)
    await it.bus.open('kept', (text) => heard.push(text))
    const back = Promise.withResolvers<void>()
    it.bus.onReconnect(() => back.resolve())
    await own.kill()
    end()
    await own.restart()
    await back.promise
    await expect.poll(() => it.links.commands.status).toBe('ready')
    await it.bus.publish('kept', 'again')
    await it.bus.settled()
    expect(heard).toEqual(['again'])
    expect(await it.links.commands.pubsub('NUMSUB', 'gone', 'kept')).toEqual(['gone', 0, 'kept', 1])
  })

  test('a half-open subscriber is noticed within 2 s although commands work', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await openBus(`redis://127.0.0.1:${proxy.port}`)
    const heard: string[] = []
    await it.bus.open('half', (text) => heard.push(text))
    proxy.blackhole(subscriber)
    const watch = new Stopwatch()
    await it.bus.publish('half', 'lost')
    await expect.poll(() => it.lines, { interval: 10, timeout: 3_000 }).toHaveLength(1)
    watch.expect(2_000)
    const back = Promise.withResolvers<void>()
    it.bus.onReconnect(() => back.resolve())
    proxy.mend()
    const mended = new Stopwatch()
    await back.promise
    mended.expect(1_000)
    await it.bus.publish('half', 'heard')
    await it.bus.settled()
    expect(heard).toEqual(['heard'])
  })

  test('a channel that Redis forbids is refused at once, leaves nothing, and harms no other', async () => {
    await admin.acl('SETUSER', 'cleo', 'on', '>pw', '~*', '+@all', 'resetchannels', '&free*')
    await using it = await openBus(redis.url.replace('//', '//cleo:pw@'))
    const heard: string[] = []
    await it.bus.open('free', (text) => heard.push(text))
    const watch = new Stopwatch()
    const refused = await Promise.allSettled([it.bus.open('forbidden', nothing), it.bus.open('forbidden', nothing)])
    watch.expect(200)
    expect(refused).toMatchObject([{ reason: { message: expect.stringContaining('NOPERM') } }, { status: 'rejected' }])
    await it.bus.publish('free', 'heard')
    await it.bus.settled()
    expect(heard).toEqual(['heard'])
    await admin.acl('SETUSER', 'cleo', '&*')
    await it.bus.open('forbidden', nothing)
  })

  test('a refusal that comes when nobody waits any more is not followed up', async () => {
    await admin.acl('SETUSER', 'cleo', 'on', '>pw', '~*', '+@all', 'resetchannels')
    await using proxy = await tcpProxy(redis.port)
    await using it = await openBus(`redis://cleo:pw@127.0.0.1:${proxy.port}`)
    proxy.delay({ down: 480 })
    await expect(it.bus.open('forbidden', nothing)).rejects.toThrow('does not acknowledge')
    await sleep(200)
    proxy.mend()
    await admin.acl('SETUSER', 'cleo', '&forbidden')
    await sleep(1_100)
    expect(await subscribers('forbidden')).toEqual([0])
    expect(it.errors).toEqual([])
  })

  test('a channel that is forbidden while it is open is asked for again until it is allowed', async () => {
    await admin.acl('SETUSER', 'dan', 'on', '>pw', '~*', '+@all', 'resetchannels', '&one', '&two')
    await using it = await openBus(redis.url.replace('//', '//dan:pw@'))
    const heard: string[] = []
    await it.bus.open('one', (text) => heard.push(text))
    await it.bus.open('two', (text) => heard.push(text))
    // Redis closes the connections of those who lose a channel.
    await admin.acl('SETUSER', 'dan', 'resetchannels', '&two')
    await expect.poll(() => it.errors).toHaveLength(1)
    await expect.poll(() => subscribers('two')).toEqual([1])
    await admin.publish('two', 'two')
    await sleep(1_200)
    await admin.acl('SETUSER', 'dan', '&one')
    await expect.poll(() => subscribers('one'), { timeout: 3_000 }).toEqual([1])
    await admin.publish('one', 'one')
    await it.bus.settled()
    expect(heard).toEqual(['two', 'one'])
    expect(it.errors).toEqual([expect.stringContaining('Redis refuses SUBSCRIBE one: NOPERM')])
  })

  test('ending and disposing while Redis is away is no fault, and who was opening is told', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using it = await openBus(`redis://127.0.0.1:${proxy.port}`)
    const end = await it.bus.open('x', nothing)
    await it.bus.open('y', nothing)
    proxy.cut()
    await expect.poll(() => it.links.subscriber.status).not.toBe('ready')
    end()
    const opening = it.bus.open('z', nothing)
    const watch = new Stopwatch()
    await Promise.all([expect(opening).rejects.toThrow('ended'), it.bus[Symbol.asyncDispose]()])
    watch.expect(300)
    await expect(it.bus.open('z', nothing)).rejects.toThrow('closed')
    await it.bus[Symbol.asyncDispose]()
    proxy.mend()
    await expect.poll(() => it.links.subscriber.status).toBe('ready')
    expect(await it.links.commands.pubsub('NUMSUB', 'x', 'y', 'z')).toEqual(['x', 0, 'y', 0, 'z', 0])
    expect(it.errors).toEqual([])
  })

  test('whatever opens and ends at once, in whatever order: who is open hears everything, and nothing stays', async () => {
    await using it = await openBus()
    const channels = ['r0', 'r1', 'r2']
    const step = fc.record({
      channel: fc.constantFrom(...channels),
      ends: fc.boolean(),
      pause: fc.constantFrom('NONE', 'TICK', 'MACROTASK', 'SETTLED'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const open: { channel: string; end: () => void; heard: string[] }[] = []
        const opening: Promise<unknown>[] = []
        for (const { channel, ends, pause } of steps) {
          const n = open.findIndex((one) => one.channel === channel)
          if (ends && n >= 0) open.splice(n, 1)[0]?.end()
          else {
            const heard: string[] = []
            opening.push(it.bus.open(channel, (text) => heard.push(text)).then((end) => open.push({ channel, end, heard })))
          }
          if (pause === 'TICK') await Promise.resolve()
          if (pause === 'MACROTASK') await new Promise((resolve) => setImmediate(resolve))
          if (pause === 'SETTLED') await it.bus.settled()
        }
        await Promise.all(opening)
        for (const { heard } of open) heard.length = 0
        for (const channel of channels) await admin.publish(channel, 'now')
        await it.bus.settled()
        expect(open.filter(({ heard }) => heard.length !== 1)).toEqual([])
        for (const { end } of open) end()
        await it.bus.settled()
        expect(await subscribers(...channels)).toEqual([0, 0, 0])
      }),
      { numRuns: 60 },
    )
  })
})
