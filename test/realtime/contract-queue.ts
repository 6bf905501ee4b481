import { expect } from 'vitest'
import type { Scene } from './contract-stage.ts'

/** Rule 9: who waits, for how long, and who comes next. */
export function queueRules(scene: Scene) {
  scene('9.1 a press waits only if it asked to', async ({ ben, cleo, dan }) => {
    await ben.talk('b1')
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN', queuePosition: null })
    const waits = await dan.wait('d1')
    expect(waits).toMatchObject({ outcome: 'QUEUED', queuePosition: 1, denyReason: null, retryAfterMs: null, burst: null })
    expect(waits.floor).toMatchObject({ state: 'TAKEN', queueLength: 1, burst: { speaker: ben.person } })
  })

  scene('9.2 service is by priority, then by arrival', async ({ ben, enter, advance, told }) => {
    await ben.talk('b1', { priority: 'HIGH' })
    for (const [name, priority] of [
      ['low1', 'LOW'],
      ['normal1', 'NORMAL'],
      ['high1', 'HIGH'],
      ['normal2', 'NORMAL'],
      ['high2', 'HIGH'],
    ] as const)
      await enter(name).wait('r', { priority })
    await ben.release('b1')
    // Nobody takes its grant up, so every 2 s the next is served.
    await advance(10_000)
    const served = (await told()).flatMap(([kind, who]) => (kind === 'TAKEN' ? [who] : []))
    expect(served).toEqual(['ben', 'high1', 'high2', 'normal1', 'normal2', 'low1'])
  })

  scene('9.2 who arrives is told the place that its priority gives it', async ({ ben, cleo, dan, eve }) => {
    await ben.talk('b1', { priority: 'HIGH' })
    expect((await cleo.wait('c1', { priority: 'LOW' })).queuePosition).toBe(1)
    expect((await dan.wait('d1', { priority: 'LOW' })).queuePosition).toBe(2)
    expect((await eve.wait('e1', { priority: 'NORMAL' })).queuePosition).toBe(1)
    expect((await dan.press('d1')).queuePosition).toBe(3)
  })

  scene('9.3 a full queue answers QUEUE_FULL and bumps nobody, whatever the priority', async ({ ben, cleo, dan, eve, toldOfQueue }) => {
    await ben.talk('b1', { priority: 'HIGH' })
    await cleo.wait('c1', { priority: 'LOW', queueCapacity: 2 })
    await dan.wait('d1', { priority: 'LOW', queueCapacity: 2 })
    const refused = { outcome: 'DENIED', denyReason: 'QUEUE_FULL', queuePosition: null, floor: { queueLength: 2 } }
    expect(await eve.wait('e1', { priority: 'HIGH', queueCapacity: 2 })).toMatchObject(refused)
    expect(await eve.wait('e1', { queueCapacity: 2 })).toMatchObject(refused)
    expect((await cleo.press('c1')).queuePosition).toBe(1)
    expect(await toldOfQueue()).toHaveLength(3)
    await cleo.release('c1')
    expect((await eve.wait('e2', { queueCapacity: 2 })).outcome).toBe('QUEUED')
  })

  scene('9.3 with capacity 0 nobody waits, and the answer is FLOOR_TAKEN', async ({ ben, cleo, told }) => {
    await ben.talk('b1', { queueCapacity: 0 })
    expect(await cleo.wait('c1', { queueCapacity: 0 })).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN' })
    expect(await told()).toHaveLength(1)
  })

  scene('9.4 a device has one entry; two devices of a user are two', async ({ ben, cleo, floor }) => {
    await ben.talk('b1')
    await cleo.wait('c1')
    await cleo.wait('c2')
    expect((await floor()).queueLength).toBe(1)
    expect(await cleo.otherDevice().wait('c1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 2 })
  })

  scene('9.5 a waiter is told its position when it changed, and only then', async ({ ben, cleo, dan, eve, hear, told }) => {
    await ben.talk('b1', { priority: 'HIGH' })
    const [first, second, third] = [await hear(cleo), await hear(dan), await hear(eve)]
    await cleo.wait('c1')
    await dan.wait('d1')
    await eve.wait('e1', { priority: 'HIGH' })
    await told()
    const moved = (requestId: string, queuePosition: number) => ({ kind: 'QUEUED', requestId, queuePosition })
    expect([first, second, third]).toMatchObject([[moved('c1', 2)], [moved('d1', 3)], []])
    await cleo.release('c1')
    await told()
    expect([first, second, third]).toMatchObject([[moved('c1', 2)], [moved('d1', 3), moved('d1', 2)], []])
    await ben.release('b1')
    await told()
    expect(second.slice(2)).toMatchObject([{ ...moved('d1', 1), floor: { burst: { speaker: eve.person }, queueLength: 1 } }])
  })

  scene(
    '9.6 every edit of the queue is a QUEUE event that counts who waits, the pre-emptor too',
    async ({ ben, cleo, dan, eve, toldOfQueue }) => {
      await ben.talk('b1')
      await cleo.wait('c1')
      await dan.wait('d1')
      await dan.release('d1')
      await eve.press('e1', { priority: 'HIGH' })
      await dan.wait('d2')
      await cleo.leave()
      expect(await toldOfQueue()).toEqual([
        ['TAKEN', 'ben', 0],
        ['QUEUE', 'ben', 1],
        ['QUEUE', 'ben', 2],
        ['QUEUE', 'ben', 1],
        ['PENDING_REVOKE', 'ben', 2],
        ['QUEUE', 'ben', 3],
        ['QUEUE', 'ben', 2],
      ])
    },
  )

  scene('9.6 a QUEUE event does not hide that the floor is PENDING_REVOKE', async ({ cleo, duringGrace, told, floorEvents }) => {
    await duringGrace()
    await cleo.wait('c1')
    await told()
    expect(floorEvents.at(-1)).toMatchObject({ kind: 'QUEUE', floor: { state: 'PENDING_REVOKE', queueLength: 2 }, previous: null })
  })

  scene(
    '9.7 when a burst ends the next is granted in the same transition, with no idle',
    async ({ ben, cleo, told, toldOfQueue, recorded }) => {
      const burst = await ben.talk('b1')
      await cleo.wait('c1')
      const { floor } = await ben.release('b1')
      expect(floor).toMatchObject({ state: 'TAKEN', queueLength: 0, burst: { speaker: cleo.person } })
      expect((await told()).at(-1)).toEqual(['TAKEN', 'cleo', 'RELEASED'])
      expect((await toldOfQueue()).map(([kind]) => kind)).toEqual(['TAKEN', 'QUEUE', 'TAKEN'])
      expect(recorded().map(({ id, endedAt }) => [id === burst.id, endedAt === null])).toEqual([
        [true, true],
        [true, false],
        [false, true],
      ])
      expect(floor.burst?.fencingToken).toBeGreaterThan(burst.fencingToken)
    },
  )

  scene('9.8 leaving ends an entry, and its repeat is CANCELLED', async ({ ben, cleo, floor }) => {
    await ben.talk('b1')
    await cleo.wait('c1')
    expect(await cleo.leave()).toMatchObject({ state: 'TAKEN', queueLength: 0, burst: { speaker: ben.person } })
    expect((await cleo.wait('c1')).outcome).toBe('CANCELLED')
    expect((await floor()).queueLength).toBe(0)
  })

  scene('9.8 a connection that closes does not end an entry by itself', async ({ ben, cleo, advance }) => {
    await ben.talk('b1')
    await cleo.wait('c1')
    await cleo.disconnect()
    await advance(3_000)
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 1 })
  })

  scene('9.9 an entry ends after 30 s: its device is told DENIED RETRY_AFTER', async ({ ben, cleo, keepTalking, hear, told, floor }) => {
    const heard = await hear(cleo)
    const burst = await ben.talk('b1', { talkLimitMs: 60_000 })
    await cleo.wait('c1')
    await keepTalking(ben, burst.id, 29_999, cleo)
    expect([(await floor()).queueLength, heard]).toEqual([1, []])
    await keepTalking(ben, burst.id, 1, cleo)
    expect(heard).toMatchObject([{ kind: 'DENIED', denyReason: 'RETRY_AFTER', requestId: 'c1', floor: { queueLength: 0, state: 'TAKEN' } }])
    expect((await told()).at(-1)).toEqual(['QUEUE', 'ben', null])
    expect(await cleo.wait('c1')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
    expect((await cleo.wait('c2')).outcome).toBe('QUEUED')
  })

  scene('9.10 who waits for as long as the burst before can last is served when it ends', async ({ ben, cleo, keepTalking, told }) => {
    const burst = await ben.talk('b1', { talkLimitMs: 30_000 })
    await cleo.wait('c1')
    await keepTalking(ben, burst.id, 30_000, cleo)
    expect((await told()).at(-1)).toEqual(['TAKEN', 'cleo', 'TALK_LIMIT'])
  })

  scene('9.11 a grant out of the queue is told to its device, with the time to take it up', async ({ ben, cleo, advance, hear }) => {
    const heard = await hear(cleo)
    await ben.talk('b1')
    await cleo.wait('c1', { talkLimitMs: 20_000 })
    await ben.release('b1')
    await advance(0)
    const message = { kind: 'GRANTED', requestId: 'c1', remainingMs: 20_000, acceptWithinMs: 2_000, graceMs: null, endReason: null }
    expect(heard).toMatchObject([{ ...message, burst: { speaker: cleo.person, sessionId: cleo.sessionId } }])
    expect(heard[0]?.floor.burst?.id).toBe(heard[0]?.burst?.id)
  })

  for (const [how, acknowledgement] of [
    ['a renewal', 'renew'],
    ['a repeat of the request', 'c1'],
    ['a new name', 'c2'],
  ] as const)
    scene(`9.11 it is taken up by ${how}`, async ({ ben, cleo, advance, floor }) => {
      await ben.talk('b1')
      await cleo.wait('c1')
      const { burst } = (await ben.release('b1')).floor
      await advance(1_999)
      if (acknowledgement !== 'renew') expect((await cleo.press(acknowledgement)).outcome).toBe('GRANTED')
      else if (burst) expect((await cleo.renew(burst.id)).renewed).toBe(true)
      await advance(3_999)
      expect((await floor()).burst?.id).toBe(burst?.id)
      await advance(1)
      expect((await floor()).state).toBe('IDLE')
    })

  scene('9.11 a grant that answers a press needs no acknowledgement', async ({ ben, advance, floor }) => {
    await ben.talk('b1')
    await advance(3_999)
    expect((await floor()).state).toBe('TAKEN')
  })

  scene('9.12 a grant that is not taken up ends NOT_STARTED with duration 0, and the next is served', async (stage) => {
    const { ben, cleo, dan } = stage
    const heard = await stage.hear(cleo)
    await ben.talk('b1')
    await cleo.wait('c1')
    await dan.wait('d1')
    const { burst } = (await ben.release('b1')).floor
    await stage.advance(1_999)
    expect((await stage.floor()).burst?.id).toBe(burst?.id)
    await stage.advance(1)
    expect((await stage.told()).at(-1)).toEqual(['TAKEN', 'dan', 'NOT_STARTED'])
    const ended = stage.recorded(burst?.id).at(-1)
    expect(ended).toMatchObject({ endReason: 'NOT_STARTED', endedAt: burst?.startedAt })
    expect(heard.at(-1)).toMatchObject({ kind: 'REVOKED', endReason: 'NOT_STARTED', requestId: 'c1' })
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'ENDED', burst: { endReason: 'NOT_STARTED' } })
  })

  scene('9.12 a pre-emptor that does not take its grant up is passed over, too', async ({ cleo, duringGrace, advance, told }) => {
    await duringGrace()
    await cleo.wait('c1')
    await advance(2_500)
    expect((await told()).slice(-2)).toEqual([
      ['TAKEN', 'dan', 'PREEMPTED'],
      ['TAKEN', 'cleo', 'NOT_STARTED'],
    ])
  })

  scene('9.13 who may only listen is refused before the floor is looked at, and does not wait', async ({ ben, cleo, floor }) => {
    const refused = { outcome: 'DENIED', denyReason: 'RECEIVE_ONLY', retryAfterMs: null }
    expect(await ben.press('r1', { canTalk: false })).toMatchObject(refused)
    await cleo.talk('r2')
    expect(await ben.wait('r3', { canTalk: false })).toMatchObject(refused)
    expect(await ben.press('r4', { canTalk: false, priority: 'EMERGENCY' })).toMatchObject(refused)
    expect(await floor()).toMatchObject({ state: 'TAKEN', queueLength: 0 })
  })

  scene('9.14 a lapse of presence ends an entry', async ({ ben, cleo, dan, keepTalking, hear, told, toldOfQueue }) => {
    const burst = await ben.talk('b1')
    await cleo.wait('c1')
    await dan.wait('d1')
    const heard = await hear(dan)
    await keepTalking(ben, burst.id, 9_499, dan)
    expect(await toldOfQueue()).toHaveLength(3)
    await keepTalking(ben, burst.id, 1, dan)
    expect((await toldOfQueue()).slice(3)).toEqual([['QUEUE', 'ben', 1]])
    expect(heard).toMatchObject([{ kind: 'QUEUED', queuePosition: 1 }])
    expect((await cleo.press('c1')).outcome).toBe('CANCELLED')
    await ben.release('b1')
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'RELEASED'])
  })

  scene('9 scenario: the talk limit with two in the queue', async ({ ben, cleo, dan, keepTalking, hear, told }) => {
    const [holder, first, second] = [await hear(ben), await hear(dan), await hear(cleo)]
    const burst = await ben.talk('b1', { talkLimitMs: 5_000, priority: 'HIGH' })
    await cleo.wait('c1')
    await dan.wait('d1', { priority: 'HIGH' })
    await keepTalking(ben, burst.id, 5_000)
    expect(holder.map(({ kind, remainingMs }) => [kind, remainingMs])).toEqual([
      ['LIMIT_WARNING', 2_500],
      ['REVOKED', null],
    ])
    expect(first).toMatchObject([{ kind: 'GRANTED', requestId: 'd1' }])
    expect(second.map(({ kind, queuePosition }) => [kind, queuePosition])).toEqual([
      ['QUEUED', 2],
      ['QUEUED', 1],
    ])
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'TALK_LIMIT'])
    expect(await ben.press('b2')).toMatchObject({ denyReason: 'RETRY_AFTER', retryAfterMs: 3_000 })
    expect(await ben.press('b1')).toMatchObject({ outcome: 'ENDED', burst: { endReason: 'TALK_LIMIT' } })
  })

  scene(
    '9 scenario: who waits vanishes, and the group is held up no longer than 2 s',
    async ({ ben, cleo, dan, advance, floor, recorded, told }) => {
      await ben.talk('b1')
      await cleo.wait('c1')
      await dan.wait('d1')
      await cleo.disconnect()
      await ben.release('b1')
      await advance(2_000)
      expect((await floor()).burst?.speaker.username).toBe('dan')
      expect((await told()).slice(-2)).toEqual([
        ['TAKEN', 'cleo', 'RELEASED'],
        ['TAKEN', 'dan', 'NOT_STARTED'],
      ])
      const spoken = recorded().filter(({ speaker, endedAt, startedAt }) => speaker.id === cleo.person.id && endedAt && endedAt > startedAt)
      expect(spoken).toEqual([])
    },
  )

  scene('9.3 the pre-emptor takes no place of the queue', async ({ ben, cleo, dan, eve }) => {
    await ben.talk('b1')
    await cleo.press('c1', { priority: 'HIGH' })
    expect((await dan.wait('d1', { queueCapacity: 1 })).outcome).toBe('QUEUED')
    expect(await eve.wait('e1', { queueCapacity: 1 })).toMatchObject({ outcome: 'DENIED', denyReason: 'QUEUE_FULL' })
  })
}
