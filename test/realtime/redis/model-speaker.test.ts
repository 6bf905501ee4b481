import { describe, expect, test } from 'vitest'
import { type GroupId, newId } from '../../../src/ids.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { actor } from '../actors.ts'
import { openInstance } from '../linearizability/redis-instance.ts'
import { until } from './late-stage.ts'

/** The floor as who looks into Redis sees it. */
async function openStage() {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const { engine, links, keys } = stack.use(await openInstance(redis.url, { space: '' }))
  const groupId = newId<GroupId>()
  const [ben, cleo] = [actor(engine, groupId, 'ben'), actor(engine, groupId, 'cleo')]
  const speaker = keys.speaker(groupId)
  const floor = async () => (await engine.floorLog.read(groupId)).snapshot
  const owned = stack.move()
  return { ben, cleo, engine, groupId, commands: links.commands, speaker, floor, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

describe.runIf(hasRedis()).concurrent('with a real Redis', () => {
  test('the key of the speaker names the session, the burst and its token for as long as somebody talks', async () => {
    await using stage = await openStage()
    const { ben, cleo, commands, speaker } = stage
    const { id, fencingToken } = await ben.talk('b1')
    await cleo.press('c1')
    expect(await commands.get(speaker)).toBe(`${ben.sessionId} ${id} ${fencingToken}`)
    await ben.release('b1')
    expect(await commands.exists(speaker)).toBe(0)
  })

  test.each([
    ['takes the key of the speaker away', 'DEL'],
    ['writes somebody else into the key of the speaker', 'SET'],
  ] as const)('who %s ends the burst: SERVER_RECOVERY, and who waits is served', async (_, how) => {
    await using stage = await openStage()
    const { ben, cleo, engine, commands, speaker, floor } = stage
    const ends: unknown[] = []
    engine.record((entry) => 'burst' in entry && entry.burst.endedAt && ends.push(entry.burst.endReason))
    const { id } = await ben.talk('b1')
    await cleo.wait('c1')
    if (how === 'DEL') await commands.del(speaker)
    else await commands.set(speaker, 'somebody else')
    expect((await ben.renew(id)).renewed).toBe(false)
    expect((await floor()).burst?.sessionId).toBe(cleo.sessionId)
    expect(await commands.get(speaker)).toContain(cleo.sessionId)
    await until(() => ends.length > 0)
    expect(ends).toEqual(['SERVER_RECOVERY'])
  })

  test('a key of the speaker that nobody holds the floor by keeps nobody from talking', async () => {
    await using stage = await openStage()
    const { ben, commands, speaker } = stage
    await ben.join()
    await commands.set(speaker, 'somebody else')
    expect((await ben.press('b1')).outcome).toBe('GRANTED')
  })

  test('14.5 what an earlier epoch left behind is nobody: if Redis loses the name of its epoch alone', async () => {
    await using stage = await openStage()
    const { ben, cleo, engine, groupId, commands, speaker, floor } = stage
    const before = await ben.talk('b1')
    await cleo.wait('c1')
    await commands.del(`epoch:${speaker.split(':')[1]}`)
    expect(await floor()).toMatchObject({ state: 'IDLE', burst: null, queueLength: 0, sequence: 0 })
    expect((await engine.presenceLog.read(groupId)).snapshot.everyone).toEqual([])
    expect(await ben.heartbeat()).toEqual([])
    expect((await ben.talk('b1')).fencingToken).toBeGreaterThan(before.fencingToken)
  })
})
