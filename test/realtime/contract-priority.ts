import { expect } from 'vitest'
import { newId } from '../../src/ids.ts'
import type { Scene } from './contract-stage.ts'

/** Rule 8: who may cut whom off, and what happens meanwhile. In most scenes Ben talks, and Dan, who has HIGH, wants to. */
export function priorityRules(scene: Scene) {
  scene('8.2 a burst keeps the priority of the request that began it', async ({ ben, dan, floor }) => {
    await ben.talk('b1')
    await ben.press('b2', { priority: 'HIGH' })
    expect(await dan.press('d1', { priority: 'HIGH' })).toMatchObject({ outcome: 'QUEUED', queuePosition: 1 })
    expect((await floor()).burst?.priority).toBe('NORMAL')
  })

  scene('8.3 a strictly greater priority pre-empts, at each step of the ladder', async ({ enter, advance, told }) => {
    for (const [n, priority] of (['LOW', 'NORMAL', 'HIGH', 'EMERGENCY'] as const).entries()) {
      const one = enter(priority)
      expect((await one.press('r1', { priority })).outcome).toBe(n === 0 || priority === 'EMERGENCY' ? 'GRANTED' : 'QUEUED')
      await advance(500)
      await one.press('r1')
    }
    expect((await told()).filter(([kind]) => kind === 'TAKEN')).toEqual([
      ['TAKEN', 'LOW', null],
      ['TAKEN', 'NORMAL', 'PREEMPTED'],
      ['TAKEN', 'HIGH', 'PREEMPTED'],
      ['TAKEN', 'EMERGENCY', 'PREEMPTED'],
    ])
  })

  scene('8.3 equal never pre-empts, nor does less; nothing pre-empts EMERGENCY', async ({ ben, cleo, told }) => {
    const ladder = ['LOW', 'NORMAL', 'HIGH', 'EMERGENCY'] as const
    for (const [n, priority] of ladder.entries()) {
      await ben.talk(`b${n}`, { priority })
      for (const [m, other] of ladder.slice(0, n + 1).entries())
        expect(await cleo.press(`c${n}${m}`, { priority: other, preemptGraceMs: 0 })).toMatchObject({ denyReason: 'FLOOR_TAKEN' })
      await ben.release(`b${n}`)
    }
    expect(await told()).toHaveLength(8)
  })

  scene('8.4 during the grace the floor is PENDING_REVOKE, told by an event, and its holder goes on', async ({ duringGrace, ...stage }) => {
    const { burst } = await duringGrace()
    await stage.advance(499)
    expect(await stage.floor()).toMatchObject({ state: 'PENDING_REVOKE', burst: { id: burst.id, endedAt: null }, queueLength: 1 })
    expect(stage.floorEvents.at(-1)).toMatchObject({ kind: 'PENDING_REVOKE', floor: { state: 'PENDING_REVOKE' }, previous: null })
    await stage.advance(1)
    expect(await stage.floor()).toMatchObject({ state: 'TAKEN', burst: { speaker: stage.dan.person }, queueLength: 0 })
  })

  scene('8.5 the holder is told once that it is pre-empted and how long it may go on', async ({ ben, duringGrace, hear, advance }) => {
    const heard = await hear(ben)
    const { burst } = await duringGrace({ preemptGraceMs: 1_500 })
    await advance(1_000)
    expect(heard).toMatchObject([
      {
        kind: 'REVOKED',
        endReason: 'PREEMPTED',
        graceMs: 1_500,
        requestId: 'b1',
        burst: { id: burst.id },
        floor: { state: 'PENDING_REVOKE' },
      },
    ])
  })

  scene('8.6 the pre-emptor is QUEUED at 1 although it did not ask to wait and the queue is off', async ({ duringGrace }) => {
    const { preemption } = await duringGrace({ queue: false, queueCapacity: 0 })
    expect(preemption).toMatchObject({
      outcome: 'QUEUED',
      queuePosition: 1,
      burst: null,
      floor: { state: 'PENDING_REVOKE', queueLength: 1 },
    })
  })

  scene('8.6 the pre-emptor waits before a full queue, whose positions move back', async ({ ben, cleo, dan, eve, hear, advance }) => {
    await ben.talk('b1')
    await cleo.wait('c1', { queueCapacity: 1 })
    const heard = await hear(cleo)
    expect(await eve.wait('e1', { queueCapacity: 1 })).toMatchObject({ denyReason: 'QUEUE_FULL' })
    const preemption = await dan.wait('d1', { priority: 'HIGH', queueCapacity: 1 })
    expect(preemption).toMatchObject({ outcome: 'QUEUED', queuePosition: 1, floor: { queueLength: 2 } })
    await advance(0)
    expect(heard).toMatchObject([{ kind: 'QUEUED', queuePosition: 2, requestId: 'c1' }])
  })

  scene('8.7 when the grace is over the pre-emptor is granted, without idle', async ({ duringGrace, hear, dan, ...stage }) => {
    const heard = await hear(dan)
    const { burst } = await duringGrace()
    await stage.advance(500)
    expect(await stage.told()).toEqual([
      ['TAKEN', 'ben', null],
      ['PENDING_REVOKE', 'ben', null],
      ['TAKEN', 'dan', 'PREEMPTED'],
    ])
    expect(stage.recorded(burst.id).at(-1)).toMatchObject({ endReason: 'PREEMPTED', endedAt: burst.startedAt + 500, revokedBy: null })
    expect(heard).toMatchObject([{ kind: 'GRANTED', requestId: 'd1', acceptWithinMs: 2_000, remainingMs: 30_000 }])
    expect(await stage.ben.renew(burst.id)).toMatchObject({ renewed: false })
  })

  scene('8.8 a release during the grace is a release, and the pre-emptor is granted at once', async ({ ben, duringGrace, told, floor }) => {
    await duringGrace()
    expect(await ben.release('b1')).toMatchObject({ released: true, floor: { burst: { speaker: { username: 'dan' } } } })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'RELEASED'])
    expect((await floor()).state).toBe('TAKEN')
  })

  scene('8.8 the talk limit during the grace is a talk limit, with its wait', async ({ ben, dan, keepTalking, advance, told }) => {
    const burst = await ben.talk('b1', { talkLimitMs: 5_000 })
    await keepTalking(ben, burst.id, 4_800)
    await dan.press('d1', { priority: 'HIGH' })
    expect(await ben.renew(burst.id)).toMatchObject({ remainingMs: 200 })
    await advance(200)
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'TALK_LIMIT'])
    expect(await ben.press('b2')).toMatchObject({ denyReason: 'RETRY_AFTER' })
  })

  scene('8.8 the lease may run out during the grace', async ({ ben, dan, advance, told }) => {
    await ben.talk('b1')
    await advance(3_800)
    await dan.press('d1', { priority: 'HIGH' })
    await advance(200)
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'CONNECTION_LOST'])
  })

  scene('8.9 a press strictly above the pre-emptor replaces it; who asked to wait waits behind', async (stage) => {
    const { ben, cleo, dan } = stage
    await ben.talk('b1', { priority: 'LOW' })
    await cleo.wait('c1', { priority: 'NORMAL' })
    const heard = await stage.hear(cleo)
    expect(await dan.press('d1', { priority: 'HIGH' })).toMatchObject({ outcome: 'QUEUED', queuePosition: 1, floor: { queueLength: 2 } })
    await stage.advance(0)
    expect(heard).toMatchObject([{ kind: 'QUEUED', queuePosition: 2, requestId: 'c1' }])
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 2 })
    await stage.advance(500)
    await dan.release('d1')
    expect((await stage.told()).slice(-2)).toEqual([
      ['TAKEN', 'dan', 'PREEMPTED'],
      ['TAKEN', 'cleo', 'RELEASED'],
    ])
  })

  scene(
    '8.9 a replaced pre-emptor that did not ask to wait is denied FLOOR_TAKEN, and told',
    async ({ ben, cleo, dan, hear, floor, told }) => {
      await ben.talk('b1', { priority: 'LOW' })
      await cleo.press('c1')
      const heard = await hear(cleo)
      await dan.press('d1', { priority: 'HIGH' })
      await told()
      expect(heard).toMatchObject([{ kind: 'DENIED', denyReason: 'FLOOR_TAKEN', requestId: 'c1' }])
      expect(await cleo.press('c1')).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN', retryAfterMs: 30_000 })
      expect(await floor()).toMatchObject({ state: 'PENDING_REVOKE', queueLength: 1 })
    },
  )

  scene('8.9 a replaced pre-emptor is denied when the queue has no room for it', async ({ ben, cleo, dan, eve, hear, told }) => {
    await ben.talk('b1', { priority: 'LOW' })
    await eve.wait('e1', { priority: 'LOW', queueCapacity: 1 })
    await cleo.wait('c1', { queueCapacity: 1 })
    const heard = await hear(cleo)
    await dan.press('d1', { priority: 'HIGH', queueCapacity: 1 })
    await told()
    expect(heard).toMatchObject([{ kind: 'DENIED', denyReason: 'FLOOR_TAKEN', requestId: 'c1', floor: { queueLength: 2 } }])
    expect(await eve.press('e1')).toMatchObject({ queuePosition: 2 })
  })

  scene('8.9 a replaced pre-emptor waits at the place that its arrival gives it', async ({ ben, cleo, dan, eve }) => {
    await ben.talk('b1', { priority: 'LOW' })
    await cleo.wait('c1')
    await eve.wait('e1')
    await dan.press('d1', { priority: 'HIGH' })
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 2 })
    expect(await eve.press('e1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 3 })
  })

  scene(
    '8.9 a replaced pre-emptor waits no longer than if it had waited from the beginning',
    async ({ ben, cleo, dan, advance, keepTalking }) => {
      await ben.talk('b1', { priority: 'LOW' })
      await cleo.wait('c1')
      await advance(300)
      const cutIn = await dan.press('d1', { priority: 'HIGH', preemptGraceMs: 0, talkLimitMs: 60_000 })
      await keepTalking(dan, cutIn.burst?.id ?? newId(), 29_699, cleo)
      expect((await cleo.press('c1')).outcome).toBe('QUEUED')
      await keepTalking(dan, cutIn.burst?.id ?? newId(), 1, cleo)
      expect(await cleo.press('c1')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
    },
  )

  scene('8.10 replacing does not restart the grace, and the holder is not told again', async ({ ben, cleo, dan, hear, advance, told }) => {
    const heard = await hear(ben)
    await ben.talk('b1', { priority: 'LOW' })
    await cleo.wait('c1')
    await advance(400)
    await dan.press('d1', { priority: 'HIGH' })
    await advance(99)
    expect(heard).toHaveLength(1)
    await advance(1)
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'PREEMPTED'])
    expect(heard.slice(1)).toMatchObject([{ kind: 'REVOKED', endReason: 'PREEMPTED', graceMs: 0 }])
  })

  scene('8.11 others meet a taken floor during the grace, also those of equal priority', async ({ cleo, eve, duringGrace, floor }) => {
    const { burst } = await duringGrace({ preemptGraceMs: 3_000 })
    expect(await cleo.press('c1', { priority: 'HIGH' })).toMatchObject({
      outcome: 'DENIED',
      denyReason: 'FLOOR_TAKEN',
      floor: { state: 'PENDING_REVOKE', burst: { id: burst.id } },
    })
    expect(await eve.wait('e1', { priority: 'HIGH' })).toMatchObject({ outcome: 'QUEUED', queuePosition: 2 })
    expect((await floor()).queueLength).toBe(2)
  })

  const withdrawals = {
    'its release': ({ dan }) => dan.release('d1'),
    'its leaving': ({ dan }) => dan.leave(),
    'its eviction': ({ engine, dan, groupId }) => engine.evict({ groupId, userId: dan.person.id, reason: 'MEMBER_REMOVED' }),
    'its loss of the right to talk': ({ engine, dan, groupId }) => engine.forbidTalk({ groupId, userId: dan.person.id }),
    'its mute': ({ engine, dan, cleo, groupId }) =>
      engine.muteMember({ groupId, userId: dan.person.id, durationMs: 5_000, by: cleo.person }),
  } satisfies Record<string, (stage: Parameters<Parameters<Scene>[1]>[0]) => Promise<unknown>>
  for (const [how, withdraw] of Object.entries(withdrawals))
    scene(`8.12 a pre-emptor that withdraws by ${how} gives the floor back to the holder, who is told`, async (stage) => {
      const heard = await stage.hear(stage.ben)
      const { burst } = await stage.duringGrace()
      await stage.advance(300)
      await withdraw(stage)
      await stage.advance(700)
      expect(await stage.floor()).toMatchObject({ state: 'TAKEN', burst: { id: burst.id }, queueLength: 0 })
      expect((await stage.told()).slice(1)).toEqual([
        ['PENDING_REVOKE', 'ben', null],
        ['TAKEN', 'ben', null],
      ])
      expect(heard.slice(1)).toMatchObject([{ kind: 'GRANTED', requestId: 'b1', remainingMs: 29_700, burst: { id: burst.id } }])
    })

  scene(
    '8.12 after a withdrawal the grace is forgotten, and a new pre-emption has its own',
    async ({ ben, cleo, dan, duringGrace, ...stage }) => {
      const heard = await stage.hear(ben)
      const { burst } = await duringGrace()
      await stage.advance(400)
      await dan.release('d1')
      expect(await ben.renew(burst.id)).toMatchObject({ renewed: true, remainingMs: 29_600 })
      await cleo.press('c1', { priority: 'HIGH' })
      await stage.advance(499)
      expect(await stage.floor()).toMatchObject({ state: 'PENDING_REVOKE', burst: { id: burst.id } })
      await stage.advance(1)
      expect((await stage.floor()).burst?.speaker.username).toBe('cleo')
      expect(heard.map(({ kind, graceMs }) => [kind, graceMs])).toEqual([
        ['REVOKED', 500],
        ['GRANTED', null],
        ['REVOKED', 500],
        ['REVOKED', 0],
      ])
    },
  )

  scene('8.12 the queue behind a pre-emptor that withdraws moves up', async ({ cleo, dan, duringGrace, hear, told }) => {
    const heard = await hear(cleo)
    await duringGrace()
    await cleo.wait('c1')
    await dan.release('d1')
    await told()
    expect(heard).toMatchObject([{ kind: 'QUEUED', queuePosition: 1, requestId: 'c1' }])
  })

  scene('8.13 who was pre-empted does not wait for the floor', async ({ ben, dan, duringGrace, advance, floor }) => {
    await duringGrace()
    await advance(500)
    expect((await floor()).queueLength).toBe(0)
    await dan.release('d1')
    expect((await floor()).state).toBe('IDLE')
    expect(await ben.press('b1')).toMatchObject({ outcome: 'ENDED', burst: { endReason: 'PREEMPTED' } })
  })

  scene(
    '8.14 with grace 0 the press is GRANTED at once, and the pre-empted device is told',
    async ({ ben, duringGrace, hear, advance, told }) => {
      const heard = await hear(ben)
      const { burst, preemption } = await duringGrace({ preemptGraceMs: 0 })
      expect(preemption).toMatchObject({ outcome: 'GRANTED', remainingMs: 30_000, floor: { state: 'TAKEN', queueLength: 0 } })
      expect(await told()).toEqual([
        ['TAKEN', 'ben', null],
        ['TAKEN', 'dan', 'PREEMPTED'],
      ])
      expect(heard).toMatchObject([{ kind: 'REVOKED', endReason: 'PREEMPTED', graceMs: 0, requestId: 'b1', burst: { id: burst.id } }])
      await advance(3_000)
      expect(await told()).toHaveLength(2)
    },
  )

  scene('8.15 EMERGENCY cuts in at once whatever the grace', async ({ ben, duringGrace, told }) => {
    const { preemption } = await duringGrace({ priority: 'EMERGENCY', preemptGraceMs: 3_000 })
    expect(preemption).toMatchObject({ outcome: 'GRANTED', burst: { priority: 'EMERGENCY' } })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'PREEMPTED'])
    expect((await ben.press('b2', { priority: 'EMERGENCY' })).denyReason).toBe('FLOOR_TAKEN')
  })

  scene('8.15 EMERGENCY cuts in during a grace; the former pre-emptor waits if it asked to, else is denied', async (stage) => {
    for (const queue of [true, false]) {
      const heard = await stage.hear(stage.dan)
      await stage.ben.talk(`b${queue}`)
      await stage.dan.press(`d${queue}`, { priority: 'HIGH', queue })
      expect(await stage.eve.press(`e${queue}`, { priority: 'EMERGENCY' })).toMatchObject({
        outcome: 'GRANTED',
        floor: { state: 'TAKEN', queueLength: queue ? 1 : 0 },
      })
      await stage.advance(0)
      expect(heard).toMatchObject(queue ? [] : [{ kind: 'DENIED', denyReason: 'FLOOR_TAKEN' }])
      expect(await stage.dan.press(`d${queue}`)).toMatchObject(queue ? { outcome: 'QUEUED', queuePosition: 1 } : { outcome: 'DENIED' })
      for (const one of [stage.dan, stage.eve]) await one.leave()
    }
  })

  scene('8 scenario: a manager cuts in on a talker who goes on, and emergency on the manager', async (stage) => {
    const { ben, cleo, dan, eve } = stage
    const burst = await ben.talk('b1')
    expect(await cleo.press('c1')).toMatchObject({ denyReason: 'FLOOR_TAKEN' })
    await dan.press('d1', { priority: 'HIGH' })
    await stage.keepTalking(ben, burst.id, 500)
    expect(await ben.renew(burst.id)).toMatchObject({ renewed: false, floor: { burst: { speaker: dan.person } } })
    expect(await eve.press('e1', { priority: 'HIGH' })).toMatchObject({ denyReason: 'FLOOR_TAKEN' })
    expect(await cleo.press('c2', { priority: 'EMERGENCY' })).toMatchObject({ outcome: 'GRANTED' })
    expect((await stage.told()).map(([kind, , end]) => [kind, end])).toEqual([
      ['TAKEN', null],
      ['PENDING_REVOKE', null],
      ['TAKEN', 'PREEMPTED'],
      ['TAKEN', 'PREEMPTED'],
    ])
  })
}
