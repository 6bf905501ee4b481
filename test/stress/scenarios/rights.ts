import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import {
  AssignGroupManagerDocument,
  DeleteGroupDocument,
  DisableUserDocument,
  LogoutDocument,
  RemoveGroupMemberDocument,
  ResetUserPasswordDocument,
  RevokeTalkDocument,
  UpdateGroupMemberDocument,
} from '../../generated/operations.ts'
import { Stopwatch } from '../../support/machine.ts'
import type { Device } from '../people.ts'
import { busy, patient } from '../scenario.ts'
import { beat, codeOf, floorOf, join, outcomeOf, press, release, renew, talk } from '../talk.ts'
import { until } from '../until.ts'
import { hear } from './queue.ts'

/** A right that ends, ends everywhere within this. */
const AT_ONCE_MS = 1_000

/** Rights change at A and are used at B. */
export const rights = [
  busy('a member is removed at A while it talks and listens at B: both end within 1 s', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    const here = await stage.watch(stage.socket(ben, stage.b), groupId)
    const overSse = await stage.watch(ben.at(stage.b), groupId)
    const burst = await talk(ben.at(stage.b), groupId, 'b')
    await stage.adminAt(stage.a).get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.userId } })
    const since = new Stopwatch()
    expect((await floor.next('IDLE', AT_ONCE_MS)).previous).toMatchObject({ id: burst.id, endReason: 'MEMBER_REMOVED' })
    for (const watch of [here, overSse]) expect(await watch.ended(AT_ONCE_MS)).toBe('ACCESS_REVOKED')
    await until(
      'refused',
      async () => (await outcomeOf(ben.at(stage.b), groupId, `x${performance.now()}`.replace('.', '_'))) === 'NOT_FOUND',
    )
    since.expect(AT_ONCE_MS)
  }),

  patient('a member is removed at A while it presses without end at B: no burst of it is left', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    const pressing = stage.keepOn((n) => outcomeOf(ben.at(stage.b), groupId, `p${n}`), 10)
    await sleep(stage.random.between(50, 300))
    await stage.adminAt(stage.a).get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.userId } })
    await sleep(AT_ONCE_MS)
    await pressing.stop()
    const { state } = await floorOf(maya.at(stage.b), groupId)
    expect(state).toBe('IDLE')
    await stage.converged(groupId, maya)
    const { endReason } = floor.events.findLast(({ previous }) => previous !== null)?.previous ?? {}
    expect(endReason).toBe('MEMBER_REMOVED')
  }),

  patient('a member is removed at A and made a member again at once: its new burst is not ended by the old removal', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    for (let round = 0; round < 3; round++) {
      await talk(ben.at(stage.b), groupId, `old${round}`)
      await stage.adminAt(stage.a).get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.userId } })
      await stage.addMember(groupId, ben, 'NORMAL', stage.b)
      const { id } = await talk(ben.at(stage.a), groupId, `new${round}`)
      await sleep(700)
      const ended = floor.events.find(({ previous }) => previous?.id === id)?.previous?.endReason
      expect({ ended, ...(await renew(ben.at(stage.b), groupId, id)) }).toMatchObject({ ended: undefined, renewed: true })
      await release(ben.at(stage.b), groupId, `new${round}`)
    }
  }),

  busy('a device is signed out at A: its socket at B is closed 4401 and its burst ends within 1 s', async (stage) => {
    const { groupId, maya } = await stage.trio()
    const eve = await stage.newcomer()
    await stage.addMember(groupId, eve)
    const [floor] = await stage.watchBoth(maya, groupId)
    const socket = stage.socket(eve, stage.b)
    const listening = await stage.watch(socket, groupId)
    await talk(socket, groupId, 'e')
    await eve.at(stage.a).get(LogoutDocument, {})
    const since = new Stopwatch()
    expect((await floor.next('IDLE', AT_ONCE_MS)).previous?.endReason).toBe('SESSION_REVOKED')
    expect(await listening.ended(AT_ONCE_MS)).toBe('SESSION_REVOKED')
    expect((await socket.closed).code).toBe(4401)
    since.expect(AT_ONCE_MS)
    expect(await outcomeOf(eve.at(stage.b), groupId, 'later')).toBe('SESSION_REVOKED')
  }),

  busy('a user is disabled at A: all of its devices at both instances end within 1 s, the others hear why', async (stage) => {
    const { groupId, maya } = await stage.trio()
    const eve = await stage.newcomer()
    await stage.addMember(groupId, eve)
    const devices = [eve, await eve.other(), await eve.other()]
    const [floor] = await stage.watchBoth(maya, groupId)
    const presence = await stage.watchPresence(maya.at(stage.b), groupId)
    const sockets = devices.map((device, n) => stage.socket(device, n === 0 ? stage.a : stage.b))
    for (const socket of sockets) await join(socket, groupId)
    await talk(sockets[1] ?? eve.at(stage.b), groupId, 'e')
    await stage.adminAt(stage.a).get(DisableUserDocument, { input: { userId: eve.userId } })
    const since = new Stopwatch()
    expect((await floor.next('IDLE', AT_ONCE_MS)).previous?.endReason).toBe('SESSION_REVOKED')
    await presence.next('LEFT', AT_ONCE_MS)
    expect((await Promise.all(sockets.map(({ closed }) => closed))).map(({ code }) => code)).toEqual([4401, 4401, 4401])
    since.expect(AT_ONCE_MS)
  }),

  busy('a password is reset at A while devices are open at both instances: each of them is signed out within 1 s', async (stage) => {
    const { groupId } = await stage.trio()
    const eve = await stage.newcomer()
    await stage.addMember(groupId, eve)
    const devices = [eve, await eve.other(), await eve.other()]
    const streams = await Promise.all(devices.map((device) => stage.watch(device.at(stage.either), groupId)))
    const input = { userId: eve.userId, newPassword: 'another long password' }
    await stage.adminAt(stage.a).get(ResetUserPasswordDocument, { input })
    const ends = await Promise.all(streams.map((stream) => stream.ended(AT_ONCE_MS)))
    expect(ends).toEqual(['SESSION_REVOKED', 'SESSION_REVOKED', 'SESSION_REVOKED'])
  }),

  busy(
    'a group is deleted at A while devices press at both: whoever listens at B hears CLOSED last, and nothing comes back',
    async (stage) => {
      const { groupId, manager, members } = await stage.team(6)
      const watches = await stage.watchBoth(manager, groupId)
      const pressing = members.map((device) =>
        stage.keepOn(async (n) => {
          await outcomeOf(device.at(stage.either), groupId, `p${n}`)
          await outcomeOf(device.at(stage.either), groupId, `p${n}`)
        }, 10),
      )
      await sleep(stage.random.between(100, 400))
      await stage.adminAt(stage.a).get(DeleteGroupDocument, { input: { groupId } })
      for (const watch of watches) {
        expect(await watch.ended(AT_ONCE_MS)).toBe('GROUP_CLOSED')
        expect(watch.last).toMatchObject({ kind: 'CLOSED', floor: { state: 'CLOSED', burst: null } })
      }
      await sleep(AT_ONCE_MS)
      await Promise.all(pressing.map((one) => one.stop()))
      for (const place of [stage.a, stage.b])
        for (const device of members) expect(await outcomeOf(device.at(place), groupId, 'last')).toBe('NOT_FOUND')
    },
  ),

  busy('a manager hands over at A during a burst: at B the new one stops it, and the old one may not', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio()
    const [floor] = await stage.watchBoth(cleo, groupId)
    const ended = await talk(cleo.at(stage.a), groupId, 'before')
    await release(cleo.at(stage.a), groupId, 'before')
    const burst = await talk(cleo.at(stage.a), groupId, 'c')
    await stage.adminAt(stage.a).get(AssignGroupManagerDocument, { input: { groupId, userId: ben.userId } })
    const revoke = (device: Device, burstId: string) => device.at(stage.b).ask(RevokeTalkDocument, { input: { groupId, burstId } })
    const isForbidden = async () => codeOf(await revoke(maya, ended.id)) === 'FORBIDDEN'
    await until('the old manager is refused', isForbidden, AT_ONCE_MS)
    expect((await revoke(ben, burst.id)).data?.revokeTalk.revoked).toBe(true)
    expect((await floor.next(({ previous }) => previous?.id === burst.id)).previous).toMatchObject({
      endReason: 'REVOKED_BY_MANAGER',
      revokedBy: { id: ben.userId },
    })
  }),

  busy('a member loses the right to talk at A while it talks at B: the burst ends, its listening and presence stay', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    const listening = await stage.watch(stage.socket(ben, stage.b), groupId)
    const toBen = await hear(stage, ben.at(stage.b), groupId)
    await talk(ben.at(stage.b), groupId, 'b')
    const input = { groupId, userId: ben.userId, canTalk: false }
    await stage.adminAt(stage.a).get(UpdateGroupMemberDocument, { input })
    expect(await toBen.next('REVOKED', AT_ONCE_MS)).toMatchObject({ endReason: 'NO_PERMISSION', graceMs: 0 })
    expect((await floor.next('IDLE', AT_ONCE_MS)).previous?.endReason).toBe('NO_PERMISSION')
    await listening.next('IDLE', AT_ONCE_MS)
    await until(
      'RECEIVE_ONLY at B',
      async () => (await press(ben.at(stage.b), groupId, `n${Date.now()}`)).denyReason === 'RECEIVE_ONLY',
      AT_ONCE_MS,
    )
    expect(await beat(ben.at(stage.b), groupId)).toEqual([groupId])
    expect(listening.endCode).toBeUndefined()
  }),

  busy('a stop at A reaches the speaker at B, and its late renewals revive nothing', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    const toBen = await hear(stage, ben.at(stage.b), groupId)
    for (let round = 0; round < 5; round++) {
      const { id } = await talk(ben.at(stage.b), groupId, `b${round}`)
      const hammering = stage.keepOn(() => renew(ben.at(stage.b), groupId, id))
      await maya.at(stage.a).get(RevokeTalkDocument, { input: { groupId, burstId: id } })
      expect(await toBen.next('REVOKED', AT_ONCE_MS)).toMatchObject({ burst: { id }, endReason: 'REVOKED_BY_MANAGER' })
      await hammering.stop()
      expect((await floor.next('IDLE', AT_ONCE_MS)).previous?.id).toBe(id)
    }
    await stage.converged(groupId, maya)
  }),

  busy('people sign in at A and talk at B in the same breath: none is taken for a stranger', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watchBoth(maya, groupId)
    for (let round = 0; round < 8; round++) {
      const device = await ben.other()
      expect(await outcomeOf(device.at(stage.b), groupId, 'r')).toBe('GRANTED')
      await release(device.at(stage.b), groupId, 'r')
    }
  }),

  busy('people are made members at A and join at B in the same breath: no group is unknown to them', async (stage) => {
    const { groupId, maya } = await stage.trio()
    const newcomers = await stage.people(8)
    await Promise.all(
      newcomers.map(async (device) => {
        await stage.addMember(groupId, device)
        expect((await join(device.at(stage.b), groupId)).group?.id).toBe(groupId)
      }),
    )
    const fresh = await stage.group(maya, newcomers)
    expect((await floorOf(maya.at(stage.b), fresh)).state).toBe('IDLE')
    expect(await outcomeOf(newcomers[0]?.at(stage.b) ?? maya.at(stage.b), fresh, 'first')).toBe('GRANTED')
  }),
]
