import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type GroupId, newId } from '../../../src/ids.ts'
import { LEASE_MS } from '../../../src/realtime/engine.ts'
import type { Burst, FloorEvent } from '../../../src/realtime/events.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { actor } from '../actors.ts'
import { openInstance } from '../linearizability/redis-instance.ts'
import { until } from './late-stage.ts'

const LEASES = 200
/** A lapse is told so long after it fell due, at the latest; the rest is the way here, on a machine that does other things too. */
const TOLD_WITHIN_MS = 500
const ON_THE_WAY_MS = 1_000

describe.runIf(hasRedis())('with a real Redis', () => {
  test('6.2 two hundred leases run out under three instances, of which one has died: each is one event, in time', async () => {
    await using redis = await startRedis()
    await using one = await openInstance(redis.url, { space: '' })
    await using other = await openInstance(redis.url, { space: '' })
    const ended: Burst[] = []
    for (const { engine } of [one, other]) engine.record((entry) => 'burst' in entry && entry.burst.endedAt && ended.push(entry.burst))
    const heard = new Map<GroupId, { readonly event: FloorEvent; readonly at: number }[]>()
    await using dying = await openInstance(redis.url, { space: '' })
    for (let n = 0; n < LEASES; n++) {
      const groupId = newId<GroupId>()
      heard.set(groupId, [])
      const listener = n % 2 ? one : other
      await listener.engine.floorLog.subscribe(groupId, (event) => heard.get(groupId)?.push({ event, at: listener.links.clock.now() }))
      await actor(dying.engine, groupId, 'ben').talk()
    }
    await dying[Symbol.asyncDispose]()
    await until(() => ended.length >= LEASES, LEASE_MS + 3_000)
    // However many look for it.
    for (const groupId of heard.keys()) await Promise.all([one, other].map(({ engine }) => engine.floorLog.read(groupId)))
    await sleep(500)
    const told = [...heard.values()]
    expect(told.map((events) => events.map(({ event }) => event.kind))).toEqual(told.map(() => ['TAKEN', 'IDLE']))
    expect([ended.length, new Set(ended.map(({ id }) => id)).size]).toEqual([LEASES, LEASES])
    expect(new Set(ended.map(({ endReason }) => endReason))).toEqual(new Set(['CONNECTION_LOST']))
    const lateMs = told.map(([grant, lapse]) => (lapse?.at ?? 0) - (grant?.event.floor.at ?? 0) - LEASE_MS)
    console.log(`${LEASES} leases, told of ${Math.round(Math.max(...lateMs))} ms after they ran out at the latest`)
    expect(Math.max(...lateMs)).toBeLessThan(TOLD_WITHIN_MS + ON_THE_WAY_MS)
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(-50)
  })
})
