import { expect, test } from 'vitest'
import { type GroupId, newId, type UserId } from '../../src/ids.ts'
import { MemoryEngine } from '../../src/realtime/memory/memory-engine.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { Actor, actor } from './actors.ts'
import { engineContract } from './contract.ts'

const create = ({ pressRate, fencingToken = 0n }: { pressRate: number; fencingToken?: bigint }) => {
  const clock = new ManualClock()
  const onError = (error: unknown) => {
    throw error
  }
  const engine = new MemoryEngine({ clock, pressRate, epoch: newId(), fencingToken, onError })
  return { clock, engine }
}

engineContract('in process', async (options) => {
  const { clock, engine } = create(options)
  return { engine, now: clock.now, advance: (ms) => clock.advance(ms), [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose]() }
})

test('1.3 what fell due while the process was held up is dated when it fell due, in order', async () => {
  let now = 1_800_000_000_000
  const onError = (error: unknown) => {
    throw error
  }
  const clock = { now: () => now, wakeAt: () => () => {} }
  await using engine = new MemoryEngine({ clock, pressRate: 5, epoch: newId(), fencingToken: 0n, onError })
  const groupId = newId<GroupId>()
  const [ben, cleo] = [actor(engine, groupId, 'ben'), actor(engine, groupId, 'cleo')]
  const ends: unknown[] = []
  engine.record((entry) => 'burst' in entry && entry.burst.endedAt && ends.push([entry.burst.endReason, now - entry.burst.endedAt]))
  await ben.talk('b1')
  await cleo.wait('c1')
  now += 8_000
  expect(await ben.press('b2')).toMatchObject({ outcome: 'GRANTED', burst: { startedAt: now } })
  expect(ends).toEqual([
    ['CONNECTION_LOST', 4_000],
    ['NOT_STARTED', 4_000],
  ])
})

test('5.7 a clock that is set back lengthens no lease, no talk limit and no presence', async () => {
  const { clock, engine } = create({ pressRate: 5 })
  const groupId = newId<GroupId>()
  const ben = actor(engine, groupId, 'ben')
  const burst = await ben.talk('r1')
  clock.setBack(3_600_000)
  expect(await ben.renew(burst.id)).toMatchObject({ renewed: true, remainingMs: 30_000 })
  await clock.advance(4_000)
  expect((await engine.floorLog.read(groupId)).snapshot.state).toBe('IDLE')
  await clock.advance(5_500)
  expect((await engine.presenceLog.read(groupId)).snapshot.everyone).toEqual([])
  expect((await ben.talk('r2')).fencingToken).toBeGreaterThan(burst.fencingToken)
})

test('2.3 tokens go on growing in a new life of the engine, even if the clock went back', async () => {
  const earlier = 9_000_000_000_000_000n
  const { engine } = create({ pressRate: 5, fencingToken: earlier })
  expect((await actor(engine, newId<GroupId>(), 'ben').talk()).fencingToken).toBeGreaterThan(earlier)
})

test('5.7 a clock that is set back lengthens no grace, no wait in the queue and no time to take a grant up', async () => {
  const { clock, engine } = create({ pressRate: 5 })
  const groupId = newId<GroupId>()
  const [ben, cleo, dan, eve] = ['ben', 'cleo', 'dan', 'eve'].map((name) => actor(engine, groupId, name)) as [Actor, Actor, Actor, Actor]
  const floor = async () => (await engine.floorLog.read(groupId)).snapshot
  /** The engine notices with whatever it is asked next. */
  const setBack = async () => {
    clock.setBack(3_600_000)
    await floor()
  }
  await ben.talk('b1')
  await cleo.wait('c1')
  await dan.press('d1', { priority: 'HIGH', preemptGraceMs: 1_000 })
  await setBack()
  await clock.advance(3_000)
  expect((await floor()).burst?.speaker.username).toBe('dan')
  await setBack()
  await clock.advance(2_000)
  expect((await floor()).burst?.speaker.username).toBe('cleo')
  await eve.wait('e1')
  await setBack()
  await clock.advance(2_000)
  expect(await floor()).toMatchObject({ burst: { speaker: { username: 'eve' } }, queueLength: 0 })
})

test('5.7 a clock that is set back lets a replaced pre-emptor wait no longer than 30 s', async () => {
  const { clock, engine } = create({ pressRate: 5 })
  const groupId = newId<GroupId>()
  const [ben, cleo, dan] = ['ben', 'cleo', 'dan'].map((name) => actor(engine, groupId, name)) as [Actor, Actor, Actor]
  await ben.talk('b1', { priority: 'LOW' })
  await cleo.wait('c1')
  clock.setBack(3_600_000)
  const { id } = await dan.talk('d1', { priority: 'EMERGENCY', talkLimitMs: 60_000 })
  for (let second = 0; second < 30; second++) {
    await clock.advance(1_000)
    await dan.renew(id)
    await cleo.heartbeat()
  }
  expect(await cleo.press('c1')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
})

test('20.2 a clock that is set back makes no burst of negative length', async () => {
  const { clock, engine } = create({ pressRate: 5 })
  const groupId = newId<GroupId>()
  const ben = actor(engine, groupId, 'ben')
  const { startedAt } = await ben.talk('r1')
  clock.setBack(60_000)
  await ben.release('r1')
  expect((await ben.press('r1')).burst?.endedAt).toBe(startedAt)
})

test('14.5 a new life of the engine is a new epoch that knows nothing of the one before', async () => {
  const groupId = newId<GroupId>()
  const earlier = create({ pressRate: 5 })
  const ben = actor(earlier.engine, groupId, 'ben')
  const cleo = actor(earlier.engine, groupId, 'cleo')
  await ben.talk('b1')
  await cleo.wait('c1')
  await earlier.engine.muteMember({ groupId, userId: newId<UserId>(), durationMs: 60_000, by: ben.person })
  const { snapshot: before } = await earlier.engine.floorLog.read(groupId)

  const { engine } = create({ pressRate: 5 })
  const { missed, gap, snapshot } = await engine.floorLog.read(groupId, before)
  expect([missed, gap, snapshot.epoch === before.epoch]).toEqual([[], true, false])
  expect(snapshot).toMatchObject({ state: 'IDLE', burst: null, queueLength: 0, sequence: 0 })
  expect((await engine.mutedUntil(groupId)).size).toBe(0)
  expect((await engine.presenceLog.read(groupId)).snapshot.everyone).toEqual([])
  expect((await new Actor(engine, groupId, cleo.asker).press('c1')).outcome).toBe('GRANTED')
})

test('5.7 a clock that is set back lengthens no lease, also when nobody renews', async () => {
  const { clock, engine } = create({ pressRate: 5 })
  const groupId = newId<GroupId>()
  await actor(engine, groupId, 'ben').talk('r1')
  clock.setBack(3_600_000)
  expect((await engine.floorLog.read(groupId)).snapshot.state).toBe('TAKEN')
  await clock.advance(4_000)
  expect((await engine.floorLog.read(groupId)).snapshot.state).toBe('IDLE')
})

test('23.2 a heartbeat that comes after the lapse, before the timer, brings nobody back', async () => {
  const { clock, engine } = create({ pressRate: 5 })
  const groupId = newId<GroupId>()
  const ben = actor(engine, groupId, 'ben')
  await ben.join()
  clock.setBack(-9_500)
  expect(await ben.heartbeat()).toEqual([])
  expect((await engine.presenceLog.read(groupId)).snapshot.everyone).toEqual([])
})
