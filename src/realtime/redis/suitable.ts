import type { Redis } from 'ioredis'
import type { Logger } from '../../logger.ts'

const OLDEST = 7

/** Throws when this Redis can't keep what is promised, and says aloud what it keeps only in part. By INFO, for CONFIG is often forbidden. */
export async function checkSuitable(commands: Redis, { production, log }: { production: boolean; log: Logger }): Promise<void> {
  const info = await readInfo(commands)
  if (!info) {
    log.warn('Redis does not let its user call INFO: whether its settings suit could not be checked')
    return
  }
  const version = info.get('redis_version') ?? 'of an unknown version'
  if (!(Number.parseInt(version, 10) >= OLDEST)) throw new Error(`Redis is ${version}; NEDA needs ${OLDEST}.0 or later`)
  if (info.get('cluster_enabled') === '1') throw new Error('REDIS_URL names a node of a Redis Cluster; NEDA needs a single Redis')
  if (info.get('role') === 'slave') throw new Error('REDIS_URL names a replica, which takes no writes; name its primary')
  const policy = info.get('maxmemory_policy') ?? 'noeviction'
  if (policy !== 'noeviction') {
    const sentence = `Redis may throw away who talks when its memory is full (maxmemory-policy ${policy}): set maxmemory-policy noeviction`
    if (production) throw new Error(sentence)
    log.warn(sentence)
  }
  if (info.get('aof_enabled') !== '1')
    log.warn(
      'Redis keeps no append-only file: if it is killed, it forgets who talks, who is present, and what is not in PostgreSQL yet (the last quarter of a second, or as long as PostgreSQL was away). Set appendonly yes',
    )
}

async function readInfo(commands: Redis): Promise<ReadonlyMap<string, string> | null> {
  const text = await commands.info().catch((error: Error) => {
    if (error.message.startsWith('NOPERM')) return null
    throw error
  })
  if (text === null) return null
  return new Map(text.split('\r\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}
