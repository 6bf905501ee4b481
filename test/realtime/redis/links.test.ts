import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Links, openLinks } from '../../../src/realtime/redis/links.ts'
import { Stopwatch } from '../../support/machine.ts'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { logLines } from './log-lines.ts'

const PASSWORD = 'sec%3Aret'

describe.skipIf(!hasRedis())('links to Redis', () => {
  let redis: RedisServer
  let admin: Redis
  beforeAll(async () => {
    redis = await startRedis()
    admin = new Redis(redis.url)
    await admin.acl('SETUSER', 'ann', 'on', '>sec:ret', '~*', '&*', '+@all')
  })
  afterAll(async () => {
    admin.disconnect()
    await redis[Symbol.asyncDispose]()
  })
  const url = (rest: { login?: string; path?: string; port?: number } = {}) =>
    `redis://${rest.login ?? ''}127.0.0.1:${rest.port ?? redis.port}${rest.path ?? ''}`

  test('they use the user, the password and the database of the URL, and tell Redis who they are', async () => {
    await using links = openLinks(url({ login: `ann:${PASSWORD}@`, path: '/3' }), logLines())
    await links.opened
    links.blocking()
    await expect.poll(async () => names(admin, 'ann', 'db=3')).toEqual(['neda-blocking', 'neda-commands', 'neda-subscriber'])
  })

  test('engine time is that of Redis as soon as they are open', async () => {
    await using links = openLinks(redis.url, logLines())
    await links.opened
    const [seconds, micros] = await admin.time()
    expect(Math.abs(links.clock.now() - (Number(seconds) * 1_000 + Number(micros) / 1_000))).toBeLessThan(200)
  })

  test.for([
    { fault: 'a wrong password', login: 'ann:letmein@', path: '', says: /refuses: WRONGPASS/ },
    { fault: 'a database that is not there', login: '', path: '/99', says: /refuses: .*DB index/ },
  ])('$fault is said at once, in a sentence without the password', async ({ login, path, says }) => {
    const { log, lines } = logLines()
    await using links = openLinks(url({ login, path }), { log })
    const watch = new Stopwatch()
    const error = await links.opened.catch((reason: unknown) => reason)
    expect(String(error)).toMatch(says)
    expect(String(error)).toContain(`127.0.0.1:${redis.port} (REDIS_URL)`)
    expect(JSON.stringify([error, Object.values(error as object), (error as Error).cause, lines])).not.toContain('letmein')
    watch.expect(1_000)
  })

  test('that nothing listens there, or nothing answers, is said after some seconds of trying', async () => {
    const nobody = createServer().listen(0, '127.0.0.1')
    await once(nobody, 'listening')
    const { port } = nobody.address() as { port: number }
    nobody.close()
    await using links = openLinks(url({ login: `ann:${PASSWORD}@`, port }), logLines())
    await using silent = await spokenRedis(() => null)
    await using others = openLinks(url({ port: silent.port }), logLines())
    await Promise.all([
      expect(links.opened).rejects.toThrow(`Redis at 127.0.0.1:${port} (REDIS_URL) cannot be reached: nothing listens there`),
      expect(others.opened).rejects.toThrow('cannot be reached: it does not answer'),
    ])
  })

  test('TLS to a server that speaks none is said in a sentence', async () => {
    await using links = openLinks(redis.url.replace('redis:', 'rediss:'), logLines())
    await expect(links.opened).rejects.toThrow(/cannot be reached: /)
  })

  test('a Redis that starts a little later is waited for', async () => {
    await using proxy = await tcpProxy(redis.port)
    proxy.cut()
    await using links = openLinks(url({ port: proxy.port }), logLines())
    setTimeout(() => proxy.mend(), 700)
    await links.opened
    expect(await links.commands.ping()).toBe('PONG')
  })

  test('a command fails when its connection turns out to be dead, at once when there is none, and is not sent again when Redis is back', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using links = openLinks(url({ port: proxy.port }), logLines())
    await links.opened
    proxy.blackhole()
    const watch = new Stopwatch()
    await expect(links.commands.set('lost', '1')).rejects.toThrow()
    watch.expect(2_100)
    proxy.cut()
    await expect.poll(() => links.commands.status).not.toBe('ready')
    const away = new Stopwatch()
    await expect(links.commands.set('late', '1')).rejects.toThrow()
    away.expect(200)
    proxy.mend()
    await answers(links)
    expect(await admin.exists('lost', 'late')).toBe(0)
  })

  test('a reply that was lost rejects its command, which is not repeated', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using links = openLinks(url({ port: proxy.port }), logLines())
    await links.opened
    proxy.dropReplies()
    const pressed = links.commands.incr('pressed')
    await expect.poll(() => proxy.hasLost).toBe(true)
    expect(await admin.get('pressed')).toBe('1')
    proxy.mend()
    await expect(pressed).rejects.toThrow()
    await answers(links)
    expect(await admin.get('pressed')).toBe('1')
  })

  test('a half-open connection is noticed within 2 s, and commands work within 1 s once packets flow again', async () => {
    await using proxy = await tcpProxy(redis.port)
    const { log, lines } = logLines()
    await using links = openLinks(url({ port: proxy.port }), { log })
    await links.opened
    proxy.blackhole()
    const watch = new Stopwatch()
    await expect.poll(() => lines, { interval: 10, timeout: 3_000 }).toHaveLength(1)
    watch.expect(2_000)
    expect(lines[0]).toMatch(/does not answer.* is away/)
    await sleep(1_500)
    proxy.mend()
    await answers(links, 1_000)
    await expect.poll(() => links.subscriber.status).toBe('ready')
  })

  test('a Redis that stands still for less than a second keeps its connections', async () => {
    const { log, lines } = logLines()
    await using links = openLinks(redis.url, { log })
    await links.opened
    await sleep(600)
    redis.pause()
    await sleep(700)
    redis.resume()
    await sleep(600)
    expect(lines).toEqual([])
    expect(await links.commands.ping()).toBe('PONG')
  })

  test('a blocking read over a half-open connection rejects about a second after it should have ended', async () => {
    await using proxy = await tcpProxy(redis.port)
    await using links = openLinks(url({ port: proxy.port }), logLines())
    await links.opened
    const blocking = links.blocking(300)
    await once(blocking, 'ready')
    expect(await blocking.xread('BLOCK', 300, 'STREAMS', 'nothing', '$')).toBeNull()
    proxy.blackhole()
    const watch = new Stopwatch()
    await expect(blocking.xread('BLOCK', 300, 'STREAMS', 'nothing', '$')).rejects.toThrow()
    watch.expect(2_200)
    proxy.mend()
    await once(blocking, 'ready')
    expect(await blocking.xread('BLOCK', 100, 'STREAMS', 'nothing', '$')).toBeNull()
  })

  test('a long blocking read over a whole connection is left alone', async () => {
    const { log, lines } = logLines()
    await using links = openLinks(redis.url, { log })
    const blocking = links.blocking(2_500)
    await once(blocking, 'ready')
    expect(await blocking.xread('BLOCK', 2_500, 'STREAMS', 'nothing', '$')).toBeNull()
    expect(lines).toEqual([])
  })

  test('a killed Redis is said once, its return once, and commands work within 1 s of it', async () => {
    await using own = await startRedis({ appendOnly: true })
    const { log, lines } = logLines()
    await using links = openLinks(own.url, { log })
    await links.opened
    await own.kill()
    await sleep(1_000)
    await own.restart()
    await answers(links, 1_000)
    await expect.poll(() => lines).toHaveLength(2)
    expect(lines[0]).toMatch(/Redis at 127\.0\.0\.1:\d+ is away/)
    expect(lines[1]).toMatch(/Redis at 127\.0\.0\.1:\d+ is back/)
  })

  test('a Redis that still loads its file is asked again soon, however long it thinks that this takes', async () => {
    const watch = new Stopwatch()
    await using loading = await spokenRedis(() => (watch.ms < 500 ? 'loading:1\r\nloading_eta_seconds:60' : 'loading:0'))
    await using links = openLinks(url({ port: loading.port }), logLines())
    await links.opened
    watch.expect(900)
    expect(loading.accepted()).toBe(2)
  })

  test('a connection that is taken and never answered is given up for another', async () => {
    const begun = performance.now()
    const watch = new Stopwatch()
    await using silent = await spokenRedis((acceptedAt) => (acceptedAt - begun < 300 ? null : 'loading:0'))
    await using links = openLinks(url({ port: silent.port }), logLines())
    await links.opened
    watch.expect(1_500)
  })

  test('a Redis that comes back without its database is not taken for another', async () => {
    const begun = performance.now()
    const isThere = () => performance.now() - begun < 300
    await using changed = await spokenRedis(() => 'loading:0', isThere)
    await using links = openLinks(url({ port: changed.port, path: '/3' }), logLines())
    await links.opened
    let timesReady = 0
    links.commands.on('ready', () => (timesReady += 1))
    await sleep(400)
    changed.breakAll()
    await sleep(300)
    expect(timesReady).toBe(0)
    await expect(links.commands.ping()).rejects.toThrow()
  })

  test('answers that lay unread while this process stood still count', async () => {
    const { log, lines } = logLines()
    await using links = openLinks(redis.url, { log })
    await links.opened
    redis.pause()
    await sleep(700)
    redis.resume()
    spawnSync('sleep', ['1'])
    await sleep(300)
    expect(lines).toEqual([])
  })

  test('a password that is changed while they are open is in no line', async () => {
    await using own = await startRedis()
    const other = new Redis(own.url)
    using _ = { [Symbol.dispose]: () => other.disconnect() }
    await other.config('SET', 'requirepass', 'first-secret')
    const { log, lines } = logLines()
    await using links = openLinks(own.url.replace('//', '//:first-secret@'), { log })
    await links.opened
    await other.config('SET', 'requirepass', 'second-secret')
    await other.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await sleep(500)
    expect(lines).toHaveLength(1)
    expect(lines.join('\n')).not.toMatch(/first-secret|second-secret/)
    await other.config('SET', 'requirepass', 'first-secret')
    await answers(links)
    await expect.poll(() => lines).toHaveLength(2)
  })

  test('closing leaves no connection and no timer, while Redis is there and while it is away, and may be done twice', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout' || kind === 'TCPSocketWrap').length
    await using proxy = await tcpProxy(redis.port)
    await sleep(100)
    const before = timers()
    const there = openLinks(redis.url, logLines())
    await there.opened
    there.blocking()
    await there[Symbol.asyncDispose]()
    await there[Symbol.asyncDispose]()
    const away = openLinks(url({ port: proxy.port }), logLines())
    await away.opened
    const read = away.blocking().ping()
    await read.catch(() => {})
    proxy.cut()
    await sleep(150)
    const closing = new Stopwatch()
    await away[Symbol.asyncDispose]()
    closing.expect(300)
    await openLinks(url({ port: proxy.port }), logLines())[Symbol.asyncDispose]()
    await sleep(300)
    expect(timers()).toBeLessThanOrEqual(before)
    await expect.poll(() => names(admin, 'default', 'db=0')).toEqual([''])
  })
})

