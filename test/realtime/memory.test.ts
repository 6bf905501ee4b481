import { expect, test } from 'vitest'
import { type GroupId, newId } from '../../src/ids.ts'
import { MemoryEngine } from '../../src/realtime/memory/memory-engine.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { actor } from './actors.ts'
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

test('5 a clock that is set back lengthens no lease, no talk limit and no presence', async () => {
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

test('18 tokens go on growing in a new life of the engine, even if the clock went back', async () => {
  const earlier = 9_000_000_000_000_000n
  const { engine } = create({ pressRate: 5, fencingToken: earlier })
  expect((await actor(engine, newId<GroupId>(), 'ben').talk()).fencingToken).toBeGreaterThan(earlier)
})
