import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { failClosed } from '../../../src/realtime/fail-closed.ts'
import { hasRedis } from '../../support/redis-server.ts'
import { Actor } from '../actors.ts'
import { strandingRelay } from './late-relay.ts'
import { LateStage, until } from './late-stage.ts'

/** What a failed press began is over a second after Redis is back; the rest is for a busy machine. */
const MENDED_WITHIN_MS = 1_500

describe.runIf(hasRedis()).concurrent('with a real Redis', () => {
  test.each(['stands still', 'is behind a link that holds everything back', 'is behind a link that loses everything'] as const)(
    '17.1 a press while Redis %s fails at once and is never granted later',
    async (how) => {
      await using stage = await LateStage.open()
      const ben = stage.enter('ben')
      if (how === 'stands still') stage.redis.pause()
      else if (how === 'is behind a link that holds everything back') stage.way.hold()
      else stage.way.blackhole()
      const [{ burstId }] = await Promise.all([stage.fail(ben), sleep(1_000)])
      stage.redis.resume()
      stage.way.mend()
      await until(async () => (await ben.press().catch(() => null))?.outcome === 'GRANTED', MENDED_WITHIN_MS)
      await sleep(200)
      expect(stage.wasGranted(burstId)).toBe(false)
    },
  )

  test('17.2 a grant whose answer was lost ends NOT_STARTED as soon as Redis can be reached again', async () => {
    await using stage = await LateStage.open()
    const { burstId } = await stage.failUnheard(stage.enter('ben'))
    expect((await stage.floor()).burst?.id).toBe(burstId)
    await sleep(1_000)
    expect((await stage.floor()).burst?.id).toBe(burstId)
    stage.way.mend()
    await until(async () => (await stage.floor()).state === 'IDLE', MENDED_WITHIN_MS)
    await until(() => stage.endOf(burstId) === 'NOT_STARTED')
  })

  test.each(['a repeat', 'a renewal'])('17.2 a grant whose answer was lost goes on if %s has taken it up', async (how) => {
    await using stage = await LateStage.open()
    const ben = stage.enter('ben')
    const { requestId, burstId } = await stage.failUnheard(ben)
    const takeUp = () => (how === 'a repeat' ? stage.nearby(ben).press(requestId) : stage.nearby(ben).renew(burstId))
    await takeUp()
    stage.way.mend()
    await sleep(MENDED_WITHIN_MS)
    expect((await stage.floor()).burst?.id).toBe(burstId)
    expect(stage.endOf(burstId)).toBeNull()
  })

  test('17.2 a repeat whose answer is lost as well does not end the burst that it took up', async () => {
    await using stage = await LateStage.open()
    const ben = stage.enter('ben')
    const { id } = await ben.talk('b1')
    stage.way.dropReplies()
    await expect(ben.press('b1')).rejects.toThrow()
    await sleep(300)
    stage.way.mend()
    await sleep(MENDED_WITHIN_MS)
    expect((await stage.floor()).burst?.id).toBe(id)
  })

  test('17.2 a queue entry whose answer was lost is taken out as soon as Redis can be reached again', async () => {
    await using stage = await LateStage.open()
    const [ben, cleo] = [stage.enter('ben'), stage.enter('cleo')]
    await stage.nearby(ben).talk('b1')
    const { requestId } = await stage.failUnheard(cleo, { queue: true })
    expect((await stage.floor()).queueLength).toBe(1)
    stage.way.mend()
    await until(async () => (await stage.floor()).queueLength === 0, MENDED_WITHIN_MS)
    expect((await stage.nearby(cleo).press(requestId)).outcome).toBe('CANCELLED')
  })

  test('17.2 a queue entry whose answer was lost waits on if its request was repeated', async () => {
    await using stage = await LateStage.open()
    const [ben, cleo] = [stage.enter('ben'), stage.enter('cleo')]
    await stage.nearby(ben).talk('b1')
    const { requestId } = await stage.failUnheard(cleo, { queue: true })
    expect((await stage.nearby(cleo).wait(requestId)).outcome).toBe('QUEUED')
    stage.way.mend()
    await sleep(MENDED_WITHIN_MS)
    expect((await stage.floor()).queueLength).toBe(1)
  })

  test('17.2 a pre-emptor whose answer was lost leaves the floor to its holder', async () => {
    await using stage = await LateStage.open()
    const [ben, dan] = [stage.enter('ben'), stage.enter('dan')]
    const { id } = await stage.nearby(ben).talk('b1')
    const { burstId } = await stage.failUnheard(dan, { priority: 'HIGH', preemptGraceMs: 3_000 })
    expect((await stage.floor()).state).toBe('PENDING_REVOKE')
    stage.way.mend()
    await until(async () => (await stage.floor()).state === 'TAKEN', MENDED_WITHIN_MS)
    expect((await stage.floor()).burst?.id).toBe(id)
    expect(stage.wasGranted(burstId)).toBe(false)
  })

  test('17.2 an entry whose answer was lost and that was served meanwhile ends NOT_STARTED, and the next is served', async () => {
    await using stage = await LateStage.open()
    const [ben, cleo, dan] = ['ben', 'cleo', 'dan'].map(stage.enter) as [Actor, Actor, Actor]
    await stage.nearby(ben).talk('b1')
    const { burstId } = await stage.failUnheard(cleo, { queue: true })
    await stage.nearby(dan).wait('d1')
    await stage.nearby(ben).release('b1')
    expect((await stage.floor()).burst?.id).toBe(burstId)
    stage.way.mend()
    await until(async () => (await stage.floor()).burst?.speaker.username === 'dan', MENDED_WITHIN_MS)
    await until(() => stage.endOf(burstId) === 'NOT_STARTED')
  })

  test('17.2 an entry whose answer was lost, whose request was repeated, and that was served meanwhile goes on', async () => {
    await using stage = await LateStage.open()
    const [ben, cleo] = [stage.enter('ben'), stage.enter('cleo')]
    await stage.nearby(ben).talk('b1')
    const { requestId, burstId } = await stage.failUnheard(cleo, { queue: true })
    await stage.nearby(cleo).wait(requestId)
    await stage.nearby(ben).release('b1')
    stage.way.mend()
    await sleep(MENDED_WITHIN_MS)
    expect((await stage.floor()).burst?.id).toBe(burstId)
  })

  test('17.2 a press whose connection broke, and that Redis reads after it was abandoned, does not keep the floor', async () => {
    await using stage = await LateStage.open()
    await using relay = await strandingRelay(stage.redis.port)
    await using instance = await relay.instance()
    const ben = new Actor(instance.engine, stage.groupId, stage.enter('ben').asker)
    relay.strand(250)
    const { burstId } = await stage.fail(ben, {}, 200)
    await sleep(MENDED_WITHIN_MS)
    expect([(await stage.floor()).state, stage.endOf(burstId)]).toEqual(['IDLE', stage.wasGranted(burstId) ? 'NOT_STARTED' : null])
  })

  test('17.2 a press that is answered after its caller was told that it failed does not keep the floor', async () => {
    await using stage = await LateStage.open()
    const ben = new Actor(
      failClosed(stage.far.engine, () => {}),
      stage.groupId,
      stage.enter('ben').asker,
    )
    // Redis was started again: it has to be sent the script, over a slow link. On a busy machine the press may come too late to be served.
    for (let attempt = 1; stage.events.length === 0 && attempt <= 5; attempt++) {
      await stage.near.links.commands.script('FLUSH')
      stage.way.delay({ up: 20, down: 240 })
      await stage.fail(ben)
      stage.way.mend()
      await sleep(200)
    }
    await sleep(MENDED_WITHIN_MS)
    expect(stage.events.map(({ kind }) => kind).slice(0, 2)).toEqual(['TAKEN', 'IDLE'])
    expect((await stage.floor()).state).toBe('IDLE')
  })
})
