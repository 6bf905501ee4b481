import { describe, expect, test } from 'vitest'
import { type GroupId, newId } from '../../../src/ids.ts'
import type { Floor, FloorEvent, Forgotten } from '../../../src/realtime/events.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { actor } from '../actors.ts'
import { openInstance } from '../linearizability/redis-instance.ts'
import { AHEAD, jumpingClock } from './late-jumping-clock.ts'
import { until } from './late-stage.ts'

const HOUR_MS = 3_600_000

describe.runIf(hasRedis()).concurrent('with a real Redis', () => {
  test('14.5 Redis forgets everything: a new epoch, which every instance tells its readers and its record by itself', async () => {
    await using redis = await startRedis()
    await using one = await openInstance(redis.url, { space: '', onError: () => {} })
    await using other = await openInstance(redis.url, { space: '', onError: () => {} })
    const groupId = newId<GroupId>()
    const lost: Floor[] = []
    const events: FloorEvent[] = []
    for (const { engine } of [one, other])
      await engine.floorLog.subscribe(
        groupId,
        (event) => events.push(event),
        (snapshot) => lost.push(snapshot),
      )
    const forgotten: Forgotten[] = []
    one.engine.record((entry) => 'forgotten' in entry && forgotten.push(entry.forgotten))
    const { startedAt } = await actor(other.engine, groupId, 'ben').talk()
    await until(() => events.length === 2)
    const [before] = events
    const known = forgotten.length
    await one.links.commands.flushall()
    await until(() => lost.length === 2, 3_000)
    for (const floor of lost) expect([floor.state, floor.sequence, floor.epoch === before?.epoch]).toEqual(['IDLE', 0, false])
    const reading = await one.engine.floorLog.read(groupId, before)
    expect([reading.gap, reading.missed]).toEqual([true, []])
    await until(() => forgotten.slice(known).some(({ epochBegan }) => (epochBegan(groupId) ?? 0) > startedAt))
  })

  test('2.3 Redis forgets everything and its clock goes back: tokens go on growing where the last one was seen', async () => {
    await using redis = await startRedis()
    await using one = await openInstance(redis.url, { space: '', mend: jumpingClock, onError: () => {} })
    const ben = actor(one.engine, newId<GroupId>(), 'ben')
    await one.links.commands.set(AHEAD, HOUR_MS)
    const { fencingToken } = await ben.talk()
    await one.links.commands.flushall()
    const later = await ben.talk()
    expect(later.startedAt).toBeLessThan(Date.now() + HOUR_MS / 2)
    expect(later.fencingToken).toBeGreaterThan(fencingToken)
  })
})
