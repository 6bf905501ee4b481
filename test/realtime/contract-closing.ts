import { expect } from 'vitest'
import type { Scene } from './contract-stage.ts'

/** Rule 13: the group was deleted. */
export function closingRules(scene: Scene) {
  scene('13.1 closing a group ends its burst, which its holder is told', async ({ engine, groupId, ben, hear, told, floor, recorded }) => {
    const heard = await hear(ben)
    const burst = await ben.talk('r1')
    await engine.closeGroup(groupId)
    await told()
    expect(heard).toMatchObject([{ kind: 'REVOKED', endReason: 'GROUP_CLOSED', graceMs: 0, requestId: 'r1', floor: { state: 'CLOSED' } }])
    expect(await floor()).toMatchObject({ state: 'CLOSED', burst: null, queueLength: 0 })
    expect(recorded(burst.id).at(-1)).toMatchObject({ endReason: 'GROUP_CLOSED' })
  })

  scene(
    '13.1 a holder whose grace is running is told of the end and of nothing else',
    async ({ engine, groupId, ben, duringGrace, hear, told }) => {
      await duringGrace()
      const heard = await hear(ben)
      await told()
      heard.length = 0
      await engine.closeGroup(groupId)
      await told()
      expect(heard.map(({ kind, endReason }) => [kind, endReason])).toEqual([['REVOKED', 'GROUP_CLOSED']])
    },
  )

  scene(
    '13.2 who waits is denied GROUP_CLOSED, everyone present has left',
    async ({ engine, groupId, cleo, dan, duringGrace, ...stage }) => {
      await duringGrace()
      await cleo.wait('c1')
      const [preemptor, waiter] = [await stage.hear(dan), await stage.hear(cleo)]
      await engine.muteMember({ groupId, userId: stage.eve.person.id, durationMs: 60_000, by: dan.person })
      await engine.closeGroup(groupId)
      await stage.told()
      const denied = { kind: 'DENIED', denyReason: 'GROUP_CLOSED', floor: { state: 'CLOSED' } }
      expect(preemptor).toMatchObject([{ ...denied, requestId: 'd1' }])
      expect(waiter).toMatchObject([{ ...denied, requestId: 'c1' }])
      expect((await stage.present()).filter(([kind]) => kind === 'LEFT')).toHaveLength(3)
      expect(await stage.everyone()).toEqual([])
      expect((await engine.mutedUntil(groupId)).size).toBe(0)
    },
  )

  scene(
    '13.3 the last event is CLOSED, with the burst that it ended; nothing follows',
    async ({ engine, groupId, ben, cleo, ...stage }) => {
      const burst = await ben.talk('b1')
      await cleo.wait('c1')
      await engine.closeGroup(groupId)
      await ben.press('b2')
      await cleo.join()
      await stage.advance(120_000)
      expect((await stage.told()).at(-1)).toEqual(['CLOSED', null, 'GROUP_CLOSED'])
      expect(stage.floorEvents.at(-1)).toMatchObject({
        previous: { id: burst.id },
        floor: { state: 'CLOSED', burst: null, queueLength: 0 },
      })
      expect((await stage.told()).filter(([kind]) => kind === 'TAKEN')).toHaveLength(1)
    },
  )

  scene(
    '13.4 a press that had passed its check is denied and brings nothing back',
    async ({ engine, groupId, ben, present, recorded, floor }) => {
      await engine.closeGroup(groupId)
      for (const name of ['r1', 'r1', 'r2'])
        expect(await ben.wait(name, { priority: 'EMERGENCY' })).toMatchObject({
          outcome: 'DENIED',
          denyReason: 'GROUP_CLOSED',
          retryAfterMs: null,
          floor: { state: 'CLOSED' },
        })
      expect([await present(), recorded(), (await floor()).state]).toEqual([[], [], 'CLOSED'])
    },
  )

  scene('13.5 in a closed group joining makes nobody present, and nothing can be renewed, released or revoked', async (stage) => {
    const burst = await stage.ben.talk('b1')
    await stage.engine.closeGroup(stage.groupId)
    const before = (await stage.present()).length
    expect(await stage.cleo.join()).toMatchObject({ state: 'CLOSED' })
    expect(await stage.cleo.leave()).toMatchObject({ state: 'CLOSED' })
    expect(await stage.ben.renew(burst.id)).toMatchObject({ renewed: false, floor: { state: 'CLOSED' } })
    expect(await stage.cleo.revoke(burst.id)).toMatchObject({ revoked: false })
    expect(await stage.cleo.release('c1')).toMatchObject({ released: false })
    expect(await stage.cleo.heartbeat()).toEqual([])
    expect(await stage.present()).toHaveLength(before)
  })

  scene('13.6 a group in which nothing happened can be closed, and closing again is silent', async ({ engine, groupId, told }) => {
    await engine.closeGroup(groupId)
    await engine.closeGroup(groupId)
    expect(await told()).toEqual([['CLOSED', null, null]])
  })

  scene('13.7 a repeat is answered as before although the group is closed', async ({ engine, groupId, ben, cleo }) => {
    const burst = await ben.talk('b1')
    await cleo.press('c1')
    await engine.closeGroup(groupId)
    expect(await ben.press('b1')).toMatchObject({ outcome: 'ENDED', burst: { id: burst.id, endReason: 'GROUP_CLOSED' } })
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN' })
  })

  scene(
    '13 scenario: the group is deleted in the middle of a burst, while somebody presses',
    async ({ engine, groupId, ben, cleo, told, floor }) => {
      await ben.talk('b1')
      const [, answer] = await Promise.all([engine.closeGroup(groupId), cleo.wait('c1')])
      expect(await cleo.press('c1')).toMatchObject({ denyReason: 'GROUP_CLOSED', floor: { state: 'CLOSED' } })
      expect(['QUEUED', 'DENIED']).toContain(answer.outcome)
      expect((await told()).at(-1)?.[0]).toBe('CLOSED')
      expect((await floor()).state).toBe('CLOSED')
    },
  )

  scene('24.2 it does not end while somebody talks', async ({ ben, cleo, keepTalking, recordedSessions, advance }) => {
    await ben.talk('r1')
    await ben.release('r1')
    await advance(59_000)
    const burst = await cleo.talk('r2')
    await keepTalking(cleo, burst.id, 5_000)
    expect(recordedSessions().filter(({ endedAt }) => endedAt !== null)).toEqual([])
  })
}