/** Says what a Redis says while links are opened; `info` may be null for a connection on which it says nothing. */
async function spokenRedis(info: (acceptedAt: number) => string | null, hasDatabase = () => true) {
  const sockets = new Set<Socket>()
  const answer = (words: string, told: string) => {
    if (words.includes('PING')) return '+PONG\r\n'
    if (words.includes('select') && !hasDatabase()) return '-ERR DB index is out of range\r\n'
    if (words.includes('time')) return '*2\r\n$1\r\n1\r\n$1\r\n2\r\n'
    return words.includes('info') ? `$${told.length}\r\n${told}\r\n` : '+OK\r\n'
  }
  const listening = createServer((socket) => {
    const acceptedAt = performance.now()
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      const told = info(acceptedAt)
      // Each command begins with the number of its words.
      for (const words of told === null ? [] : chunk.toString().split(/^(?=\*)/m)) socket.write(answer(words, told ?? ''))
    })
  }).listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const breakAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (listening.address() as { port: number }).port,
    breakAll,
    accepted: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      listening.close()
      breakAll()
    },
  }
}

/** Resolves when a command is answered. */
async function answers({ commands }: Links, withinMs = 10_000): Promise<void> {
  const watch = new Stopwatch()
  while (!(await commands.ping().catch(() => null))) {
    watch.expect(withinMs)
    await sleep(5)
  }
}

async function names(admin: Redis, user: string, database: string): Promise<string[]> {
  const clients = String(await admin.client('LIST')).split('\n')
  const ours = clients.filter((client) => client.includes(`user=${user} `) && client.includes(` ${database} `))
  return ours.map((client) => / name=(\S*)/.exec(client)?.[1] ?? '').toSorted()
}
