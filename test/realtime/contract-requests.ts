import { expect } from 'vitest'
import type { Scene } from './contract-stage.ts'

/** Rules 4 and 21: what a request is answered when it comes again, late, under another name, or too often. */
export function requestRules(scene: Scene) {
  scene('4.1 a request is remembered for ten minutes after its end', async ({ ben, advance }) => {
    await ben.talk('r1')
    await ben.release('r1')
    await advance(600_000 - 1)
    expect((await ben.press('r1')).outcome).toBe('ENDED')
    await advance(60_001)
    expect((await ben.press('r1')).outcome).toBe('GRANTED')
  })

  scene('4.1 the ten minutes begin with the end, not with the press', async ({ ben, advance, keepTalking }) => {
    const burst = await ben.talk('r1', { talkLimitMs: 300_000 })
    await keepTalking(ben, burst.id, 290_000)
    await ben.release('r1')
    await advance(500_000)
    expect(await ben.press('r1')).toMatchObject({ outcome: 'ENDED', burst: { id: burst.id } })
  })

  scene('4.2 a repeat answers the same burst with the time that remains, and tells nobody', async ({ ben, advance, told, recorded }) => {
    const burst = await ben.talk('r1')
    await advance(1_000)
    const repeat = await ben.press('r1')
    expect(repeat).toMatchObject({ outcome: 'GRANTED', remainingMs: 29_000, burst: { id: burst.id, startedAt: burst.startedAt } })
    expect(await told()).toEqual([['TAKEN', 'ben', null]])
    expect(recorded()).toHaveLength(1)
  })

  scene('4.3 a repeat after the end answers ENDED with that burst, and is never granted again', async ({ ben, advance, floor }) => {
    const burst = await ben.talk('r1')
    await advance(500)
    await ben.release('r1')
    const end = { id: burst.id, endReason: 'RELEASED', endedAt: burst.startedAt + 500 }
    expect(await ben.press('r1')).toMatchObject({ outcome: 'ENDED', burst: end, remainingMs: null })
    expect((await floor()).state).toBe('IDLE')
  })

  scene('4.4 a repeat of a request that waits answers its present position, and keeps its place', async ({ ben, cleo, dan, told }) => {
    await ben.talk('b1')
    await cleo.wait('c1')
    await dan.wait('d1')
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 1, burst: null, floor: { queueLength: 2 } })
    expect(await dan.press('d1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 2 })
    await cleo.release('c1')
    expect(await dan.press('d1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 1 })
    expect(await told()).toHaveLength(4)
  })

  scene('4.4 a repeat does not let a request wait longer', async ({ ben, cleo, advance, keepTalking }) => {
    const burst = await ben.talk('b1', { talkLimitMs: 60_000 })
    await cleo.wait('c1')
    await keepTalking(ben, burst.id, 29_000, cleo)
    expect((await cleo.press('c1')).outcome).toBe('QUEUED')
    await advance(1_000)
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
  })

  scene('4.5 a release that overtakes its request cancels it, also much later', async ({ ben, advance, told }) => {
    expect(await ben.release('r1')).toMatchObject({ released: false, floor: { state: 'IDLE' } })
    await advance(10_000)
    expect(await ben.press('r1')).toMatchObject({ outcome: 'CANCELLED', burst: null, floor: { state: 'IDLE' } })
    expect(await ben.release('r1')).toMatchObject({ released: false })
    expect(await ben.wait('r1')).toMatchObject({ outcome: 'CANCELLED' })
    expect(await told()).toEqual([])
  })

  scene('4.5 a tombstone ends no burst of its device', async ({ ben, floor }) => {
    const burst = await ben.talk('r1')
    expect(await ben.release('r2')).toMatchObject({ released: false, floor: { state: 'TAKEN' } })
    expect((await ben.press('r2')).outcome).toBe('CANCELLED')
    expect((await floor()).burst?.id).toBe(burst.id)
  })

  scene("4.6 the holder's second request is the same burst: same start, limit and priority", async ({ ben, advance, told }) => {
    const { id, startedAt, expiresAt, fencingToken } = await ben.talk('r1')
    await advance(1_000)
    const again = await ben.press('r2', { priority: 'HIGH', talkLimitMs: 60_000 })
    expect(again).toMatchObject({ outcome: 'GRANTED', remainingMs: 29_000 })
    expect(again.burst).toMatchObject({ id, startedAt, expiresAt, fencingToken, priority: 'NORMAL' })
    expect(await told()).toHaveLength(1)
  })

  scene('4.7 releasing an old name changes nothing; the present name ends the burst', async ({ ben, told }) => {
    const burst = await ben.talk('r1')
    await ben.press('r2')
    expect(await ben.release('r1')).toMatchObject({ released: false, floor: { state: 'TAKEN' } })
    expect(await ben.press('r1')).toMatchObject({ outcome: 'GRANTED', burst: { id: burst.id } })
    expect(await ben.release('r2')).toMatchObject({ released: true, floor: { state: 'IDLE' } })
    for (const name of ['r1', 'r2']) expect(await ben.press(name)).toMatchObject({ outcome: 'ENDED', burst: { id: burst.id } })
    expect(await told()).toEqual([
      ['TAKEN', 'ben', null],
      ['IDLE', null, 'RELEASED'],
    ])
  })

  scene('4.8 a refused request stays refused when the floor is free; a new press is granted', async ({ ben, cleo, advance }) => {
    await ben.talk('r1')
    expect(await cleo.press('r2')).toMatchObject({ denyReason: 'FLOOR_TAKEN', retryAfterMs: 30_000 })
    await advance(1_000)
    await ben.release('r1')
    const again = { outcome: 'DENIED', denyReason: 'FLOOR_TAKEN', retryAfterMs: 29_000, floor: { state: 'IDLE' } }
    expect(await cleo.press('r2')).toMatchObject(again)
    expect(await cleo.wait('r2')).toMatchObject(again)
    expect((await cleo.press('r3')).outcome).toBe('GRANTED')
  })

  scene('4.8 a refusal after the talk limit is remembered although its wait is over', async ({ ben, advance, keepTalking }) => {
    const burst = await ben.talk('r1', { talkLimitMs: 5_000 })
    await keepTalking(ben, burst.id, 5_000)
    await ben.press('r2')
    await advance(3_000)
    expect(await ben.press('r2')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: 0 })
    expect((await ben.press('r3')).outcome).toBe('GRANTED')
  })

  scene('4.9 the repeat of a queued request that was released is CANCELLED, also when the floor is free', async ({ ben, cleo, floor }) => {
    await ben.talk('b1')
    await cleo.wait('c1')
    expect(await cleo.release('c1')).toMatchObject({ released: true, floor: { state: 'TAKEN', queueLength: 0 } })
    expect(await cleo.wait('c1')).toMatchObject({ outcome: 'CANCELLED', queuePosition: null })
    await ben.release('b1')
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'CANCELLED', floor: { state: 'IDLE' } })
    expect((await floor()).state).toBe('IDLE')
  })

  scene("4.10 a waiter's second request renames its entry: same place, same priority", async ({ ben, cleo, dan, eve, told }) => {
    await ben.talk('b1', { priority: 'HIGH' })
    await cleo.wait('c1')
    await dan.wait('d1')
    const before = await told()
    expect(await cleo.press('c2', { priority: 'HIGH' })).toMatchObject({ outcome: 'QUEUED', queuePosition: 1, floor: { queueLength: 2 } })
    expect(await dan.wait('d2', { priority: 'HIGH' })).toMatchObject({ outcome: 'QUEUED', queuePosition: 2 })
    expect(await cleo.press('c1')).toMatchObject({ outcome: 'QUEUED', queuePosition: 1 })
    expect(await told()).toEqual(before)
    expect(await eve.wait('e1', { priority: 'HIGH' })).toMatchObject({ queuePosition: 1 })
  })

  scene(
    "4.10 releasing an entry's old name changes nothing, and its grant goes by the present name",
    async ({ ben, cleo, hear, advance }) => {
      const heard = await hear(cleo)
      await ben.talk('b1')
      await cleo.wait('c1')
      await cleo.wait('c2')
      expect(await cleo.release('c1')).toMatchObject({ released: false, floor: { queueLength: 1 } })
      await ben.release('b1')
      await advance(0)
      expect(heard).toMatchObject([{ kind: 'GRANTED', requestId: 'c2' }])
      expect((await cleo.press('c1')).outcome).toBe('GRANTED')
      expect(await cleo.release('c1')).toMatchObject({ released: false })
      expect(await cleo.release('c2')).toMatchObject({ released: true, floor: { state: 'IDLE' } })
    },
  )

  scene('4.10 a renamed entry waits no longer than it would have', async ({ ben, cleo, keepTalking }) => {
    const burst = await ben.talk('b1', { talkLimitMs: 60_000 })
    await cleo.wait('c1')
    await keepTalking(ben, burst.id, 29_000, cleo)
    await cleo.wait('c2')
    await keepTalking(ben, burst.id, 1_000, cleo)
    expect(await cleo.press('c2')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
  })

  scene(
    '4.11 during the grace the holder is answered the same burst with the rest of the grace',
    async ({ ben, advance, duringGrace, told }) => {
      const { burst } = await duringGrace({ preemptGraceMs: 2_000 })
      await advance(500)
      expect(await ben.press('b1')).toMatchObject({ outcome: 'GRANTED', remainingMs: 1_500, burst: { id: burst.id } })
      expect(await ben.renew(burst.id)).toMatchObject({ renewed: true, remainingMs: 1_500, floor: { state: 'PENDING_REVOKE' } })
      expect(await ben.press('b2', { priority: 'EMERGENCY' })).toMatchObject({
        outcome: 'GRANTED',
        remainingMs: 1_500,
        burst: { id: burst.id },
      })
      await advance(1_500)
      expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'PREEMPTED'])
      expect(await ben.press('b2')).toMatchObject({ outcome: 'ENDED', burst: { id: burst.id } })
    },
  )

  scene('4.12 a renewal by another session is refused and lengthens nothing', async ({ ben, cleo, advance, floor }) => {
    const burst = await ben.talk('r1')
    await advance(2_000)
    expect(await cleo.renew(burst.id)).toMatchObject({ renewed: false, remainingMs: null, floor: { state: 'TAKEN' } })
    expect(await ben.otherDevice().renew(burst.id)).toMatchObject({ renewed: false })
    await advance(2_000)
    expect((await floor()).state).toBe('IDLE')
  })

  scene('4.13 a release is answered the same when it is repeated', async ({ ben, cleo, told }) => {
    await ben.talk('r1')
    await cleo.wait('r2')
    for (const _ of [1, 2]) expect((await cleo.release('r2')).released).toBe(true)
    for (const _ of [1, 2]) expect((await ben.release('r1')).released).toBe(true)
    expect(await told()).toHaveLength(4)
  })

  scene('4.13 a release is true for what held or waited, whatever ended it', async ({ ben, cleo, dan, advance }) => {
    const burst = await ben.talk('r1', { talkLimitMs: 60_000 })
    await cleo.wait('r2')
    await dan.wait('r3')
    await cleo.leave()
    for (let n = 0; n < 25; n++) {
      await advance(1_300)
      await ben.renew(burst.id)
      await dan.heartbeat()
    }
    for (const [one, requestId] of [
      [cleo, 'r2'],
      [dan, 'r3'],
    ] as const)
      expect(await one.release(requestId)).toMatchObject({ released: true, floor: { burst: { id: burst.id }, queueLength: 0 } })
    expect(await dan.press('r3')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: 0 })
  })

  scene('4.13 the release of a refused request finds nothing to end', async ({ ben, cleo, told }) => {
    await ben.talk('r1')
    await cleo.press('r2')
    expect(await cleo.release('r2')).toMatchObject({ released: false, floor: { state: 'TAKEN' } })
    expect(await cleo.press('r2')).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN' })
    expect(await told()).toHaveLength(1)
  })

  scene("4.14 requests belong to their session: another one's release with the same name is silent", async ({ ben, cleo, told, floor }) => {
    await ben.talk('r1')
    expect(await cleo.release('r1')).toMatchObject({ released: false, floor: { state: 'TAKEN' } })
    expect(await ben.otherDevice().release('r1')).toMatchObject({ released: false })
    expect(await told()).toHaveLength(1)
    expect((await floor()).state).toBe('TAKEN')
  })

  scene('21.1 new presses are limited per session to a rate, and twice as many at once', async ({ anotherEngine }) => {
    await using stage = await anotherEngine(5)
    for (let n = 0; n < 10; n++) {
      await stage.ben.talk(`r${n}`)
      await stage.ben.release(`r${n}`)
    }
    expect(await stage.ben.press('r10')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: 200 })
    expect((await stage.ben.otherDevice().press('r0')).outcome).toBe('GRANTED')
    await stage.advance(199)
    expect(await stage.ben.press('r11')).toMatchObject({ denyReason: 'RETRY_AFTER', retryAfterMs: 1 })
    await stage.advance(1)
    expect(await stage.ben.press('r12')).toMatchObject({ denyReason: 'HELD_BY_OWN_DEVICE' })
    expect(await stage.ben.press('r13')).toMatchObject({ denyReason: 'RETRY_AFTER', retryAfterMs: 200 })
  })

  scene('21.2 repeats, releases and renewals are never limited', async ({ anotherEngine }) => {
    await using stage = await anotherEngine(1)
    const burst = await stage.ben.talk('r1')
    await stage.ben.press('r2')
    expect((await stage.ben.press('r3')).denyReason).toBe('RETRY_AFTER')
    for (let n = 0; n < 30; n++) {
      expect((await stage.ben.press('r1')).outcome).toBe('GRANTED')
      expect((await stage.ben.renew(burst.id)).renewed).toBe(true)
      expect((await stage.ben.release('r1')).released).toBe(false)
    }
    expect((await stage.ben.release('r2')).released).toBe(true)
  })

  scene('21.3 a refusal by rate is not remembered', async ({ anotherEngine }) => {
    await using stage = await anotherEngine(1)
    await stage.ben.talk('r1')
    await stage.ben.press('r2')
    expect((await stage.ben.press('r3')).denyReason).toBe('RETRY_AFTER')
    await stage.ben.release('r2')
    await stage.advance(1_000)
    expect((await stage.ben.press('r3')).outcome).toBe('GRANTED')
  })
}
