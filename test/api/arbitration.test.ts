import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AddGroupMemberDocument,
  CreateGroupDocument,
  FloorMessageDocument,
  type FloorPriority,
  GroupDocument,
  LeaveGroupDocument,
  MuteMemberDocument,
  RemoveGroupMemberDocument,
  RevokeTalkDocument,
  SpeakerChangedDocument,
  TalkBurstsDocument,
  UnmuteMemberDocument,
  UpdateGroupDocument,
  UpdateGroupMemberDocument,
  VoiceSessionsDocument,
} from '../generated/operations.ts'
import type { Client } from '../support/client.ts'
import { createPerson, createTeam, startWithAdmin } from '../support/people.ts'
import { endReasons, hear, press, release, renew } from '../support/talk.ts'

describe.concurrent('queue, priority and the manager', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let admin: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    admin = neda.admin
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  test('who waits is told its place, is granted in turn without an idle in between, and must take the floor up', async () => {
    const { groupId, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    const dan = await (await createMember(groupId, 'Dan')).device()
    const [toCleo, toDan] = await Promise.all([hear(cleosWatch, groupId), hear(dan, groupId)])
    await using floor = await mayasWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    await floor.received.next()

    await press(bensWatch, groupId, 'b1')
    expect(await press(cleosWatch, groupId, 'c1', { queue: true })).toMatchObject({
      outcome: 'QUEUED',
      queuePosition: 1,
      floor: { queueLength: 1, state: 'TAKEN' },
      media: null,
    })
    expect(await press(dan, groupId, 'd1', { queue: true })).toMatchObject({ outcome: 'QUEUED', queuePosition: 2 })
    expect(await press(dan, groupId, 'd1', { queue: true })).toMatchObject({
      outcome: 'QUEUED',
      queuePosition: 2,
      floor: { queueLength: 2 },
    })
    await release(bensWatch, groupId, 'b1')

    const granted = await toCleo.next()
    expect(granted).toMatchObject({
      kind: 'GRANTED',
      requestId: 'c1',
      acceptWithinMs: 2_000,
      burst: { speaker: { displayName: 'Cleo' } },
      floor: { state: 'TAKEN', queueLength: 1 },
    })
    expect(decodeJwt(granted?.media?.token ?? '')).toMatchObject({ video: { canPublish: true } })
    expect(await toDan.next()).toMatchObject({ kind: 'QUEUED', requestId: 'd1', queuePosition: 1 })
    expect(await renew(cleosWatch, groupId, granted?.burst?.id)).toMatchObject({ renewed: true })
    await release(cleosWatch, groupId, 'c1')
    expect(await toDan.next()).toMatchObject({ kind: 'GRANTED', requestId: 'd1' })

    const kinds = []
    for (let n = 0; n < 6; n++) {
      const { data } = await floor.received.next()
      kinds.push([
        data?.speakerChanged.kind,
        data?.speakerChanged.floor.burst?.speaker.displayName ?? null,
        data?.speakerChanged.previous?.endReason ?? null,
      ])
    }
    expect(kinds).toEqual([
      ['TAKEN', 'Ben', null],
      ['QUEUE', 'Ben', null],
      ['QUEUE', 'Ben', null],
      ['TAKEN', 'Cleo', 'RELEASED'],
      ['TAKEN', 'Dan', 'RELEASED'],
      ['IDLE', null, 'NOT_STARTED'],
    ])
    expect(await endReasons(bensWatch, groupId)).toEqual(['NOT_STARTED', 'RELEASED', 'RELEASED'])
    const { talkBursts } = await bensWatch.get(TalkBurstsDocument, { groupId, first: 1 })
    expect(talkBursts.edges[0]?.node.durationMs).toBe(0)
    await Promise.all([toCleo, toDan].map(({ stream }) => stream[Symbol.asyncDispose]()))
  }, 30_000)

  test('a queue has the capacity of its group; a released request waits no longer and stays cancelled', async () => {
    const { groupId, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    await admin.get(UpdateGroupDocument, { input: { groupId, queueCapacity: 1 } })
    await press(bensWatch, groupId, 'b1')
    await press(cleosWatch, groupId, 'c1', { queue: true })
    expect(await press(mayasWatch, groupId, 'm1', { queue: true, priority: 'NORMAL' })).toMatchObject({
      outcome: 'DENIED',
      denyReason: 'QUEUE_FULL',
    })
    expect(await release(cleosWatch, groupId, 'c1')).toMatchObject({ released: true, floor: { queueLength: 0, state: 'TAKEN' } })
    expect(await press(cleosWatch, groupId, 'c1', { queue: true })).toMatchObject({ outcome: 'CANCELLED' })
    await admin.get(UpdateGroupDocument, { input: { groupId, queueCapacity: 0 } })
    expect(await press(cleosWatch, groupId, 'c2', { queue: true })).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN' })
  })

  test('the manager cuts a member off after the grace; the member is told, and no rank is higher than the membership', async () => {
    const { groupId, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    await admin.get(UpdateGroupDocument, { input: { groupId, preemptGraceMs: 1_500 } })
    const toBen = await hear(bensWatch, groupId)
    const toMaya = await hear(mayasWatch, groupId)
    const { burst } = await press(bensWatch, groupId, 'b1')
    expect(await press(cleosWatch, groupId, 'c1', { priority: 'EMERGENCY' })).toMatchObject({
      outcome: 'DENIED',
      denyReason: 'FLOOR_TAKEN',
    })
    expect(await press(mayasWatch, groupId, 'm1')).toMatchObject({
      outcome: 'QUEUED',
      queuePosition: 1,
      floor: { state: 'PENDING_REVOKE', burst: { id: burst?.id }, queueLength: 1 },
    })
    expect(await toBen.next()).toMatchObject({
      kind: 'REVOKED',
      endReason: 'PREEMPTED',
      graceMs: 1_500,
      burst: { id: burst?.id, endedAt: null },
    })
    const during = await press(bensWatch, groupId, 'b1')
    expect(during).toMatchObject({ outcome: 'GRANTED', burst: { id: burst?.id } })
    expect(during.remainingMs).toBeLessThanOrEqual(1_500)
    const granted = await toMaya.next()
    expect(granted).toMatchObject({ kind: 'GRANTED', requestId: 'm1', burst: { priority: 'HIGH', speaker: { displayName: 'Maya' } } })
    expect(await toBen.next()).toMatchObject({ kind: 'REVOKED', endReason: 'PREEMPTED', graceMs: 0, burst: { endReason: 'PREEMPTED' } })
    expect(await press(bensWatch, groupId, 'b1')).toMatchObject({ outcome: 'ENDED', burst: { endReason: 'PREEMPTED' } })
    await renew(mayasWatch, groupId, granted?.burst?.id)
    await release(mayasWatch, groupId, 'm1')

    await admin.get(UpdateGroupDocument, { input: { groupId, preemptGraceMs: 0 } })
    await press(bensWatch, groupId, 'b2')
    expect(await press(mayasWatch, groupId, 'm2', { priority: 'NORMAL' })).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN' })
    expect(await press(mayasWatch, groupId, 'm3')).toMatchObject({
      outcome: 'GRANTED',
      floor: { state: 'TAKEN', burst: { speaker: { displayName: 'Maya' } } },
    })
    expect(await toBen.next()).toMatchObject({ kind: 'REVOKED', requestId: 'b2', graceMs: 0 })
    await Promise.all([toBen, toMaya].map(({ stream }) => stream[Symbol.asyncDispose]()))
  })

  test('a pre-emptor that lets go leaves the floor to its holder', async () => {
    const { groupId, bensWatch, mayasWatch, cleosWatch } = await createTeam(admin)
    await admin.get(UpdateGroupDocument, { input: { groupId, preemptGraceMs: 3_000 } })
    await using floor = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    const toBen = await hear(bensWatch, groupId)
    await press(bensWatch, groupId, 'b1')
    await press(mayasWatch, groupId, 'm1')
    expect(await release(mayasWatch, groupId, 'm1')).toMatchObject({
      released: true,
      floor: { state: 'TAKEN', burst: { speaker: { displayName: 'Ben' } } },
    })
    expect(await toBen.next()).toMatchObject({ kind: 'REVOKED', graceMs: 3_000 })
    expect(await toBen.next()).toMatchObject({ kind: 'GRANTED', acceptWithinMs: null })
    const kinds = []
    for (let n = 0; n < 4; n++) kinds.push((await floor.received.next()).data?.speakerChanged.kind)
    expect(kinds).toEqual(['SNAPSHOT', 'TAKEN', 'PENDING_REVOKE', 'TAKEN'])
    await toBen.stream[Symbol.asyncDispose]()
  })

  test('who is muted stops at once, waits no more and is refused for the time; an unmute undoes it', async () => {
    const { groupId, ben, cleo, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    const toCleo = await hear(cleosWatch, groupId)
    await press(bensWatch, groupId, 'b1')
    await press(cleosWatch, groupId, 'c1', { queue: true })
    const muteCleo = { input: { groupId, userId: cleo.id, durationMs: 60_000 } }
    expect(await cleosWatch.refusal(MuteMemberDocument, muteCleo)).toBe('FORBIDDEN')
    const { muteMember } = await mayasWatch.get(MuteMemberDocument, muteCleo)
    expect(muteMember).toMatchObject({ userErrors: [], member: { user: { id: cleo.id } } })
    expect(Date.parse(muteMember.member?.mutedUntil ?? '')).toBeGreaterThan(Date.now() + 50_000)
    expect(await toCleo.next()).toMatchObject({ kind: 'DENIED', denyReason: 'RECEIVE_ONLY', requestId: 'c1' })
    const refused = await press(cleosWatch, groupId, 'c2')
    expect(refused).toMatchObject({ outcome: 'DENIED', denyReason: 'RECEIVE_ONLY' })
    expect(refused.retryAfterMs).toBeGreaterThan(50_000)
    await admin.get(MuteMemberDocument, { input: { groupId, userId: ben.id, durationMs: 1_000 } })
    expect((await endReasons(mayasWatch, groupId))[0]).toBe('REVOKED_BY_MANAGER')
    const { unmuteMember } = await mayasWatch.get(UnmuteMemberDocument, { input: { groupId, userId: cleo.id } })
    expect(unmuteMember.member?.mutedUntil).toBeNull()
    expect(await press(cleosWatch, groupId, 'c3')).toMatchObject({ outcome: 'GRANTED' })
    const stranger = await createPerson(admin, 'Eve')
    for (const [input, code] of [
      [{ groupId, userId: cleo.id, durationMs: 999 }, 'INVALID_VALUE'],
      [{ groupId, userId: cleo.id, durationMs: 86_400_001 }, 'INVALID_VALUE'],
      [{ groupId, userId: stranger.id, durationMs: 1_000 }, 'NOT_A_MEMBER'],
    ] as const)
      expect((await mayasWatch.get(MuteMemberDocument, { input })).muteMember).toMatchObject({ member: null, userErrors: [{ code }] })
    await toCleo.stream[Symbol.asyncDispose]()
  })

  test('who loses the right to talk stops at once and goes on listening', async () => {
    const { groupId, ben, cleo, maya, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    await using listening = await bensWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    const toCleo = await hear(cleosWatch, groupId)
    await press(bensWatch, groupId, 'b1')
    await press(cleosWatch, groupId, 'c1', { queue: true })
    for (const userId of [cleo.id, ben.id]) {
      const { updateGroupMember } = await admin.get(UpdateGroupMemberDocument, { input: { groupId, userId, canTalk: false } })
      expect(updateGroupMember).toMatchObject({ userErrors: [], member: { canTalk: false } })
    }
    expect(await toCleo.next()).toMatchObject({ kind: 'DENIED', denyReason: 'RECEIVE_ONLY' })
    const { data } = await listening.received.find(({ data }) => data?.speakerChanged.kind === 'IDLE')
    expect(data?.speakerChanged.previous?.endReason).toBe('NO_PERMISSION')
    await press(mayasWatch, groupId, 'm1')
    expect((await listening.received.next()).data?.speakerChanged.kind).toBe('TAKEN')
    expect(await press(bensWatch, groupId, 'b2')).toMatchObject({ denyReason: 'RECEIVE_ONLY', retryAfterMs: null })

    const change = async (input: { userId: string; priority: FloorPriority }) =>
      (await admin.get(UpdateGroupMemberDocument, { input: { groupId, ...input } })).updateGroupMember.userErrors[0]?.code
    expect(await change({ userId: ben.id, priority: 'EMERGENCY' })).toBe('INVALID_VALUE')
    expect(await change({ userId: maya.id, priority: 'LOW' })).toBe('INVALID_VALUE')
    expect(await change({ userId: (await createPerson(admin, 'Eve')).id, priority: 'LOW' })).toBe('NOT_A_MEMBER')
    await toCleo.stream[Symbol.asyncDispose]()
  })

  test('a rank is given with the membership and counts from the next press', async () => {
    const { groupId, ben, bensWatch, cleosWatch } = await createTeam(admin)
    const { group } = await bensWatch.get(GroupDocument, { id: groupId })
    expect(group?.members.edges.map(({ node }) => node.priority).toSorted()).toEqual(['HIGH', 'NORMAL', 'NORMAL'])
    await press(cleosWatch, groupId, 'c1')
    await admin.get(UpdateGroupMemberDocument, { input: { groupId, userId: ben.id, priority: 'HIGH' } })
    expect(await press(bensWatch, groupId, 'b1')).toMatchObject({ outcome: 'QUEUED', floor: { state: 'PENDING_REVOKE' } })
    const low = await createPerson(admin, 'Low')
    await admin.get(AddGroupMemberDocument, { input: { groupId, userId: low.id, priority: 'LOW' } })
    const { addGroupMember } = await admin.get(AddGroupMemberDocument, {
      input: { groupId, userId: (await createPerson(admin, 'Eve')).id, priority: 'EMERGENCY' },
    })
    expect(addGroupMember.userErrors[0]?.code).toBe('INVALID_VALUE')
  })

  test('a device that leaves ends what it said and waited for; a manager revokes without grace', async () => {
    const { groupId, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    await press(bensWatch, groupId, 'b1')
    await press(cleosWatch, groupId, 'c1', { queue: true })
    await cleosWatch.get(LeaveGroupDocument, { input: { groupId } })
    expect(await press(cleosWatch, groupId, 'c1', { queue: true })).toMatchObject({ outcome: 'CANCELLED', floor: { queueLength: 0 } })
    const queued = await press(cleosWatch, groupId, 'c2', { queue: true })
    await mayasWatch.get(RevokeTalkDocument, { input: { groupId, burstId: queued.floor.burst?.id ?? '' } })
    expect(await press(cleosWatch, groupId, 'c2', { queue: true })).toMatchObject({ outcome: 'GRANTED' })
    await cleosWatch.get(LeaveGroupDocument, { input: { groupId } })
    expect(await endReasons(bensWatch, groupId)).toEqual(['RELEASED', 'REVOKED_BY_MANAGER'])
  })

  test('the record groups bursts into voice sessions', async () => {
    const { groupId, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    for (const [device, requestId] of [
      [bensWatch, 'b1'],
      [cleosWatch, 'c1'],
      [bensWatch, 'b2'],
    ] as const) {
      await press(device, groupId, requestId)
      await sleep(20)
      await release(device, groupId, requestId)
    }
    const { voiceSessions } = await mayasWatch.get(VoiceSessionsDocument, { groupId })
    const [session] = voiceSessions.edges.map(({ node }) => node)
    expect(voiceSessions.edges).toHaveLength(1)
    expect(session).toMatchObject({ group: { id: groupId }, endedAt: null, burstCount: 3 })
    expect(session?.talkMs).toBeGreaterThanOrEqual(55)
    expect(session?.bursts.edges.map(({ node }) => node.endReason)).toEqual(['RELEASED', 'RELEASED', 'RELEASED'])
    const first = await mayasWatch.get(TalkBurstsDocument, { groupId, first: 2 })
    const rest = await mayasWatch.get(TalkBurstsDocument, { groupId, first: 2, after: first.talkBursts.pageInfo.endCursor ?? null })
    const ids = [...first.talkBursts.edges, ...rest.talkBursts.edges].map(({ node }) => node.id)
    expect(ids).toEqual(session?.bursts.edges.map(({ node }) => node.id))
    expect(await mayasWatch.refusal(VoiceSessionsDocument, { groupId, after: 'x' })).toBe('BAD_USER_INPUT')
    expect(await mayasWatch.refusal(TalkBurstsDocument, { groupId, after: voiceSessions.edges[0]?.cursor ?? '' })).toBe('BAD_USER_INPUT')
  })

  test('a speaker is warned before its talk limit, and may speak below its rank', async () => {
    const { groupId, bensWatch } = await createTeam(admin, { talkLimitMs: 5_000 })
    const toBen = await hear(bensWatch, groupId)
    const { burst } = await press(bensWatch, groupId, 'b1', { priority: 'LOW' })
    expect(burst?.priority).toBe('LOW')
    await sleep(1_300)
    await renew(bensWatch, groupId, burst?.id)
    const warning = await toBen.next()
    expect(warning).toMatchObject({ kind: 'LIMIT_WARNING', requestId: 'b1', burst: { id: burst?.id }, media: null, graceMs: null })
    expect(warning?.remainingMs).toBeLessThanOrEqual(2_500)
    expect(await toBen.next()).toMatchObject({ kind: 'REVOKED', graceMs: 0 })
    await toBen.stream[Symbol.asyncDispose]()
  })

  test('what is said to one device is said to no other, and to no stranger', async () => {
    const { groupId, ben, bensWatch, cleosWatch } = await createTeam(admin)
    const phone = await hear(await ben.device(), groupId)
    const watch = await hear(bensWatch, groupId)
    const { burst } = await press(bensWatch, groupId, 'b1')
    await admin.get(RevokeTalkDocument, { input: { groupId, burstId: burst?.id ?? '' } })
    expect(await watch.next()).toMatchObject({ kind: 'REVOKED', endReason: 'REVOKED_BY_MANAGER' })
    expect(phone.stream.received.items).toEqual([])
    for (const { stream } of [phone, watch]) await stream[Symbol.asyncDispose]()
    for (const [device, code] of [
      [admin, 'FORBIDDEN'],
      [(await createTeam(admin)).bensWatch, 'NOT_FOUND'],
    ] as const) {
      await using refused = await device.subscribeSse(FloorMessageDocument, { groupId })
      expect((await refused.received.next()).errors?.[0]?.extensions?.code).toBe(code)
    }
    const toCleo = await hear(cleosWatch, groupId)
    const { group } = await admin.get(GroupDocument, { id: groupId })
    const cleo = group?.members.edges.find(({ node }) => node.user.displayName === 'Cleo')?.node.user.id ?? ''
    await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: cleo } })
    expect((await toCleo.stream.received.next()).errors?.[0]?.extensions?.code).toBe('ACCESS_REVOKED')
    await toCleo.stream.received.ended()
  })

  test('talk settings are given with the group, changed later, and checked', async () => {
    const maya = await createPerson(admin, 'Maya')
    const settings = { talkLimitMs: 10_000, queueCapacity: 3, preemptGraceMs: 250 }
    const { createGroup } = await admin.get(CreateGroupDocument, { input: { name: 'Gate', managerId: maya.id, ...settings } })
    expect(createGroup.group).toMatchObject(settings)
    const groupId = createGroup.group?.id ?? ''
    const { updateGroup } = await admin.get(UpdateGroupDocument, {
      input: { groupId, name: ' North gate ', description: 'Who comes in', talkLimitMs: 5_000 },
    })
    expect(updateGroup.group).toMatchObject({
      name: 'North gate',
      description: 'Who comes in',
      talkLimitMs: 5_000,
      queueCapacity: 3,
      preemptGraceMs: 250,
    })
    const cleared = await admin.get(UpdateGroupDocument, { input: { groupId, description: null } })
    expect(cleared.updateGroup.group).toMatchObject({ name: 'North gate', description: null })
    for (const wrong of [{ talkLimitMs: 4_999 }, { queueCapacity: -1 }, { queueCapacity: 101 }, { preemptGraceMs: 3_001 }]) {
      const refused = await admin.get(UpdateGroupDocument, { input: { groupId, ...wrong } })
      expect(refused.updateGroup).toMatchObject({
        group: null,
        userErrors: [{ code: 'INVALID_VALUE', field: ['input', Object.keys(wrong)[0]] }],
      })
    }
    const manager = await maya.device()
    expect(await manager.refusal(UpdateGroupDocument, { input: { groupId, name: 'mine' } })).toBe('FORBIDDEN')
  })

  async function createMember(groupId: string, name: string) {
    const person = await createPerson(admin, name)
    await admin.get(AddGroupMemberDocument, { input: { groupId, userId: person.id } })
    return person
  }
})
