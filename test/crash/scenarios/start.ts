import { expect } from 'vitest'
import { startRedis } from '../../support/redis-server.ts'
import { keeping } from '../scenario.ts'

export const start = [
  keeping('Redis may throw things away: an instance in production refuses to start and says why, the others go on', async (stage) => {
    const busy = await stage.busyGroup()
    const [, , c] = stage.cluster.instances
    if (!c) throw new Error('there is no third instance')
    const evicting = stage.own(await startRedis({ appendOnly: true, maxmemoryPolicy: 'allkeys-lru' }))
    await c.kill()
    const refusing = c.start({ NODE_ENV: 'production', ADMIN_TOTP: 'optional', REDIS_URL: evicting.url })
    await expect(refusing).rejects.toThrow(/NEDA ended with 1 before it was ready.*allkeys-lru.*maxmemory-policy noeviction/s)
    // With a Redis that keeps what it is told, the same environment is fine.
    await c.start({ NODE_ENV: 'production', ADMIN_TOTP: 'optional' })
    await stage.settle([busy])
  }),
]
