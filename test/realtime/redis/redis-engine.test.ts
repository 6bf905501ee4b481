import { afterAll, beforeAll, describe } from 'vitest'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { engineContract } from '../contract.ts'
import { redisEngine } from './engine-under-test.ts'

describe.runIf(hasRedis())('with a real Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis[Symbol.asyncDispose]()
  })

  engineContract(
    'Redis',
    redisEngine(() => redis.url),
  )
})
