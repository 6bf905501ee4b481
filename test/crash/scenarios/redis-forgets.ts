import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { until } from '../../stress/until.ts'
import type { Lost } from '../record.ts'
import type { Roamer } from '../roamer.ts'
import { forgetting } from '../scenario.ts'
import type { CrashStage } from '../stage.ts'

/** What was granted so shortly before need not be in PostgreSQL yet. */
const NOT_YET_WRITTEN_MS = 250
const ANNOUNCED_WITHIN_MS = 2_000

async function flush(stage: CrashStage): Promise<void> {
  const redis = new Redis(stage.cluster.redis.url)
  await redis.flushall()
  redis.disconnect()
}

async function killWithoutFile(stage: CrashStage): Promise<void> {
  await stage.cluster.redis.kill()
  await sleep(stage.random.between(100, 600))
  await stage.cluster.redis.restart()
}

/** Since its n-th event a reader was told, with a SNAPSHOT that says so, that another epoch is the truth now. */
function knowsOfNewEpoch({ events }: Roamer, since: number, epoch: string | undefined): boolean {
  return events.slice(since).some(({ kind, gap, floor }) => kind === 'SNAPSHOT' && gap && floor.epoch !== epoch)
}

async function forgets(stage: CrashStage, times: number, lose: (stage: CrashStage) => Promise<void>): Promise<void> {
  const groups = await stage.busyGroups(2)
  const { groupId, maya, ben } = await stage.trio()
  const quiet = await stage.readers(maya, groupId)
  const readers = [...quiet, ...groups.flatMap((group) => group.readers)]
  const lost: Lost[] = []
  for (let n = 0; n < times; n++) {
    await sleep(stage.random.between(700, 1_500))
    const device = await stage.roamer(ben, groupId, stage.from(stage.b))
    await device.talk(`before${n}`)
    await sleep(2 * NOT_YET_WRITTEN_MS)
    const before = readers.map((reader) => ({ reader, since: reader.events.length, epoch: reader.last?.floor.epoch }))
    await device.die()
    const from = Date.now() - NOT_YET_WRITTEN_MS
    await lose(stage)
    lost.push({ from, until: Date.now() })
    const allKnow = () => before.every(({ reader, since, epoch }) => knowsOfNewEpoch(reader, since, epoch))
    await until('every open stream announces the new epoch', allKnow, ANNOUNCED_WITHIN_MS)
  }
  await sleep(1_000)
  const since = lost.at(-1)?.until ?? 0
  for (const { presses } of groups) expect(presses.grantsSince(since).length).toBeGreaterThan(2)
  await stage.settle(groups, { lost, reasons: ['RELEASED', 'NOT_STARTED', 'SERVER_RECOVERY'] })
  for (const { closings } of readers) expect(closings).toEqual([])
  await endedByRecovery(stage, groupId, quiet, times)
}

/** Who talked at each loss: the record has its burst, ended SERVER_RECOVERY. */
async function endedByRecovery(stage: CrashStage, groupId: string, readers: readonly Roamer[], times: number): Promise<void> {
  const bursts = new Set(readers.flatMap(({ events }) => events.flatMap(({ floor }) => floor.burst?.id ?? [])))
  expect(bursts.size).toBe(times)
  await stage.isRecorded(
    groupId,
    [...bursts].map((id) => `${id} SERVER_RECOVERY`),
  )
}

/** Redis loses everything: a new epoch is said to be one, and the record knows what was before. */
export const redisForgets = [
  forgetting(
    'Redis is killed under load and keeps no file: a new epoch is announced, and the record lacks a quarter second at most',
    (stage, { redisDeaths }) => forgets(stage, redisDeaths, killWithoutFile),
  ),

  forgetting('FLUSHALL under load: a new epoch is announced, and the record lacks a quarter second at most', (stage, { redisDeaths }) =>
    forgets(stage, redisDeaths, flush),
  ),
]
