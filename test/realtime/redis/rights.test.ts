import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type GroupId, newId } from '../../../src/ids.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { actor } from '../actors.ts'
import { openInstance } from '../linearizability/redis-instance.ts'

/** Longer than the clocks can differ. */
const A_WHILE_MS = 100

describe.runIf(hasRedis())('with a real Redis', () => {
  test('12.10 what follows from facts leaves alone what began after they were read, and nothing else', async () => {
    await using redis = await startRedis()
    await using instance = await openInstance(redis.url, { space: '' })
    const { engine } = instance
    const groupId = newId<GroupId>()
    const [ben, cleo] = [actor(engine, groupId, 'ben'), actor(engine, groupId, 'cleo')]
    const floor = async () => (await engine.floorLog.read(groupId)).snapshot
    const present = async () => (await engine.presenceLog.read(groupId)).snapshot.everyone.map(({ person }) => person.username)
    const lost = (device: typeof ben) => ({ groupId, userId: device.person.id })

    const before = performance.now()
    await sleep(A_WHILE_MS)
    const burst = await ben.talk('b1')
    await cleo.wait('c1')
    await engine.evict({ ...lost(ben), reason: 'MEMBER_REMOVED', factsReadAt: before })
    await engine.forbidTalk({ ...lost(ben), factsReadAt: before })
    await engine.evict({ ...lost(cleo), reason: 'MEMBER_REMOVED', factsReadAt: before })
    expect(await floor()).toMatchObject({ burst: { id: burst.id }, queueLength: 1 })
    expect(await present()).toEqual(['ben', 'cleo'])

    await sleep(A_WHILE_MS)
    await engine.evict({ ...lost(cleo), reason: 'MEMBER_REMOVED', factsReadAt: performance.now() })
    await engine.evict({ ...lost(ben), reason: 'MEMBER_REMOVED', factsReadAt: performance.now() })
    expect(await floor()).toMatchObject({ state: 'IDLE', queueLength: 0 })
    expect(await present()).toEqual([])
  })
})
