import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AssignGroupManagerDocument,
  DeleteGroupDocument,
  DeleteUserDocument,
  DisableUserDocument,
  EnableUserDocument,
  FloorDocument,
  FloorMessageDocument,
  GroupDocument,
  GroupsDocument,
  HeartbeatDocument,
  JoinGroupDocument,
  LeaveGroupDocument,
  MeDocument,
  MuteMemberDocument,
  PresenceDocument,
  RemoveGroupMemberDocument,
  RevokeTalkDocument,
  SpeakerChangedDocument,
  TalkBurstsDocument,
  UpdateGroupMemberDocument,
  UpdateUserDocument,
  VoiceSessionsDocument,
} from '../generated/operations.ts'
import type { Client } from '../support/client.ts'
import { addMember, createPerson, createTeam, endCode, startWithAdmin } from '../support/people.ts'
import { hear, press, release, renew } from '../support/talk.ts'

const AT_ONCE = 1_000

describe.concurrent('rights that are taken away while people talk and listen', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let admin: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    admin = neda.admin
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const watchFloor = async (device: Client, groupId: string) => {
    const stream = await device.subscribeSse(SpeakerChangedDocument, { groupId })
    expect((await stream.received.next()).data?.speakerChanged.kind).toBe('SNAPSHOT')
    const nextOf = async (kind: string) =>
      (await stream.received.find(({ data }) => data?.speakerChanged.kind === kind, AT_ONCE)).data?.speakerChanged
    return { stream, nextOf, [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose]() }
  }

  test('who is removed from one group leaves it at once and stays in the others', async () => {
    const { groupId, ben, cleo, maya, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    const other = await createTeam(admin)
    await addMember(admin, other.groupId, ben.id)
    await using floor = await watchFloor(mayasWatch, groupId)
    await using presence = await mayasWatch.subscribeSse(PresenceDocument, { groupId })
    await using socket = bensWatch.openSocket()
    await using here = socket.subscribe(SpeakerChangedDocument, { groupId })
    await using there = socket.subscribe(SpeakerChangedDocument, { groupId: other.groupId })
    for (const { received } of [presence, here, there]) await received.next()
    const messages = await hear(bensWatch, groupId)
    for (const id of [groupId, other.groupId]) await bensWatch.get(JoinGroupDocument, { input: { groupId: id } })
    await press(cleosWatch, groupId, 'c1')
    expect(await press(bensWatch, groupId, 'b1', { queue: true })).toMatchObject({ outcome: 'QUEUED' })

    await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })
    expect(await endCode(here, AT_ONCE)).toBe('ACCESS_REVOKED')
    expect(await endCode(messages.stream, AT_ONCE)).toBe('ACCESS_REVOKED')
    await presence.received.find(({ data }) => data?.presence.kind === 'LEFT' && data.presence.member?.user.id === ben.id, AT_ONCE)
    expect((await floor.nextOf('QUEUE'))?.floor.queueLength).toBe(1)
    expect((await floor.nextOf('QUEUE'))?.floor).toMatchObject({ queueLength: 0, burst: { speaker: { id: cleo.id } } })
    expect((await bensWatch.get(HeartbeatDocument, { input: { groupIds: [groupId, other.groupId] } })).heartbeat.presentIn).toEqual([
      other.groupId,
    ])
    expect(await bensWatch.refusal(JoinGroupDocument, { input: { groupId } })).toBe('NOT_FOUND')
    await press(bensWatch, other.groupId, 'b2')
    expect((await there.received.next()).data?.speakerChanged.floor.burst?.speaker.id).toBe(ben.id)

    await addMember(admin, groupId, ben.id)
    await release(cleosWatch, groupId, 'c1')
    expect((await floor.nextOf('IDLE'))?.previous?.endReason, 'the entry of a former membership is not served').toBe('RELEASED')
    const { group } = await bensWatch.get(GroupDocument, { id: groupId })
    expect(group?.members.edges.map(({ node }) => node.user.id)).toEqual([maya.id, cleo.id, ben.id])
  })

  test('an admin who is removed from a group talks no more there, but goes on watching', async () => {
    const { groupId, cleosWatch } = await createTeam(admin)
    const ada = await createPerson(admin, 'Ada', 'ADMIN')
    await addMember(admin, groupId, ada.id)
    const desk = await ada.device()
    await using floor = await watchFloor(desk, groupId)
    const messages = await hear(desk, groupId)
    const { burst } = await press(desk, groupId, 'a1')
    await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ada.id } })
    expect((await floor.nextOf('IDLE'))?.previous).toMatchObject({ id: burst?.id, endReason: 'MEMBER_REMOVED' })
    expect(await endCode(messages.stream, AT_ONCE)).toBe('ACCESS_REVOKED')
    expect(await desk.refusal(JoinGroupDocument, { input: { groupId } })).toBe('FORBIDDEN')
    await press(cleosWatch, groupId, 'c1')
    expect((await floor.nextOf('TAKEN'))?.floor.burst?.speaker.displayName).toBe('Cleo')
  })

  test('a speaker who is disabled leaves the floor to who waits; enabled again, the member signs in anew', async () => {
    const { groupId, ben, bensWatch, cleo, cleosWatch } = await createTeam(admin)
    await using floor = await watchFloor(admin, groupId)
    const toCleo = await hear(cleosWatch, groupId)
    const { burst } = await press(bensWatch, groupId, 'b1')
    await press(cleosWatch, groupId, 'c1', { queue: true })
    await admin.get(DisableUserDocument, { input: { userId: ben.id } })
    await floor.nextOf('QUEUE')
    expect((await floor.stream.received.next(AT_ONCE)).data?.speakerChanged).toMatchObject({
      kind: 'TAKEN',
      previous: { id: burst?.id, endReason: 'SESSION_REVOKED' },
      floor: { burst: { speaker: { id: cleo.id } }, queueLength: 0 },
    })
    expect(await toCleo.next()).toMatchObject({ kind: 'GRANTED', requestId: 'c1' })
    await release(cleosWatch, groupId, 'c1')
    await admin.get(EnableUserDocument, { input: { userId: ben.id } })
    expect(await bensWatch.refusal(MeDocument, {})).toBe('SESSION_REVOKED')
    expect((await press(await ben.device(), groupId, 'b1')).outcome).toBe('GRANTED')
    await toCleo.stream[Symbol.asyncDispose]()
  })

  test('who waits and is deleted waits no more; the speaker goes on', async () => {
    const { groupId, ben, bensWatch, cleo, cleosWatch, mayasWatch } = await createTeam(admin)
    await using floor = await watchFloor(mayasWatch, groupId)
    await using presence = await mayasWatch.subscribeSse(PresenceDocument, { groupId })
    const { burst } = await press(bensWatch, groupId, 'b1')
    await press(cleosWatch, groupId, 'c1', { queue: true })
    await admin.get(DeleteUserDocument, { input: { userId: cleo.id } })
    expect((await floor.nextOf('QUEUE'))?.floor.queueLength).toBe(1)
    expect((await floor.nextOf('QUEUE'))?.floor).toMatchObject({ queueLength: 0, burst: { id: burst?.id, speaker: { id: ben.id } } })
    await presence.received.find(({ data }) => data?.presence.kind === 'LEFT' && data.presence.member?.user.id === cleo.id, AT_ONCE)
    expect((await renew(bensWatch, groupId, burst?.id)).renewed).toBe(true)
  })

  test('a group that is deleted says so to everybody, and then is gone', async () => {
    const { groupId, ben, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    const other = await createTeam(admin)
    await addMember(admin, other.groupId, ben.id)
    const [toBen, toCleo] = await Promise.all([hear(bensWatch, groupId), hear(cleosWatch, groupId)])
    await using socket = bensWatch.openSocket()
    await using overSocket = socket.subscribe(SpeakerChangedDocument, { groupId })
    await using elsewhere = socket.subscribe(SpeakerChangedDocument, { groupId: other.groupId })
    await using presence = await mayasWatch.subscribeSse(PresenceDocument, { groupId })
    for (const { received } of [overSocket, elsewhere, presence]) await received.next()
    await using overSse = await watchFloor(mayasWatch, groupId)
    await using byAdmin = await watchFloor(admin, groupId)
    const { burst } = await press(bensWatch, groupId, 'b1')
    await press(cleosWatch, groupId, 'c1', { queue: true })
    await sleep(50)

    await admin.get(DeleteGroupDocument, { input: { groupId } })
    for (const stream of [overSocket, overSse.stream, byAdmin.stream, presence, toBen.stream, toCleo.stream])
      expect(await endCode(stream, AT_ONCE)).toBe('GROUP_CLOSED')
    for (const { received } of [overSocket, overSse.stream, byAdmin.stream]) {
      const told = received.items.flatMap(({ data }) => data?.speakerChanged ?? [])
      expect(told.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN', 'QUEUE', 'CLOSED'])
      expect(told.at(-1)).toMatchObject({
        floor: { state: 'CLOSED', burst: null, queueLength: 0 },
        previous: { id: burst?.id, endReason: 'GROUP_CLOSED' },
      })
    }
    expect(toBen.stream.received.items.at(-2)?.data?.floorMessage).toMatchObject({ kind: 'REVOKED', endReason: 'GROUP_CLOSED', graceMs: 0 })
    expect(toCleo.stream.received.items.at(-2)?.data?.floorMessage).toMatchObject({
      kind: 'DENIED',
      denyReason: 'GROUP_CLOSED',
      requestId: 'c1',
    })
    const left = presence.received.items.flatMap(({ data }) =>
      data?.presence.kind === 'LEFT' ? [data.presence.member?.user.displayName] : [],
    )
    expect(new Set(left)).toEqual(new Set(['Ben', 'Cleo']))

    const input = { groupId }
    const burstId = burst?.id ?? ''
    for (const device of [bensWatch, mayasWatch, admin]) {
      for (const refusal of [
        device.refusal(FloorDocument, input),
        device.refusal(GroupDocument, { id: groupId }),
        device.refusal(TalkBurstsDocument, input),
        device.refusal(VoiceSessionsDocument, input),
        device.refusal(JoinGroupDocument, { input }),
        device.refusal(LeaveGroupDocument, { input }),
        device.refusal(RevokeTalkDocument, { input: { groupId, burstId } }),
        device.refusal(MuteMemberDocument, { input: { groupId, userId: ben.id, durationMs: 1_000 } }),
      ])
        expect(await refusal).toBe('NOT_FOUND')
      await expect(press(device, groupId, 'later')).rejects.toThrow('NOT_FOUND')
      await expect(press(device, groupId, 'b1')).rejects.toThrow('NOT_FOUND')
      await expect(renew(device, groupId, burstId)).rejects.toThrow('NOT_FOUND')
      await expect(release(device, groupId, 'b1')).rejects.toThrow('NOT_FOUND')
      await using late = await device.subscribeSse(FloorMessageDocument, input)
      expect(await endCode(late)).toBe('NOT_FOUND')
    }
    expect((await socket.get(GroupsDocument, {})).groups.edges.map(({ node }) => node.id)).toEqual([other.groupId])
    await press(bensWatch, other.groupId, 'b2')
    expect((await elsewhere.received.next(AT_ONCE)).data?.speakerChanged.kind).toBe('TAKEN')
  })

  test('a group that hundreds watch says to each of them that it was deleted', async () => {
    const { groupId } = await createTeam(admin)
    await using sockets = new AsyncDisposableStack()
    const streams = Array.from({ length: 20 }, () => sockets.use(admin.openSocket())).flatMap((socket) =>
      Array.from({ length: 30 }, () => socket.subscribe(SpeakerChangedDocument, { groupId })),
    )
    for (const { received } of streams) await received.next()
    await admin.get(DeleteGroupDocument, { input: { groupId } })
    const codes = await Promise.all(streams.map((stream) => endCode(stream)))
    const told = streams.map(({ received }) => received.items.map(({ data }) => data?.speakerChanged.kind))
    expect(new Set(codes)).toEqual(new Set(['GROUP_CLOSED']))
    expect(told.filter((kinds) => !kinds.includes('CLOSED')).length, 'not told').toBe(0)
  })

  test('who may only listen from now on is cut off, stays, and talks again when allowed to', async () => {
    const { groupId, ben, bensWatch, cleosWatch } = await createTeam(admin)
    await using listening = await watchFloor(bensWatch, groupId)
    await using presence = await cleosWatch.subscribeSse(PresenceDocument, { groupId })
    const toBen = await hear(bensWatch, groupId)
    const { burst } = await press(bensWatch, groupId, 'b1')
    const allow = (canTalk: boolean) => admin.get(UpdateGroupMemberDocument, { input: { groupId, userId: ben.id, canTalk } })
    await allow(false)
    expect(await toBen.next()).toMatchObject({ kind: 'REVOKED', endReason: 'NO_PERMISSION', graceMs: 0, burst: { id: burst?.id } })
    expect((await listening.nextOf('IDLE'))?.previous?.endReason).toBe('NO_PERMISSION')
    expect((await renew(bensWatch, groupId, burst?.id)).renewed).toBe(false)
    expect((await bensWatch.get(HeartbeatDocument, { input: { groupIds: [groupId] } })).heartbeat.presentIn).toEqual([groupId])
    await allow(true)
    expect((await press(bensWatch, groupId, 'b2')).outcome).toBe('GRANTED')
    expect((await listening.nextOf('TAKEN'))?.floor.burst?.speaker.id).toBe(ben.id)
    expect(presence.received.items.filter(({ data }) => data?.presence.kind === 'LEFT')).toEqual([])
    await toBen.stream[Symbol.asyncDispose]()
  })

  test('a manager who hands over while talking goes on with its rank; from then on the new one has the say', async () => {
    const { groupId, ben, maya, cleo, mayasWatch, bensWatch, cleosWatch } = await createTeam(admin)
    await using floor = await watchFloor(cleosWatch, groupId)
    const { burst } = await press(mayasWatch, groupId, 'm1')
    const revoke = (device: Client, burstId = burst?.id ?? '') => device.ask(RevokeTalkDocument, { input: { groupId, burstId } })
    expect((await revoke(bensWatch)).errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    await admin.get(AssignGroupManagerDocument, { input: { groupId, userId: ben.id } })

    expect(await renew(mayasWatch, groupId, burst?.id)).toMatchObject({
      renewed: true,
      floor: { burst: { id: burst?.id, priority: 'HIGH' } },
    })
    expect(await press(bensWatch, groupId, 'b1')).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN' })
    expect((await revoke(mayasWatch)).errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    const mute = { input: { groupId, userId: cleo.id, durationMs: 1_000 } }
    expect(await mayasWatch.refusal(MuteMemberDocument, mute)).toBe('FORBIDDEN')
    expect((await revoke(bensWatch)).data?.revokeTalk).toMatchObject({ revoked: true, userErrors: [] })
    expect((await floor.nextOf('IDLE'))?.previous).toMatchObject({
      endReason: 'REVOKED_BY_MANAGER',
      revokedBy: { id: ben.id },
      speaker: { id: maya.id },
    })

    expect((await press(mayasWatch, groupId, 'm2')).burst?.priority).toBe('NORMAL')
    expect(await press(bensWatch, groupId, 'b2')).toMatchObject({ outcome: 'QUEUED', floor: { state: 'PENDING_REVOKE' } })
    expect(await bensWatch.refusal(MuteMemberDocument, mute)).toBeUndefined()
  })

  test('a former admin sees its own groups go on and the others end', async () => {
    const own = await createTeam(admin)
    const foreign = await createTeam(admin)
    const ada = await createPerson(admin, 'Ada', 'ADMIN')
    await addMember(admin, own.groupId, ada.id)
    const desk = await ada.device()
    await using socket = desk.openSocket()
    await using foreignFloor = socket.subscribe(SpeakerChangedDocument, { groupId: foreign.groupId })
    await using foreignPresence = await desk.subscribeSse(PresenceDocument, { groupId: foreign.groupId })
    const messages = await hear(desk, own.groupId)
    for (const { received } of [foreignFloor, foreignPresence]) await received.next()
    await using ownFloor = await watchFloor(desk, own.groupId)

    await admin.get(UpdateUserDocument, { input: { userId: ada.id, systemRole: 'USER' } })
    for (const stream of [foreignFloor, foreignPresence]) expect(await endCode(stream, AT_ONCE)).toBe('ACCESS_REVOKED')
    expect(await desk.refusal(FloorDocument, { groupId: foreign.groupId })).toBe('NOT_FOUND')
    expect(await desk.refusal(DeleteUserDocument, { input: { userId: own.ben.id } })).toBe('FORBIDDEN')
    expect((await socket.get(GroupsDocument, {})).groups.edges.map(({ node }) => node.id)).toEqual([own.groupId])
    expect((await press(desk, own.groupId, 'a1')).outcome).toBe('GRANTED')
    await admin.get(UpdateGroupMemberDocument, { input: { groupId: own.groupId, userId: ada.id, canTalk: false } })
    expect(await messages.next()).toMatchObject({ kind: 'REVOKED' })
    expect((await ownFloor.nextOf('IDLE'))?.previous?.endReason).toBe('NO_PERMISSION')
    await messages.stream[Symbol.asyncDispose]()
  })

  test('a change that is refused takes nothing away', async () => {
    const { groupId, maya, mayasWatch, bensWatch } = await createTeam(admin)
    const ada = await createPerson(admin, 'Ada', 'ADMIN')
    const desk = await ada.device()
    await using floor = await watchFloor(desk, groupId)
    await using socket = mayasWatch.openSocket()
    await using managers = socket.subscribe(SpeakerChangedDocument, { groupId })
    await managers.received.next()
    const input = { userId: ada.id, username: maya.username, systemRole: 'USER' } as const
    expect((await admin.get(UpdateUserDocument, { input })).updateUser.userErrors).toMatchObject([{ code: 'USERNAME_TAKEN' }])
    expect((await admin.get(DisableUserDocument, { input: { userId: maya.id } })).disableUser.userErrors).toMatchObject([
      { code: 'GROUP_NEEDS_MANAGER' },
    ])
    expect((await admin.get(DeleteUserDocument, { input: { userId: maya.id } })).deleteUser.userErrors).toHaveLength(1)
    expect((await desk.get(MeDocument, {})).me.systemRole).toBe('ADMIN')
    await press(bensWatch, groupId, 'b1')
    expect((await managers.received.next(AT_ONCE)).data?.speakerChanged.kind).toBe('TAKEN')
    expect((await floor.nextOf('TAKEN'))?.floor.burst?.speaker.displayName).toBe('Ben')
  })
})
