import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AddGroupMemberDocument,
  CreateGroupDocument,
  CreateUserDocument,
  FloorDocument,
  GroupDocument,
  GroupsDocument,
  HeartbeatDocument,
  JoinGroupDocument,
  LeaveGroupDocument,
  LoginDocument,
  MeDocument,
  PresenceDocument,
  ReleaseTalkDocument,
  RemoveGroupMemberDocument,
  RenewTalkDocument,
  RequestTalkDocument,
  RevokeTalkDocument,
  SpeakerChangedDocument,
  TalkBurstsDocument,
} from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { addMember, createPerson, createTeam, startWithAdmin } from '../support/people.ts'

describe.concurrent('who may do what', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let admin: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    admin = neda.admin
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  test('signing in names the device; wrong, unknown and missing are the same refusal', async () => {
    const anonymous = new Client(neda.url)
    const { login } = await anonymous.get(LoginDocument, {
      input: { username: 'ROOT', password: 'a long enough password', deviceName: ' Pixel Watch 4 ' },
    })
    expect(login).toMatchObject({
      session: { deviceName: 'Pixel Watch 4' },
      user: { username: 'root', systemRole: 'ADMIN' },
      userErrors: [],
    })
    expect(Date.parse(login.accessTokenExpiresAt ?? '')).toBeGreaterThan(Date.now())
    expect(login.refreshToken?.length).toBeGreaterThanOrEqual(43)
    const refusals = await Promise.all(
      ['root', 'nobody', 'r%t', 'r__t'].map((username) =>
        anonymous.ask(LoginDocument, { input: { username, password: 'another password' } }),
      ),
    )
    for (const { errors } of refusals) {
      expect(errors?.[0]?.extensions?.code).toBe('INVALID_CREDENTIALS')
      expect(errors?.[0]?.message).toBe(refusals[0]?.errors?.[0]?.message)
    }
  })

  test('without a token, or with one that is not ours, everything but signing in is UNAUTHENTICATED', async () => {
    const [header = '', payload = '', signature = ''] = (admin.accessToken ?? '').split('.')
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`
    for (const token of [null, 'nonsense', unsigned, `${header}.${payload}.${signature.split('').toReversed().join('')}`]) {
      const client = new Client(neda.url, token)
      expect(await client.refusal(MeDocument, {})).toBe('UNAUTHENTICATED')
      expect(await client.refusal(GroupsDocument, {})).toBe('UNAUTHENTICATED')
      expect(await client.refusal(CreateUserDocument, { input: { username: 'x', password: 'a long enough password' } })).toBe(
        'UNAUTHENTICATED',
      )
    }
    await using sse = await new Client(neda.url).subscribeSse(SpeakerChangedDocument, { groupId: 'x' })
    expect((await sse.received.next()).errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
    await using socket = new Client(neda.url).openSocket()
    await using ws = socket.subscribe(SpeakerChangedDocument, { groupId: 'x' })
    expect((await ws.received.next()).errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
    await using forged = new Client(neda.url, 'nonsense').openSocket()
    void forged.ask(MeDocument, {}).catch(() => undefined)
    expect((await forged.closed).code).toBe(4403)
    expect(
      (await new Client(neda.url, 'nonsense').get(LoginDocument, { input: { username: 'root', password: 'a long enough password' } })).login
        .user,
    ).not.toBeNull()
  })

  test('the bearer token serves POST, WebSocket and SSE alike', async () => {
    const { groupId, ben, bensWatch } = await createTeam(admin)
    expect((await bensWatch.get(MeDocument, {})).me).toMatchObject({ id: ben.id, systemRole: 'USER', disabled: false })
    await using socket = bensWatch.openSocket()
    expect((await socket.get(MeDocument, {})).me.id).toBe(ben.id)
    await using ws = socket.subscribe(SpeakerChangedDocument, { groupId })
    await using sse = await bensWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    for (const { received } of [ws, sse]) expect((await received.next()).data?.speakerChanged.kind).toBe('SNAPSHOT')
  })

  test('only admins administer', async () => {
    const { groupId, ben, cleo, mayasWatch } = await createTeam(admin)
    expect(await mayasWatch.refusal(CreateUserDocument, { input: { username: 'x', password: 'a long enough password' } })).toBe('FORBIDDEN')
    expect(await mayasWatch.refusal(CreateGroupDocument, { input: { name: 'x', managerId: ben.id } })).toBe('FORBIDDEN')
    expect(await mayasWatch.refusal(AddGroupMemberDocument, { input: { groupId, userId: ben.id } })).toBe('FORBIDDEN')
    expect(await mayasWatch.refusal(RemoveGroupMemberDocument, { input: { groupId, userId: cleo.id } })).toBe('FORBIDDEN')
  })

  test('a group is NOT_FOUND for who is not in it, by every operation, exactly as one that does not exist', async () => {
    const { groupId, ben } = await createTeam(admin)
    const stranger = (await createTeam(admin)).bensWatch
    const random = Buffer.from('Group:01890a5d-ac96-774b-bcce-b302099a8057').toString('base64')
    const answers = async (id: string) => {
      const burst = Buffer.from('TalkBurst:01890a5d-ac96-774b-bcce-b302099a8057').toString('base64')
      return [
        await stranger.ask(GroupDocument, { id }),
        await stranger.ask(FloorDocument, { groupId: id }),
        await stranger.ask(TalkBurstsDocument, { groupId: id }),
        await stranger.ask(JoinGroupDocument, { input: { groupId: id } }),
        await stranger.ask(LeaveGroupDocument, { input: { groupId: id } }),
        await stranger.ask(RequestTalkDocument, { input: { groupId: id, requestId: 'r' } }),
        await stranger.ask(RenewTalkDocument, { input: { groupId: id, burstId: burst } }),
        await stranger.ask(ReleaseTalkDocument, { input: { groupId: id, requestId: 'r' } }),
        await stranger.ask(RevokeTalkDocument, { input: { groupId: id, burstId: burst } }),
      ]
    }
    const foreign = await answers(groupId)
    for (const { errors, data } of foreign) {
      expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['NOT_FOUND'])
      expect(Object.values(data ?? {}).filter((value) => value !== null)).toEqual([])
    }
    expect(foreign).toEqual(await answers(random))
    expect(foreign).toEqual(await answers('not an id'))
    expect(foreign).toEqual(await answers(ben.id))
    for (const id of [groupId, random]) {
      await using speaker = await stranger.subscribeSse(SpeakerChangedDocument, { groupId: id })
      await using presence = await stranger.subscribeSse(PresenceDocument, { groupId: id })
      for (const { received } of [speaker, presence]) {
        expect((await received.next()).errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
        await received.ended()
      }
    }
    expect((await stranger.get(HeartbeatDocument, { input: { groupIds: [groupId, random] } })).heartbeat.presentIn).toEqual([])
  })

  test('admins see every group, others their own, by pages', async () => {
    const { groupId, bensWatch } = await createTeam(admin)
    const own = await bensWatch.get(GroupsDocument, {})
    expect(own.groups.edges.map(({ node }) => node.id)).toEqual([groupId])
    const seen = new Set<string>()
    let after: string | null | undefined
    do {
      const { groups } = await admin.get(GroupsDocument, { first: 2, ...(after ? { after } : {}) })
      for (const { node } of groups.edges) {
        expect(seen.has(node.id)).toBe(false)
        seen.add(node.id)
      }
      after = groups.pageInfo.hasNextPage ? groups.pageInfo.endCursor : null
    } while (after)
    expect(seen).toContain(groupId)
    for (const first of [0, -1, 101]) expect(await admin.refusal(GroupsDocument, { first })).toBe('BAD_USER_INPUT')
    for (const after of ['x', 'R1BDOlM6Jw==']) expect(await admin.refusal(GroupsDocument, { after })).toBe('BAD_USER_INPUT')
    const { group } = await bensWatch.get(GroupDocument, { id: groupId })
    expect(group).toMatchObject({
      name: 'Night watch',
      talkLimitMs: 30_000,
      queueCapacity: 10,
      preemptGraceMs: 500,
      manager: { role: 'GROUP_MANAGER' },
    })
    expect(group?.members.edges).toHaveLength(3)
  })

  test('names, passwords and limits are checked, and what is wrong is said with its field', async () => {
    const password = 'a long enough password'
    for (const username of ['', '   ', 'x'.repeat(101), 'a\u0000b', 'line\nbreak', '\u202eabc', '\u200b', '\ud800'])
      expect(await admin.refusal(CreateUserDocument, { input: { username, password } })).toBe('BAD_USER_INPUT')
    const person = await createPerson(admin, 'Eve')
    const taken = await admin.get(CreateUserDocument, { input: { username: ` ${person.username.toUpperCase()} `, password } })
    expect(taken.createUser).toMatchObject({ user: null, userErrors: [{ code: 'USERNAME_TAKEN', field: ['input', 'username'] }] })
    for (const weak of ['short', 'x'.repeat(129)]) {
      const { createUser } = await admin.get(CreateUserDocument, { input: { username: 'never-made', password: weak } })
      expect(createUser).toMatchObject({ user: null, userErrors: [{ code: 'WEAK_PASSWORD', field: ['input', 'password'] }] })
    }
    for (const talkLimitMs of [4_999, 300_001]) {
      const { createGroup } = await admin.get(CreateGroupDocument, { input: { name: 'x', managerId: person.id, talkLimitMs } })
      expect(createGroup).toMatchObject({ group: null, userErrors: [{ code: 'INVALID_VALUE', field: ['input', 'talkLimitMs'] }] })
    }
    expect(await admin.refusal(CreateGroupDocument, { input: { name: 'x', managerId: 'nobody' } })).toBe('NOT_FOUND')
  })

  test('a variable of the wrong type is refused by its path, and its value is nowhere in the answer', async () => {
    const variables = { input: { username: 'root', password: ['hunter2'] } }
    const answer = await (await new Client(neda.url).post({ query: LoginDocument.toString(), variables })).json()
    expect(answer.errors[0].extensions.code).toBe('BAD_USER_INPUT')
    expect(answer.errors[0].message).toContain('input.password')
    expect(JSON.stringify(answer)).not.toContain('hunter2')
  })

  test('a membership is added once, and its end ends talking, presence and streams at once', async () => {
    const { groupId, ben, maya, bensWatch, cleosWatch } = await createTeam(admin)
    const again = await admin.get(AddGroupMemberDocument, { input: { groupId, userId: ben.id } })
    expect(again.addGroupMember).toMatchObject({ member: null, userErrors: [{ code: 'ALREADY_MEMBER' }] })
    const manager = await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: maya.id } })
    expect(manager.removeGroupMember.userErrors).toMatchObject([{ code: 'GROUP_NEEDS_MANAGER' }])

    await using socket = bensWatch.openSocket()
    await using overSocket = socket.subscribe(SpeakerChangedDocument, { groupId })
    await using overSse = await bensWatch.subscribeSse(PresenceDocument, { groupId })
    await using others = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    for (const { received } of [overSocket, overSse, others]) await received.next()
    const { requestTalk } = await socket.get(RequestTalkDocument, { input: { groupId, requestId: 'r' } })

    const removed = await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })
    expect(removed.removeGroupMember.userErrors).toEqual([])
    for (const { received } of [overSocket, overSse]) {
      const last = await received.find(({ errors }) => errors !== undefined)
      expect(last.errors?.[0]?.extensions?.code).toBe('ACCESS_REVOKED')
      await received.ended()
    }
    const { data } = await others.received.find(({ data }) => data?.speakerChanged.kind === 'IDLE')
    expect(data?.speakerChanged.previous).toMatchObject({ id: requestTalk.burst?.id, endReason: 'MEMBER_REMOVED' })
    expect(await bensWatch.refusal(RenewTalkDocument, { input: { groupId, burstId: requestTalk.burst?.id ?? '' } })).toBe('NOT_FOUND')
    expect(await bensWatch.refusal(FloorDocument, { groupId })).toBe('NOT_FOUND')
    const twice = await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })
    expect(twice.removeGroupMember.userErrors).toMatchObject([{ code: 'NOT_A_MEMBER' }])
    const { talkBursts } = await cleosWatch.get(TalkBurstsDocument, { groupId })
    expect(talkBursts.edges[0]?.node).toMatchObject({ endReason: 'MEMBER_REMOVED', speaker: { displayName: 'Ben' } })

    await addMember(admin, groupId, ben.id)
    expect((await bensWatch.get(RequestTalkDocument, { input: { groupId, requestId: 'r2' } })).requestTalk.outcome).toBe('GRANTED')
  })
})
