import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as sdk from '../../sdk/src/index.ts'
import {
  FloorDocument,
  HeartbeatDocument,
  JoinGroupDocument,
  LeaveGroupDocument,
  PresenceDocument,
  RenewTalkDocument,
  RequestTalkDocument,
  RevokeTalkDocument,
  SpeakerChangedDocument,
  TalkBurstsDocument,
} from '../generated/operations.ts'
import type { Client } from '../support/client.ts'
import { addMember, createPerson, createTeam, startWithAdmin } from '../support/people.ts'
import { sdkDevice } from '../support/sdk-device.ts'
import { press, release } from '../support/talk.ts'

describe.concurrent('two people talk in turn', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let admin: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    admin = neda.admin
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  test('both press, one is granted with a publish token, the other is told who talks, all hear of it, the record keeps it', async () => {
    const { groupId, ben, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    const { joinGroup } = await bensWatch.get(JoinGroupDocument, { input: { groupId } })
    await cleosWatch.get(JoinGroupDocument, { input: { groupId } })
    expect(joinGroup).toMatchObject({ heartbeatEveryMs: 4_000, group: { id: groupId }, userErrors: [] })
    expect(decodeJwt(joinGroup.media?.token ?? '')).toMatchObject({ video: { roomJoin: true, canPublish: false, canSubscribe: true } })

    await using socket = mayasWatch.openSocket()
    await using heard = socket.subscribe(SpeakerChangedDocument, { groupId })
    await using heardOverSse = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    for (const { received } of [heard, heardOverSse])
      expect((await received.next()).data?.speakerChanged).toMatchObject({
        kind: 'SNAPSHOT',
        gap: false,
        floor: { state: 'IDLE', burst: null },
      })

    const granted = await press(bensWatch, groupId, 'press-1')
    expect(granted).toMatchObject({
      outcome: 'GRANTED',
      requestId: 'press-1',
      listenerCount: 1,
      leaseMs: 4_000,
      renewEveryMs: 1_300,
      warnBeforeMs: 5_000,
    })
    expect(granted.remainingMs).toBeGreaterThan(29_000)
    expect(granted.media).toMatchObject({ state: 'NONE', url: 'ws://127.0.0.1:7880', identity: granted.burst?.mediaIdentity })
    const claims = decodeJwt(granted.media?.token ?? '')
    expect(claims).toMatchObject({
      sub: granted.media?.identity,
      video: { room: granted.media?.room, canPublish: true, canPublishSources: ['microphone'], canPublishData: false },
    })
    expect((claims.exp ?? 0) * 1_000 - Date.now()).toBeLessThanOrEqual(120_000)

    const denied = await press(cleosWatch, groupId, 'press-1')
    expect(denied).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN', burst: null, media: null, remainingMs: null })
    expect(denied.floor).toMatchObject({ state: 'TAKEN', burst: { id: granted.burst?.id, speaker: { displayName: 'Ben', id: ben.id } } })

    await release(bensWatch, groupId, 'press-1')
    for (const { received } of [heard, heardOverSse]) {
      expect((await received.next()).data?.speakerChanged).toMatchObject({
        kind: 'TAKEN',
        floor: { state: 'TAKEN', burst: { speaker: { displayName: 'Ben' }, group: { name: 'Night watch' } } },
      })
      expect((await received.next()).data?.speakerChanged).toMatchObject({
        kind: 'IDLE',
        previous: { id: granted.burst?.id, endReason: 'RELEASED' },
        floor: { state: 'IDLE', burst: null },
      })
    }
    const { talkBursts } = await cleosWatch.get(TalkBurstsDocument, { groupId })
    expect(talkBursts.edges.map(({ node }) => node)).toMatchObject([
      { id: granted.burst?.id, endReason: 'RELEASED', speaker: { id: ben.id }, revokedBy: null },
    ])
    expect(talkBursts.edges[0]?.node.durationMs).toBeGreaterThanOrEqual(0)
  })

  test('a speaker that falls silent frees the floor, and the record says why', async () => {
    const { groupId, bensWatch, cleosWatch } = await createTeam(admin)
    await using heard = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    await press(bensWatch, groupId, 'press-1')
    const { data } = await heard.received.find(({ data }) => data?.speakerChanged.kind === 'IDLE')
    expect(data?.speakerChanged.previous).toMatchObject({ endReason: 'CONNECTION_LOST', durationMs: 4_000 })
    expect(await press(cleosWatch, groupId, 'press-2')).toMatchObject({ outcome: 'GRANTED' })
    const { talkBursts } = await cleosWatch.get(TalkBurstsDocument, { groupId })
    expect(talkBursts.edges.map(({ node }) => node.endReason)).toEqual([null, 'CONNECTION_LOST'])
  })

  test('who renews keeps the floor past the lease; at its talk limit the burst ends all the same', async () => {
    const { groupId, bensWatch } = await createTeam(admin, { talkLimitMs: 5_000 })
    const { burst, warnBeforeMs } = await press(bensWatch, groupId, 'press-1')
    expect(warnBeforeMs).toBe(2_500)
    let renewed = true
    const began = performance.now()
    while (renewed && performance.now() - began < 8_000) {
      await sleep(1_300)
      const { renewTalk } = await bensWatch.get(RenewTalkDocument, { input: { groupId, burstId: burst?.id ?? '' } })
      renewed = renewTalk.renewed
    }
    expect(renewed).toBe(false)
    const answer = await press(bensWatch, groupId, 'press-1')
    expect(answer).toMatchObject({ outcome: 'ENDED', burst: { id: burst?.id, endReason: 'TALK_LIMIT', durationMs: 5_000 }, media: null })
    const again = await press(bensWatch, groupId, 'press-2')
    expect(again).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
    expect(again.retryAfterMs).toBeGreaterThan(0)
    expect(again.retryAfterMs).toBeLessThanOrEqual(3_000)
  })

  test('presses and releases that arrive twice, late or in the wrong order change nothing', async () => {
    const { groupId, bensWatch } = await createTeam(admin)
    expect(await release(bensWatch, groupId, 'late')).toMatchObject({ released: false })
    expect(await press(bensWatch, groupId, 'late')).toMatchObject({ outcome: 'CANCELLED', floor: { state: 'IDLE' } })
    const first = await press(bensWatch, groupId, 'press-1')
    const repeat = await press(bensWatch, groupId, 'press-1')
    expect(repeat).toMatchObject({ outcome: 'GRANTED', burst: { id: first.burst?.id, startedAt: first.burst?.startedAt } })
    const renamed = await press(bensWatch, groupId, 'press-2')
    expect(renamed.burst?.id).toBe(first.burst?.id)
    expect(await release(bensWatch, groupId, 'press-1')).toMatchObject({ released: false, floor: { state: 'TAKEN' } })
    expect(await release(bensWatch, groupId, 'press-2')).toMatchObject({ released: true, floor: { state: 'IDLE' } })
    expect(await release(bensWatch, groupId, 'press-2')).toMatchObject({ released: true })
    for (const requestId of ['', 'x'.repeat(65), 'not a name', 'ا'])
      expect(await bensWatch.refusal(RequestTalkDocument, { input: { groupId, requestId } })).toBe('BAD_USER_INPUT')
  })

  test("two devices of one person: the second is refused, and its release does not end the first one's burst", async () => {
    const { groupId, ben, bensWatch } = await createTeam(admin)
    const phone = await ben.device()
    const { burst } = await press(bensWatch, groupId, 'press-1')
    expect(await press(phone, groupId, 'press-1')).toMatchObject({ outcome: 'DENIED', denyReason: 'HELD_BY_OWN_DEVICE' })
    expect(await release(phone, groupId, 'press-1')).toMatchObject({ released: false, floor: { burst: { id: burst?.id } } })
    expect((await phone.get(RenewTalkDocument, { input: { groupId, burstId: burst?.id ?? '' } })).renewTalk.renewed).toBe(false)
  })

  test('the manager and an admin stop a speaker; a member and another group are refused', async () => {
    const { groupId, maya, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
    const other = await createTeam(admin)
    const { burst } = await press(bensWatch, groupId, 'press-1')
    const input = { groupId, burstId: burst?.id ?? '' }
    expect(await cleosWatch.refusal(RevokeTalkDocument, { input })).toBe('FORBIDDEN')
    expect(await other.mayasWatch.refusal(RevokeTalkDocument, { input })).toBe('NOT_FOUND')
    expect((await mayasWatch.get(RevokeTalkDocument, { input })).revokeTalk).toMatchObject({
      revoked: true,
      userErrors: [],
      floor: { state: 'IDLE' },
    })
    expect((await admin.get(RevokeTalkDocument, { input })).revokeTalk).toMatchObject({
      revoked: false,
      userErrors: [{ code: 'ALREADY_ENDED' }],
    })
    const { talkBursts } = await bensWatch.get(TalkBurstsDocument, { groupId })
    expect(talkBursts.edges[0]?.node).toMatchObject({ endReason: 'REVOKED_BY_MANAGER', revokedBy: { id: maya.id } })

    const next = await press(bensWatch, groupId, 'press-2')
    expect((await admin.get(RevokeTalkDocument, { input: { groupId, burstId: next.burst?.id ?? '' } })).revokeTalk.revoked).toBe(true)
  })

  test('a listener cannot take the floor; an admin who is no member watches but does not talk', async () => {
    const { groupId, bensWatch } = await createTeam(admin)
    const dan = await createPerson(admin, 'Dan')
    await addMember(admin, groupId, dan.id, false)
    const listener = await dan.device()
    expect(await press(listener, groupId, 'press-1')).toMatchObject({ outcome: 'DENIED', denyReason: 'RECEIVE_ONLY', retryAfterMs: null })
    await press(bensWatch, groupId, 'press-1')
    expect(await press(listener, groupId, 'press-2')).toMatchObject({ denyReason: 'RECEIVE_ONLY' })
    expect((await admin.get(FloorDocument, { groupId })).floor.state).toBe('TAKEN')
    expect(await admin.refusal(JoinGroupDocument, { input: { groupId } })).toBe('FORBIDDEN')
    expect(await admin.refusal(LeaveGroupDocument, { input: { groupId } })).toBe('FORBIDDEN')
    expect(await admin.refusal(RequestTalkDocument, { input: { groupId, requestId: 'r' } })).toBe('FORBIDDEN')
  })

  test('a socket that closes while its device speaks leaves 2 s', async () => {
    const { groupId, bensWatch, cleosWatch } = await createTeam(admin)
    await using heard = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    const socket = bensWatch.openSocket()
    const { requestTalk } = await socket.get(RequestTalkDocument, { input: { groupId, requestId: 'press-1' } })
    await sleep(300)
    socket.cut()
    const { data } = await heard.received.find(({ data }) => data?.speakerChanged.kind === 'IDLE')
    expect(data?.speakerChanged.previous).toMatchObject({ id: requestTalk.burst?.id, endReason: 'CONNECTION_LOST' })
    expect(data?.speakerChanged.previous?.durationMs).toBeGreaterThanOrEqual(2_000)
    expect(data?.speakerChanged.previous?.durationMs).toBeLessThan(4_000)
  })

  test('presence: a socket keeps its device present by itself, a device without one by heartbeats, others leave', async () => {
    const { groupId, ben, cleo, cleosWatch, mayasWatch } = await createTeam(admin)
    await using watch = await sdkDevice(neda.url, ben.username, { transport: 'websocket' })
    await using phone = await sdkDevice(neda.url, ben.username, { transport: 'sse' })
    await using seen = await mayasWatch.subscribeSse(PresenceDocument, { groupId })
    expect((await seen.received.next()).data?.presence).toMatchObject({ kind: 'SNAPSHOT', everyone: [], member: null })
    await watch.talk(groupId).ready()
    await cleosWatch.get(JoinGroupDocument, { input: { groupId } })
    await cleosWatch.get(JoinGroupDocument, { input: { groupId } })
    await phone.talk(groupId).ready()
    const told = []
    for (let n = 0; n < 3; n++) told.push((await seen.received.next()).data?.presence)
    expect(told).toMatchObject([
      { kind: 'JOINED', member: { user: { id: ben.id }, devices: 1 }, everyone: null },
      { kind: 'JOINED', member: { user: { id: cleo.id }, devices: 1 } },
      { kind: 'UPDATED', member: { user: { id: ben.id }, devices: 2 } },
    ])
    // Longer than anybody is taken for present of whom nothing is heard.
    await sleep(11_000)
    expect((await phone.execute(sdk.HeartbeatDocument, { input: { groupIds: [groupId] } })).heartbeat.presentIn).toEqual([groupId])
    expect((await seen.received.next()).data?.presence).toMatchObject({ kind: 'LEFT', member: { user: { id: cleo.id }, devices: 0 } })
    expect((await cleosWatch.get(HeartbeatDocument, { input: { groupIds: [groupId] } })).heartbeat.presentIn).toEqual([])
    await using late = await mayasWatch.subscribeSse(PresenceDocument, { groupId })
    expect((await late.received.next()).data?.presence.everyone).toMatchObject([{ user: { id: ben.id }, devices: 2 }])
    expect(seen.received.items).toHaveLength(5)
    await phone.close()
    expect((await seen.received.next()).data?.presence).toMatchObject({ kind: 'UPDATED', member: { user: { id: ben.id }, devices: 1 } })
  })

  test('who comes back with a cursor gets what was missed, then a snapshot; a cursor that is not of this log is refused', async () => {
    const { groupId, bensWatch, cleosWatch } = await createTeam(admin)
    const other = await createTeam(admin)
    const { floor } = await cleosWatch.get(FloorDocument, { groupId })
    await press(bensWatch, groupId, 'press-1')
    await release(bensWatch, groupId, 'press-1')
    await using back = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId, after: floor.cursor })
    const kinds = []
    for (let n = 0; n < 3; n++) kinds.push((await back.received.next()).data?.speakerChanged)
    expect(kinds).toMatchObject([{ kind: 'TAKEN' }, { kind: 'IDLE' }, { kind: 'SNAPSHOT', gap: false }])
    expect(kinds.map((event) => event?.floor.sequence)).toEqual([floor.sequence + 1, floor.sequence + 2, floor.sequence + 2])

    const presence = await cleosWatch.subscribeSse(PresenceDocument, { groupId })
    const wrong = [
      (await presence.received.next()).data?.presence.cursor,
      (await other.bensWatch.get(FloorDocument, { groupId: other.groupId })).floor.cursor,
      'x',
    ]
    await presence[Symbol.asyncDispose]()
    for (const after of wrong) {
      await using refused = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId, after })
      expect((await refused.received.next()).errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    }
  })

  test('too many presses of one device are told to wait; its releases are not', async () => {
    const { groupId, bensWatch, cleosWatch } = await createTeam(admin)
    await press(cleosWatch, groupId, 'holds')
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => press(bensWatch, groupId, `press-${n}`)))
    const reasons = answers.map(({ denyReason }) => denyReason)
    expect(reasons.filter((reason) => reason === 'FLOOR_TAKEN').length).toBeGreaterThanOrEqual(10)
    expect(reasons.filter((reason) => reason === 'RETRY_AFTER').length).toBeGreaterThan(0)
    const releases = await Promise.all(Array.from({ length: 30 }, (_, n) => release(bensWatch, groupId, `press-${n}`)))
    expect(releases.every(({ released }) => !released)).toBe(true)
  })
})
