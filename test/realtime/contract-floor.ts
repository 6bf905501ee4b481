import { expect } from 'vitest'
import { type ConnectionId, newId } from '../../src/ids.ts'
import type { Scene } from './contract-stage.ts'

/** Rules 1 to 3 and 5 to 7: one holder, its lease and its limit. */
export function floorRules(scene: Scene) {
  scene('1.2 of fifty who press at once exactly one is granted, and all others are told who talks', async ({ enter, told }) => {
    const all = Array.from({ length: 50 }, (_, n) => enter(`u${n}`))
    const answers = await Promise.all(all.map((one) => one.press('r')))
    const granted = answers.filter(({ outcome }) => outcome === 'GRANTED')
    expect(granted).toHaveLength(1)
    const speaker = granted[0]?.burst?.speaker.id
    for (const answer of answers) expect(answer.floor.burst?.speaker.id).toBe(speaker)
    expect(answers.filter(({ denyReason }) => denyReason === 'FLOOR_TAKEN')).toHaveLength(49)
    expect(await told()).toHaveLength(1)
  })

  scene('1.2 of fifty who press at once and wait, each has a place of its own', async ({ enter, floor }) => {
    const all = Array.from({ length: 50 }, (_, n) => enter(`u${n}`))
    const answers = await Promise.all(all.map((one) => one.wait('r', { queueCapacity: 49 })))
    const places = answers.map(({ queuePosition }) => queuePosition ?? 0).toSorted((a, b) => a - b)
    expect(places).toEqual(Array.from({ length: 50 }, (_, n) => n))
    expect((await floor()).queueLength).toBe(49)
  })

  scene('1.3 what fell due is settled in order before an operation is answered', async ({ ben, cleo, advance, told, recorded }) => {
    const burst = await ben.talk('r1')
    await cleo.wait('r2')
    await advance(6_000)
    expect(await ben.press('r3')).toMatchObject({ outcome: 'GRANTED' })
    expect(await told()).toEqual([
      ['TAKEN', 'ben', null],
      ['QUEUE', 'ben', null],
      ['TAKEN', 'cleo', 'CONNECTION_LOST'],
      ['IDLE', null, 'NOT_STARTED'],
      ['TAKEN', 'ben', null],
    ])
    expect(recorded().flatMap(({ endedAt }) => (endedAt === null ? [] : [endedAt - burst.startedAt]))).toEqual([4_000, 4_000])
  })

  scene('1.4 when limit and lease run out at one instant, the limit is the reason', async ({ ben, advance, keepTalking, told }) => {
    const burst = await ben.talk('r1', { talkLimitMs: 5_000 })
    await keepTalking(ben, burst.id, 1_000)
    await advance(4_000)
    expect((await told()).at(-1)).toEqual(['IDLE', null, 'TALK_LIMIT'])
  })

  scene('1.5 groups are independent: one can talk in each', async ({ ben, cleo, enter, floor }) => {
    const burst = await ben.talk('r1')
    const elsewhere = enter('dan', newId())
    expect((await elsewhere.press('r1')).outcome).toBe('GRANTED')
    expect(await elsewhere.release('r1')).toMatchObject({ released: true })
    expect((await floor()).burst?.id).toBe(burst.id)
    expect((await cleo.press('r1')).outcome).toBe('DENIED')
  })

  scene('2.1 fencing tokens grow with every grant, also within one instant', async ({ ben }) => {
    let last = 0n
    for (let n = 0; n < 20; n++) {
      const burst = await ben.talk(`r${n}`)
      expect(burst.fencingToken).toBeGreaterThan(last)
      last = burst.fencingToken
      await ben.release(`r${n}`)
    }
  })

  scene('2.1 a fencing token is the time of its grant in microseconds', async ({ ben, advance }) => {
    await advance(1_234)
    const { fencingToken, startedAt } = await ben.talk('r1')
    expect(fencingToken).toBeGreaterThanOrEqual(BigInt(startedAt) * 1_000n)
    expect(fencingToken).toBeLessThan(BigInt(startedAt + 1) * 1_000n)
  })

  scene('2.2 a release, renewal or revoke of an older burst never touches a newer one', async ({ ben, cleo, advance, floor, told }) => {
    const first = await ben.talk('r1')
    await advance(4_000)
    const second = await cleo.talk('r2')
    expect(await ben.release('r1')).toMatchObject({ released: true, floor: { burst: { id: second.id } } })
    expect(await ben.renew(first.id)).toMatchObject({ renewed: false, floor: { burst: { id: second.id } } })
    expect(await ben.revoke(first.id)).toMatchObject({ revoked: false, floor: { burst: { id: second.id } } })
    expect((await floor()).burst?.id).toBe(second.id)
    expect(await told()).toEqual([
      ['TAKEN', 'ben', null],
      ['IDLE', null, 'CONNECTION_LOST'],
      ['TAKEN', 'cleo', null],
    ])
  })

  scene("2.2 an older burst's deadlines never touch a newer one of the same device", async ({ ben, advance, keepTalking, floor }) => {
    await ben.talk('r1', { talkLimitMs: 5_000 })
    await advance(1_000)
    await ben.release('r1')
    const second = await ben.talk('r2')
    await keepTalking(ben, second.id, 10_000)
    expect((await floor()).burst?.id).toBe(second.id)
  })

  scene('3.1 a refusal is an answer that names who talks', async ({ ben, cleo }) => {
    const burst = await ben.talk('r1')
    const answer = await cleo.press('r2')
    expect(answer).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN', burst: null, remainingMs: null, queuePosition: null })
    expect(answer.floor).toMatchObject({ state: 'TAKEN', burst: { id: burst.id, speaker: ben.person } })
  })

  scene('3.2 who meets a taken floor is told how long its burst can last', async ({ ben, cleo, dan, advance }) => {
    await ben.talk('r1', { talkLimitMs: 20_000 })
    await advance(3_000)
    const retryAfterMs = 17_000
    expect(await cleo.press('r1')).toMatchObject({ denyReason: 'FLOOR_TAKEN', retryAfterMs })
    expect(await ben.otherDevice().press('r1')).toMatchObject({ denyReason: 'HELD_BY_OWN_DEVICE', retryAfterMs })
    await cleo.wait('r2', { queueCapacity: 1 })
    expect(await dan.wait('r1', { queueCapacity: 1 })).toMatchObject({ denyReason: 'QUEUE_FULL', retryAfterMs })
  })

  scene('3.3 being alone is no reason; listenerCount counts other users, not their devices', async ({ ben, cleo }) => {
    expect(await ben.press('alone')).toMatchObject({ outcome: 'GRANTED', listenerCount: 0 })
    await ben.release('alone')
    await cleo.join()
    await cleo.otherDevice().join()
    await ben.otherDevice().join()
    expect((await ben.press('heard')).listenerCount).toBe(1)
  })

  scene(
    '3.4 rights and mute are judged before the own wait, and that before who talks',
    async ({ engine, groupId, ben, cleo, keepTalking }) => {
      const burst = await ben.talk('r1', { talkLimitMs: 5_000 })
      await keepTalking(ben, burst.id, 5_000)
      await ben.otherDevice().talk('r1')
      expect(await ben.press('r2')).toMatchObject({ denyReason: 'RETRY_AFTER' })
      expect(await ben.press('r3', { canTalk: false })).toMatchObject({ denyReason: 'RECEIVE_ONLY', retryAfterMs: null })
      await engine.muteMember({ groupId, userId: ben.person.id, durationMs: 60_000, by: cleo.person })
      expect(await ben.press('r4')).toMatchObject({ denyReason: 'RECEIVE_ONLY', retryAfterMs: 60_000 })
      expect(await ben.press('r2')).toMatchObject({ denyReason: 'RETRY_AFTER' })
      await engine.closeGroup(groupId)
      expect(await ben.press('r5')).toMatchObject({ denyReason: 'GROUP_CLOSED' })
      expect(await ben.press('r4')).toMatchObject({ denyReason: 'RECEIVE_ONLY' })
    },
  )

  scene('5.1 a burst that is not renewed for 4 s ends CONNECTION_LOST, dated when the lease ran out', async (stage) => {
    const burst = await stage.ben.talk('r1')
    await stage.advance(3_999)
    expect((await stage.floor()).state).toBe('TAKEN')
    await stage.advance(501)
    expect(await stage.told()).toEqual([
      ['TAKEN', 'ben', null],
      ['IDLE', null, 'CONNECTION_LOST'],
    ])
    expect(stage.floorEvents[1]?.previous?.endedAt).toBe(burst.startedAt + 4_000)
  })

  scene('5.2 a renewal begins the lease anew, and so do a repeat and a new name', async ({ ben, advance, floor }) => {
    const burst = await ben.talk('r1')
    await advance(3_900)
    expect(await ben.renew(burst.id)).toMatchObject({ renewed: true, remainingMs: 26_100 })
    await advance(3_900)
    await ben.press('r1')
    await advance(3_900)
    await ben.press('r2')
    await advance(3_900)
    expect(await floor()).toMatchObject({ state: 'TAKEN', burst: { id: burst.id } })
  })

  scene('5.2 nothing else renews: neither a heartbeat nor joining, nor what others do', async ({ ben, cleo, advance, floor }) => {
    await ben.talk('r1')
    await advance(3_900)
    await ben.heartbeat()
    await ben.join()
    await cleo.press('r2')
    await cleo.release('r2')
    await advance(100)
    expect((await floor()).state).toBe('IDLE')
  })

  scene('5.3 a renewal that comes too late performs the expiry and revives nothing', async ({ ben, advance }) => {
    const burst = await ben.talk('r1')
    await advance(4_000)
    expect(await ben.renew(burst.id)).toMatchObject({ renewed: false, remainingMs: null, floor: { state: 'IDLE' } })
    expect(await ben.press('r1')).toMatchObject({ outcome: 'ENDED', burst: { endReason: 'CONNECTION_LOST' } })
  })

  scene('5.4 when the connection of the last press closes, 2 s are left', async ({ ben, advance, floor }) => {
    await ben.talk('r1')
    await ben.disconnect()
    await advance(1_999)
    expect((await floor()).state).toBe('TAKEN')
    await advance(1)
    expect((await floor()).state).toBe('IDLE')
  })

  scene('5.4 a closing connection lengthens nothing', async ({ ben, advance, floor }) => {
    await ben.talk('r1')
    await advance(3_000)
    await ben.disconnect()
    await advance(1_000)
    expect((await floor()).state).toBe('IDLE')
  })

  scene('5.4 a closing connection shortens the lease also of a device that is not present any more', async (stage) => {
    const burst = await stage.ben.talk('r1')
    await stage.keepTalking(stage.ben, burst.id, 10_400)
    expect(await stage.everyone()).toEqual([])
    await stage.ben.disconnect()
    await stage.advance(2_000)
    expect((await stage.floor()).state).toBe('IDLE')
  })

  scene('5.5 a closing connection shortens nothing renewed over another one, or over none', async ({ ben, advance, floor }) => {
    const burst = await ben.talk('r1')
    const elsewhere = ben.over(newId<ConnectionId>())
    await elsewhere.renew(burst.id)
    await ben.disconnect()
    await advance(3_900)
    expect((await floor()).state).toBe('TAKEN')
    await ben.over(null).renew(burst.id)
    await elsewhere.disconnect()
    await advance(3_900)
    expect((await floor()).state).toBe('TAKEN')
  })

  scene('5.6 a shortened lease is whole again once another connection renews', async ({ ben, advance, floor }) => {
    const burst = await ben.talk('r1')
    await ben.disconnect()
    await advance(1_500)
    await ben.over(newId<ConnectionId>()).renew(burst.id)
    await advance(3_900)
    expect((await floor()).state).toBe('TAKEN')
  })

  scene('6.1 a lapse is told although nobody asks', async ({ ben, advance, floorEvents }) => {
    await ben.talk('r1')
    await advance(4_500)
    expect(floorEvents.map(({ kind }) => kind)).toEqual(['TAKEN', 'IDLE'])
  })

  scene('6.2 a lapse is one event, however many look for it', async ({ ben, cleo, advance, floor, told, recorded }) => {
    const burst = await ben.talk('r1')
    await advance(4_000)
    await Promise.all([ben.renew(burst.id), cleo.renew(burst.id), floor(), ben.release('r1'), cleo.revoke(burst.id), floor()])
    await advance(60_000)
    expect(await told()).toEqual([
      ['TAKEN', 'ben', null],
      ['IDLE', null, 'CONNECTION_LOST'],
    ])
    expect(recorded()).toHaveLength(2)
  })

  scene(
    '7.2 the limit is counted from the grant; no renewal, repeat or new name moves it',
    async ({ ben, advance, keepTalking, floor }) => {
      const { id, startedAt, expiresAt } = await ben.talk('r1', { talkLimitMs: 5_000 })
      expect(expiresAt).toBe(startedAt + 5_000)
      await keepTalking(ben, id, 2_000)
      expect((await ben.press('r1')).burst).toMatchObject({ expiresAt })
      expect((await ben.press('r2', { talkLimitMs: 60_000 })).burst).toMatchObject({ expiresAt })
      expect(await ben.renew(id)).toMatchObject({ remainingMs: 3_000 })
      await keepTalking(ben, id, 2_999)
      expect((await floor()).state).toBe('TAKEN')
      await advance(1)
      expect((await floor()).state).toBe('IDLE')
    },
  )

  scene('7.3 a short limit is warned of when half of it is over, once', async ({ ben, keepTalking, hear }) => {
    const heard = await hear(ben)
    const burst = await ben.talk('r1', { talkLimitMs: 6_000 })
    await keepTalking(ben, burst.id, 2_999)
    expect(heard).toEqual([])
    await keepTalking(ben, burst.id, 1)
    expect(heard).toMatchObject([{ kind: 'LIMIT_WARNING', requestId: 'r1', remainingMs: 3_000, burst: { id: burst.id } }])
    await keepTalking(ben, burst.id, 2_900)
    expect(heard).toHaveLength(1)
  })

  scene('7.3 a long limit is warned of 5 s before', async ({ ben, keepTalking, hear }) => {
    const heard = await hear(ben)
    const burst = await ben.talk('r1', { talkLimitMs: 30_000 })
    await keepTalking(ben, burst.id, 24_999)
    expect(heard).toEqual([])
    await keepTalking(ben, burst.id, 1)
    expect(heard).toMatchObject([{ kind: 'LIMIT_WARNING', remainingMs: 5_000 }])
  })

  scene('7.4 the talk limit ends a burst however it is renewed, and tells the holder', async ({ ben, keepTalking, hear, floorEvents }) => {
    const heard = await hear(ben)
    const burst = await ben.talk('r1', { talkLimitMs: 5_000 })
    await keepTalking(ben, burst.id, 5_000)
    const end = { endReason: 'TALK_LIMIT', endedAt: burst.expiresAt }
    expect(heard.slice(1)).toMatchObject([{ kind: 'REVOKED', endReason: 'TALK_LIMIT', graceMs: 0, requestId: 'r1', burst: end }])
    expect(floorEvents.at(-1)).toMatchObject({ kind: 'IDLE', previous: end })
  })

  scene('7.5 after its talk limit a session waits 3 s; others and its other device do not', async ({ ben, cleo, advance, keepTalking }) => {
    const burst = await ben.talk('r1', { talkLimitMs: 5_000 })
    await keepTalking(ben, burst.id, 5_000)
    expect(await ben.press('r2')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: 3_000 })
    expect((await cleo.press('r3')).outcome).toBe('GRANTED')
    await cleo.release('r3')
    await ben.otherDevice().talk('r1')
    expect(await ben.wait('r4')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
    await advance(2_999)
    expect(await ben.press('r5')).toMatchObject({ denyReason: 'RETRY_AFTER', retryAfterMs: 1 })
    await advance(1_001)
    expect((await ben.press('r6')).outcome).toBe('GRANTED')
  })

  scene("2.2 a renewal of the device's own older burst renews nothing", async ({ ben, floor, advance }) => {
    const first = await ben.talk('r1')
    await ben.release('r1')
    await ben.talk('r2')
    await advance(3_000)
    expect(await ben.renew(first.id)).toMatchObject({ renewed: false, remainingMs: null, floor: { state: 'TAKEN' } })
    await advance(1_000)
    expect((await floor()).state).toBe('IDLE')
  })
}
