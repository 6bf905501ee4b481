import { expect } from 'vitest'
import { type BurstId, type GroupId, newId } from '../../src/ids.ts'
import type { Scene } from './contract-stage.ts'

/** Rules 10 to 12: whose floor it is, and who takes it away: revoke, mute, eviction, lost rights. */
export function rightsRules(scene: Scene) {
  scene("10.1 a user's second device is refused, whatever its priority, and does not wait", async ({ ben, told, floor }) => {
    const burst = await ben.talk('r1', { priority: 'LOW' })
    const refused = { outcome: 'DENIED', denyReason: 'HELD_BY_OWN_DEVICE', queuePosition: null, floor: { burst: { id: burst.id } } }
    const second = ben.otherDevice()
    expect(await second.press('r1')).toMatchObject(refused)
    expect(await second.wait('r2', { priority: 'HIGH' })).toMatchObject(refused)
    expect(await second.press('r3', { priority: 'EMERGENCY', preemptGraceMs: 0 })).toMatchObject(refused)
    expect(await floor()).toMatchObject({ state: 'TAKEN', queueLength: 0 })
    expect(await told()).toHaveLength(1)
  })

  scene("10.2 nothing that the second device does ends the first one's burst", async ({ engine, groupId, ben, advance, floor }) => {
    const burst = await ben.talk('r1')
    const second = ben.otherDevice()
    await second.press('r1')
    expect(await second.release('r1')).toMatchObject({ released: false, floor: { burst: { id: burst.id } } })
    expect(await second.renew(burst.id)).toMatchObject({ renewed: false })
    await second.disconnect()
    await second.leave()
    await engine.evict({ groupId, userId: second.person.id, sessionId: second.sessionId, reason: 'SESSION_REVOKED' })
    await advance(3_999)
    expect((await floor()).burst?.id).toBe(burst.id)
  })

  scene('11.1 a revoke ends the burst at once, names who revoked, and tells the device', async ({ ben, cleo, hear, told, floorEvents }) => {
    const heard = await hear(ben)
    const burst = await ben.talk('r1')
    expect(await cleo.revoke(burst.id)).toMatchObject({ revoked: true, floor: { state: 'IDLE' } })
    await told()
    expect(floorEvents.at(-1)?.previous).toMatchObject({ endReason: 'REVOKED_BY_MANAGER', revokedBy: cleo.person })
    expect(heard).toMatchObject([{ kind: 'REVOKED', endReason: 'REVOKED_BY_MANAGER', graceMs: 0, requestId: 'r1' }])
    expect((await ben.press('r1')).outcome).toBe('ENDED')
    expect((await ben.press('r2')).outcome).toBe('GRANTED')
  })

  scene('11.1 after a revoke the next who waits is served', async ({ ben, cleo, dan, told }) => {
    const burst = await ben.talk('r1')
    await dan.wait('r2')
    expect(await cleo.revoke(burst.id)).toMatchObject({ revoked: true, floor: { burst: { speaker: dan.person } } })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'REVOKED_BY_MANAGER'])
  })

  scene('11.2 a revoke of a burst that has ended, or never was, changes nothing', async ({ ben, cleo, dan, told }) => {
    const burst = await ben.talk('r1')
    await ben.release('r1')
    await dan.talk('r2')
    for (const id of [burst.id, newId<BurstId>()])
      expect(await cleo.revoke(id)).toMatchObject({ revoked: false, floor: { state: 'TAKEN', burst: { speaker: dan.person } } })
    expect(await told()).toHaveLength(3)
  })

  scene('11.3 a revoke during the grace does not wait for it', async ({ cleo, duringGrace, told }) => {
    const { burst } = await duringGrace()
    expect(await cleo.revoke(burst.id)).toMatchObject({ revoked: true, floor: { state: 'TAKEN', queueLength: 0 } })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'REVOKED_BY_MANAGER'])
  })

  scene("11.4 a mute ends the user's burst, naming who muted", async ({ engine, groupId, ben, cleo, hear, told, floorEvents }) => {
    const heard = await hear(ben)
    await ben.talk('r1')
    await engine.muteMember({ groupId, userId: ben.person.id, durationMs: 5_000, by: cleo.person })
    expect((await told()).at(-1)).toEqual(['IDLE', null, 'REVOKED_BY_MANAGER'])
    expect(floorEvents.at(-1)?.previous?.revokedBy).toEqual(cleo.person)
    expect(heard).toMatchObject([{ kind: 'REVOKED', endReason: 'REVOKED_BY_MANAGER', graceMs: 0, floor: { state: 'IDLE' } }])
  })

  scene('11.4 a mute during the grace does not wait for it', async ({ engine, groupId, ben, cleo, duringGrace, told }) => {
    await duringGrace()
    await engine.muteMember({ groupId, userId: ben.person.id, durationMs: 5_000, by: cleo.person })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'REVOKED_BY_MANAGER'])
  })

  scene(
    "11.5 a mute ends the user's entries, on all devices, before anybody is served",
    async ({ engine, groupId, ben, cleo, dan, ...stage }) => {
      const second = ben.otherDevice()
      await cleo.talk('c1')
      await ben.wait('b1')
      await second.wait('b2')
      await dan.wait('d1')
      const [one, two, behind] = [await stage.hear(ben), await stage.hear(second), await stage.hear(dan)]
      await engine.muteMember({ groupId, userId: ben.person.id, durationMs: 5_000, by: cleo.person })
      await stage.told()
      const denied = { kind: 'DENIED', denyReason: 'RECEIVE_ONLY', floor: { queueLength: 1 } }
      expect(one).toMatchObject([{ ...denied, requestId: 'b1' }])
      expect(two).toMatchObject([{ ...denied, requestId: 'b2' }])
      expect(behind.at(-1)).toMatchObject({ kind: 'QUEUED', queuePosition: 1 })
      expect(await ben.press('b1')).toMatchObject({ outcome: 'DENIED', denyReason: 'RECEIVE_ONLY', retryAfterMs: 5_000 })
      expect(await cleo.release('c1')).toMatchObject({ floor: { burst: { speaker: dan.person } } })
    },
  )

  scene('11.5 the floor never falls to the other device of who is muted', async ({ engine, groupId, ben, cleo, told, advance }) => {
    const second = ben.otherDevice()
    await cleo.talk('c1')
    await ben.wait('b1')
    await second.wait('b2')
    await cleo.release('c1')
    await engine.muteMember({ groupId, userId: ben.person.id, durationMs: 5_000, by: cleo.person })
    await advance(0)
    expect((await told()).filter(([kind]) => kind === 'TAKEN')).toHaveLength(2)
    expect((await told()).at(-1)).toEqual(['IDLE', null, 'REVOKED_BY_MANAGER'])
  })

  scene('11.6 who is muted is denied with the rest of the mute, on every device', async ({ engine, groupId, ben, cleo, advance }) => {
    await engine.muteMember({ groupId, userId: ben.person.id, durationMs: 50_000, by: cleo.person })
    await advance(15_000)
    const refused = { outcome: 'DENIED', denyReason: 'RECEIVE_ONLY', retryAfterMs: 35_000, floor: { state: 'IDLE' } }
    expect(await ben.press('r1', { priority: 'EMERGENCY' })).toMatchObject(refused)
    expect(await ben.otherDevice().wait('r1')).toMatchObject(refused)
    await advance(34_999)
    expect(await ben.press('r2')).toMatchObject({ denyReason: 'RECEIVE_ONLY', retryAfterMs: 1 })
    await advance(1)
    expect((await ben.press('r3')).outcome).toBe('GRANTED')
  })

  scene('11.7 a mute is of one user in one group, who goes on listening', async ({ engine, groupId, ben, cleo, present }) => {
    await ben.join()
    await engine.muteMember({ groupId, userId: ben.person.id, durationMs: 60_000, by: cleo.person })
    expect(await present()).toEqual([['JOINED', 'ben', 1]])
    const elsewhere = newId<GroupId>()
    expect((await engine.mutedUntil(elsewhere)).size).toBe(0)
    expect((await ben.elsewhere(elsewhere).press('r1')).outcome).toBe('GRANTED')
    expect((await cleo.press('c1')).outcome).toBe('GRANTED')
  })

  scene('11.8 a mute shows until when; a later one replaces it; unmuting ends it', async ({ engine, groupId, ben, cleo, now, advance }) => {
    const mute = (durationMs: number) => engine.muteMember({ groupId, userId: ben.person.id, durationMs, by: cleo.person })
    const until = async () => (await engine.mutedUntil(groupId)).get(ben.person.id)
    expect(await until()).toBeUndefined()
    expect(await mute(60_000)).toBe(now() + 60_000)
    expect(await until()).toBe(now() + 60_000)
    expect(await mute(2_000)).toBe(now() + 2_000)
    await advance(2_000)
    expect(await until()).toBeUndefined()
    await mute(86_400_000)
    await engine.unmuteMember({ groupId, userId: ben.person.id })
    expect(await until()).toBeUndefined()
    expect((await ben.press('r1')).outcome).toBe('GRANTED')
  })

  scene('12.1 an eviction ends burst, entries and presence of all devices of a user, with the reason', async (stage) => {
    const { engine, groupId, ben, cleo } = stage
    const second = ben.otherDevice()
    const heard = await stage.hear(second)
    await cleo.talk('c1')
    await second.wait('b2')
    await ben.wait('b1')
    const { burst } = (await cleo.release('c1')).floor
    await engine.evict({ groupId, userId: ben.person.id, reason: 'MEMBER_REMOVED' })
    expect((await stage.told()).at(-1)).toEqual(['IDLE', null, 'MEMBER_REMOVED'])
    expect((await stage.present()).at(-1)).toEqual(['LEFT', 'ben', 0])
    expect(await stage.everyone()).toEqual(['cleo'])
    expect(heard.at(-1)).toMatchObject({ kind: 'REVOKED', endReason: 'MEMBER_REMOVED', graceMs: 0 })
    expect(await second.renew(burst?.id ?? newId<BurstId>())).toMatchObject({ renewed: false })
    expect(await stage.floor()).toMatchObject({ state: 'IDLE', queueLength: 0 })
  })

  scene('12.1 an entry of who is evicted ends, and its repeat is CANCELLED', async ({ engine, groupId, ben, cleo, dan, hear, told }) => {
    const heard = await hear(dan)
    await ben.talk('b1')
    await cleo.wait('c1')
    await dan.wait('d1')
    await engine.evict({ groupId, userId: cleo.person.id, reason: 'MEMBER_REMOVED' })
    expect((await told()).at(-1)).toEqual(['QUEUE', 'ben', null])
    expect(heard).toMatchObject([{ kind: 'QUEUED', queuePosition: 1 }])
    expect((await cleo.wait('c1')).outcome).toBe('CANCELLED')
  })

  scene('12.2 an eviction of one session touches that device only', async ({ engine, groupId, ben, floor, present }) => {
    const second = ben.otherDevice()
    await second.join()
    const burst = await ben.talk('r1')
    const evict = (device: typeof ben) =>
      engine.evict({ groupId, userId: ben.person.id, sessionId: device.sessionId, reason: 'SESSION_REVOKED' })
    await evict(second)
    expect((await floor()).burst?.id).toBe(burst.id)
    await second.join()
    await evict(ben)
    expect(await floor()).toMatchObject({ state: 'IDLE' })
    expect((await present()).map(([kind, , devices]) => [kind, devices])).toEqual([
      ['JOINED', 1],
      ['UPDATED', 2],
      ['UPDATED', 1],
      ['UPDATED', 2],
      ['UPDATED', 1],
    ])
  })

  scene('12.3 an eviction without a group is from all groups', async ({ engine, ben, cleo, floor, everyone }) => {
    const elsewhere = newId<GroupId>()
    await ben.talk('r1')
    await ben.elsewhere(elsewhere).talk('r1')
    await cleo.join()
    await engine.evict({ userId: ben.person.id, reason: 'SESSION_REVOKED' })
    expect((await floor()).state).toBe('IDLE')
    expect((await engine.floorLog.read(elsewhere)).snapshot.state).toBe('IDLE')
    expect((await engine.presenceLog.read(elsewhere)).snapshot.everyone).toEqual([])
    expect(await everyone()).toEqual(['cleo'])
    expect(await ben.heartbeat()).toEqual([])
  })

  scene(
    '12.4 waiters go before the burst: the next who is served has kept the right to it',
    async ({ engine, groupId, ben, cleo, dan, told }) => {
      await cleo.talk('c1')
      await ben.wait('b1')
      await ben.otherDevice().wait('b2')
      await dan.wait('d1')
      await cleo.release('c1')
      await engine.evict({ groupId, userId: ben.person.id, reason: 'MEMBER_REMOVED' })
      expect((await told()).slice(-2)).toEqual([
        ['QUEUE', 'ben', null],
        ['TAKEN', 'dan', 'MEMBER_REMOVED'],
      ])
    },
  )

  scene('12.5 an eviction during the grace does not wait for it', async ({ engine, groupId, ben, duringGrace, told }) => {
    await duringGrace()
    await engine.evict({ groupId, userId: ben.person.id, reason: 'SESSION_REVOKED' })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'dan', 'SESSION_REVOKED'])
  })

  scene(
    '12.6 an eviction that is repeated, or of somebody who is not there, changes nothing',
    async ({ engine, groupId, ben, cleo, ...stage }) => {
      await ben.talk('r1')
      for (const userId of [cleo.person.id, ben.person.id, ben.person.id]) await engine.evict({ groupId, userId, reason: 'MEMBER_REMOVED' })
      expect(await stage.told()).toHaveLength(2)
      expect(await stage.present()).toHaveLength(2)
      expect(stage.recorded()).toHaveLength(2)
    },
  )

  scene(
    '12.7 who lost the right to talk is cut off NO_PERMISSION, and stays present',
    async ({ engine, groupId, ben, cleo, hear, told, present }) => {
      const heard = await hear(ben)
      await ben.talk('r1')
      await cleo.wait('r2')
      await engine.forbidTalk({ groupId, userId: ben.person.id })
      expect((await told()).at(-1)).toEqual(['TAKEN', 'cleo', 'NO_PERMISSION'])
      expect(heard).toMatchObject([{ kind: 'REVOKED', endReason: 'NO_PERMISSION', graceMs: 0, requestId: 'r1' }])
      expect((await present()).map(([kind]) => kind)).toEqual(['JOINED', 'JOINED'])
    },
  )

  scene(
    '12.7 an entry of who lost the right to talk ends DENIED RECEIVE_ONLY',
    async ({ engine, groupId, ben, cleo, hear, toldOfQueue, everyone }) => {
      const heard = await hear(cleo)
      await ben.talk('r1')
      await cleo.wait('r2')
      await engine.forbidTalk({ groupId, userId: cleo.person.id })
      expect((await toldOfQueue()).at(-1)).toEqual(['QUEUE', 'ben', 0])
      expect(heard).toMatchObject([{ kind: 'DENIED', denyReason: 'RECEIVE_ONLY', requestId: 'r2', floor: { queueLength: 0 } }])
      expect(await cleo.press('r2')).toMatchObject({ outcome: 'DENIED', denyReason: 'RECEIVE_ONLY', retryAfterMs: null })
      expect(await everyone()).toEqual(['ben', 'cleo'])
    },
  )

  scene('12 scenario: removed in the middle of a sentence', async ({ engine, groupId, ben, cleo, present, told }) => {
    const burst = await ben.talk('b1')
    await cleo.wait('c1')
    await engine.evict({ groupId, userId: ben.person.id, reason: 'MEMBER_REMOVED' })
    expect(await ben.renew(burst.id)).toMatchObject({ renewed: false, floor: { burst: { speaker: cleo.person } } })
    expect(await ben.release('b1')).toMatchObject({ floor: { burst: { speaker: cleo.person } } })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'cleo', 'MEMBER_REMOVED'])
    expect((await present()).at(-1)).toEqual(['LEFT', 'ben', 0])
  })
}
