import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type GroupId, newId } from '../../../src/ids.ts'
import { LEASE_MS, type TalkAnswer } from '../../../src/realtime/engine.ts'
import type { FloorEvent } from '../../../src/realtime/events.ts'
import { Stopwatch } from '../../support/machine.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { type Actor, actor } from '../actors.ts'
import { openInstance } from '../linearizability/redis-instance.ts'
import { AHEAD, jumpingClock } from './late-jumping-clock.ts'
import { until } from './late-stage.ts'

const HOUR_MS = 3_600_000
/** A press that took longer may have been too late indeed. */
const SLOW_MS = 100

/** Ben at one instance, and Cleo at another one behind a way that can break. */
async function openStage() {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const way = stack.use(await tcpProxy(redis.port))
  const options = { space: '', mend: jumpingClock, onError: () => {} }
  const one = stack.use(await openInstance(redis.url, options))
  const other = stack.use(await openInstance(`redis://127.0.0.1:${way.port}`, options))
  const groupId = newId<GroupId>()
  const [ben, cleo] = [actor(one.engine, groupId, 'ben'), actor(other.engine, groupId, 'cleo')]
  const floor = async () => (await one.engine.floorLog.read(groupId)).snapshot
  const jump = async (ms: number) => {
    await one.links.commands.set(AHEAD, ms)
  }
  const owned = stack.move()
  return { jump, way, ben, cleo, floor, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** Refused because Redis was slow is one thing, refused at once another. */
async function pressPatiently(device: Actor, requestId: string): Promise<TalkAnswer> {
  const began = performance.now()
  try {
    return await device.press(requestId)
  } catch (error) {
    if (performance.now() - began < SLOW_MS) throw error
    return pressPatiently(device, requestId)
  }
}

describe.runIf(hasRedis()).concurrent('with a real Redis', () => {
  test("17.2 Redis' clock jumps ahead: the first press on each instance is served all the same", async () => {
    await using stage = await openStage()
    const { jump, ben, cleo, floor } = stage
    const { fencingToken } = await ben.talk('b1')
    await jump(HOUR_MS)
    const later = await pressPatiently(cleo, 'c1')
    expect(later.burst?.fencingToken).toBeGreaterThan(fencingToken)
    expect((await pressPatiently(ben, 'b2')).denyReason).toBe('FLOOR_TAKEN')
    await cleo.release('c1')
    expect((await ben.press('b3')).outcome).toBe('GRANTED')
    expect((await floor()).burst?.speaker.username).toBe('ben')
  })

  test("5.7 Redis' clock is set back: who talks keeps the floor by renewing, and loses it a lease after the last", async () => {
    await using stage = await openStage()
    const { jump, ben, cleo, floor } = stage
    const { id, fencingToken } = await ben.talk('b1')
    await jump(-HOUR_MS)
    expect((await cleo.press('c1')).denyReason).toBe('FLOOR_TAKEN')
    expect((await ben.renew(id)).renewed).toBe(true)
    const watch = new Stopwatch()
    await until(async () => (await floor()).state === 'IDLE', LEASE_MS + 1_000)
    watch.expect(LEASE_MS + 1_000, LEASE_MS - 500)
    const later = await cleo.talk('c2')
    expect(later.fencingToken).toBeGreaterThan(fencingToken)
    await cleo.release('c2')
    expect((await ben.press('b2')).outcome).toBe('GRANTED')
  })

  test("5.7 Redis' clock is set back: a lease runs out by itself all the same, though nobody asks", async () => {
    await using stage = await openStage()
    const { jump, ben } = stage
    const events: FloorEvent[] = []
    await ben.talk('b1')
    await ben.engine.floorLog.subscribe(ben.groupId, (event) => events.push(event))
    await jump(-HOUR_MS)
    await until(() => events.length > 0, LEASE_MS + 1_500)
    expect(events.map(({ kind, previous }) => [kind, previous?.endReason])).toEqual([['IDLE', 'CONNECTION_LOST']])
  })

  test('17.2 an instance that has the time of Redis all wrong refuses nobody for it', async () => {
    await using redis = await startRedis()
    await using instance = await openInstance(redis.url, { space: '' })
    const { engine, links } = instance
    for (const aheadMs of [-HOUR_MS, HOUR_MS]) {
      const ben = actor(engine, newId<GroupId>(), 'ben')
      const now = performance.now()
      links.clock.sample((Date.now() + aheadMs) * 1_000, now, now)
      expect((await pressPatiently(ben, 'b1')).outcome).toBe('GRANTED')
      expect(Math.abs(links.clock.now() - Date.now())).toBeLessThan(100)
    }
  })

  test("17.1 Redis' clock was set back: a press that comes late is still known to be late", async () => {
    await using stage = await openStage()
    const { jump, cleo, way, floor } = stage
    await cleo.join()
    await jump(-HOUR_MS)
    // An instance learns the new time with whatever it asks next, which it does several times a second.
    await sleep(600)
    way.hold()
    const [outcome] = await Promise.allSettled([cleo.press('c1'), sleep(700)])
    way.mend()
    await sleep(200)
    expect([outcome.status, (await floor()).sequence]).toEqual(['rejected', 0])
    expect((await cleo.press('c2')).outcome).toBe('GRANTED')
  })
})
