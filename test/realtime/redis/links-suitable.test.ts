import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openLinks } from '../../../src/realtime/redis/links.ts'
import { checkSuitable } from '../../../src/realtime/redis/suitable.ts'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { logLines } from './log-lines.ts'

const KEEPS_NO_FILE = expect.stringContaining('Redis keeps no append-only file')

describe.skipIf(!hasRedis())('a Redis that suits', () => {
  let redis: RedisServer
  let admin: Redis
  beforeAll(async () => {
    redis = await startRedis({ appendOnly: true })
    admin = new Redis(redis.url)
  })
  afterAll(async () => {
    admin.disconnect()
    await redis[Symbol.asyncDispose]()
  })

  async function check(production: boolean, login = '') {
    await using links = openLinks(redis.url.replace('//', `//${login}`), logLines())
    await links.opened
    const { log, lines } = logLines()
    const error = await checkSuitable(links.commands, { production, log }).catch((reason: Error) => reason.message)
    return { error, lines }
  }

  test('keeps a file and never throws away what it was given: nothing is said', async () => {
    expect(await check(true)).toEqual({ error: undefined, lines: [] })
  })

  test.for(['allkeys-lru', 'volatile-ttl', 'allkeys-random'])(
    'that evicts (%s) is refused in production, and warned of elsewhere',
    async (policy) => {
      await admin.config('SET', 'maxmemory-policy', policy)
      const sentence = expect.stringMatching(new RegExp(`maxmemory-policy ${policy}\\): set maxmemory-policy noeviction`))
      expect(await check(true)).toEqual({ error: sentence, lines: [] })
      expect(await check(false)).toEqual({ error: undefined, lines: [sentence] })
      await admin.config('SET', 'maxmemory-policy', 'noeviction')
    },
  )

  test('that keeps no file is said what it may forget', async () => {
    await admin.config('SET', 'appendonly', 'no')
    expect(await check(true)).toEqual({ error: undefined, lines: [KEEPS_NO_FILE] })
    await admin.config('SET', 'appendonly', 'yes')
  })

  test('is recognised without CONFIG, and what can not be checked is said', async () => {
    await admin.acl('SETUSER', 'eve', 'on', '>pw', '~*', '&*', '+@all', '-config')
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await check(true, 'eve:pw@')).toEqual({ error: expect.stringContaining('allkeys-lru'), lines: [] })
    await admin.config('SET', 'maxmemory-policy', 'noeviction')
    await admin.acl('SETUSER', 'eve', '-info')
    expect(await check(true, 'eve:pw@')).toEqual({ error: undefined, lines: [expect.stringContaining('could not be checked')] })
  })

  test('is no replica', async () => {
    await admin.replicaof('127.0.0.1', '1')
    expect((await check(true)).error).toContain('names a replica')
    await admin.replicaof('NO', 'ONE')
  })
})

test.for([
  ['redis_version:6.2.14', 'Redis is 6.2.14; NEDA needs 7.0 or later'],
  ['redis_version:5.0.0', 'Redis is 5.0.0'],
  ['server_name:other', 'Redis is of an unknown version'],
  ['redis_version:7.2.4\r\ncluster_enabled:1', 'Redis Cluster'],
  ['redis_version:10.0.1', undefined],
  ['redis_version:7.0.0', undefined],
] as const)('%j: %s', async ([info, says]) => {
  const commands = { info: async () => `# Server\r\n${info}\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n` } as unknown as Redis
  const checked = checkSuitable(commands, { production: true, log: logLines().log })
  if (says) await expect(checked).rejects.toThrow(says)
  else await checked
})
