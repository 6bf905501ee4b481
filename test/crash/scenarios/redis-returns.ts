import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { floorOf, outcomeOf } from '../../stress/talk.ts'
import { timed, until } from '../../stress/until.ts'
import { keeping } from '../scenario.ts'
import type { Busy, CrashStage } from '../stage.ts'

/** Who asks is told within this that nothing was granted. */
const REFUSED_WITHIN_MS = 600
/** After Redis takes commands again, presses are granted within this, and what failed presses made is gone. */
const BACK_WITHIN_MS = 1_000

/** Kills Redis, and starts it again a little later; answers when it took commands again. */
async function redisDies(stage: CrashStage): Promise<number> {
  const { redis } = stage.cluster
  await redis.kill()
  await sleep(stage.random.between(300, 900))
  await redis.restart()
  return Date.now()
}

function onlyRefusedInTime(groups: readonly Busy[]): void {
  const failures = groups.flatMap(({ presses }) => presses.failures)
  expect(failures.length).toBeGreaterThan(0)
  expect(failures.filter(({ code, ms }) => code !== 'REALTIME_UNAVAILABLE' || ms > REFUSED_WITHIN_MS)).toEqual([])
  // Every press was answered, by a grant or by a refusal.
  expect(groups.map(({ presses }) => presses.silences)).toEqual(groups.map(() => 0))
}

/** Redis dies or stands still, and comes back with all that it knew. */
export const redisReturns = [
  keeping(
    'Redis is killed again and again under load and keeps its file: no burst is lost, doubled or a ghost',
    async (stage, { redisDeaths }) => {
      const groups = await stage.busyGroups(2)
      for (let n = 0; n < redisDeaths; n++) {
        await sleep(stage.random.between(500, 1_500))
        const backAt = await redisDies(stage)
        const isGranted = ({ presses }: Busy) => presses.grants.some(({ answeredAt }) => answeredAt > backAt)
        await until(`a grant in each group after death ${n + 1}`, () => groups.every(isGranted), BACK_WITHIN_MS)
      }
      await stage.cluster.redis.kill()
      const stopped = Promise.all(groups.map(({ presses }) => presses.stop()))
      await sleep(500)
      await stage.cluster.redis.restart()
      await sleep(BACK_WITHIN_MS)
      for (const { groupId, readers } of groups)
        expect((await floorOf(readers[0]?.device.at(stage.a) ?? stage.adminAt(stage.a), groupId)).state, 'nobody presses').toBe('IDLE')
      await stopped
      onlyRefusedInTime(groups)
      await stage.settle(groups, { reasons: ['RELEASED', 'NOT_STARTED'] })
      for (const { readers } of groups) {
        await stage.allKnow(readers)
        for (const { closings, events } of readers) {
          expect(closings).toEqual([])
          expect(events.filter(({ gap }) => gap)).toEqual([])
        }
      }
    },
  ),

  keeping('Redis stands still for 3 s: presses are refused in time, none is granted late, and who talked goes on', async (stage) => {
    const busy = await stage.busyGroup()
    const [quiet, talking] = [await stage.trio(), await stage.trio()]
    const [listening, readers] = [await stage.readers(quiet.maya, quiet.groupId), await stage.readers(talking.maya, talking.groupId)]
    const device = await stage.roamer(talking.ben, talking.groupId, stage.from(stage.b))
    const { id } = await device.talk('r1')
    stage.cluster.redis.pause()
    const overAt = performance.now() + 3_000
    for (let n = 0; performance.now() < overAt - 600; n++) {
      const asked = [quiet.ben, quiet.cleo].map((device) => timed(() => outcomeOf(device.at(stage.either), quiet.groupId, `late${n}`)))
      for (const { ms, result } of await Promise.all(asked)) {
        expect(result).toBe('REALTIME_UNAVAILABLE')
        expect(ms).toBeLessThan(REFUSED_WITHIN_MS)
      }
    }
    await sleep(overAt - performance.now())
    stage.cluster.redis.resume()
    await until('the burst is renewed', async () => {
      const known = device.renewals.length
      await device.renew()
      return device.renewals.length > known
    })
    await sleep(BACK_WITHIN_MS)
    for (const { changes } of listening) expect(changes).toEqual([])
    for (const { changes } of readers) expect(changes).toEqual(['TAKEN'])
    expect(device.renewals).not.toContain(false)
    await device.release('r1')
    await stage.isRecorded(talking.groupId, [`${id} RELEASED`])
    onlyRefusedInTime([busy])
    await stage.settle([busy])
  }),
]
