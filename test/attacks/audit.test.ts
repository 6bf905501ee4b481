import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'
import {
  AddGroupMemberDocument,
  AssignGroupManagerDocument,
  type AuditEntryFieldsFragment,
  type AuditFilter,
  AuditLogDocument,
  CreateUserDocument,
  DeleteGroupDocument,
  DeleteUserDocument,
  DisableUserDocument,
  EnableUserDocument,
  MuteMemberDocument,
  RemoveGroupMemberDocument,
  ResetUserPasswordDocument,
  RevokeTalkDocument,
  type TypedDocumentString,
  UnmuteMemberDocument,
  UpdateGroupDocument,
  UpdateGroupMemberDocument,
  UpdateUserDocument,
} from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { addMember, createGroup, createPerson, createTeam, PASSWORD, startWithAdmin } from '../support/people.ts'
import { press } from '../support/talk.ts'

let neda: Awaited<ReturnType<typeof startWithAdmin>>
let admin: Client

beforeAll(async () => {
  neda = await startWithAdmin()
  admin = neda.admin
})
afterAll(() => neda[Symbol.asyncDispose]())

async function entries(filter: AuditFilter = {}, page: { first?: number; after?: string } = {}): Promise<AuditEntryFieldsFragment[]> {
  const { auditLog } = await admin.get(AuditLogDocument, { filter, first: 100, ...page })
  return auditLog.edges.map(({ node }) => node)
}

const detailsOf = ({ details }: AuditEntryFieldsFragment) => Object.fromEntries(details.map(({ name, value }) => [name, value]))

/** The one entry of this about that. */
async function entry(action: AuditFilter['action'], targetId: string): Promise<AuditEntryFieldsFragment> {
  const found = (await entries({ action: action ?? null })).filter((one) => one.targetId === targetId)
  expect(found).toHaveLength(1)
  const [only] = found
  if (!only) throw new Error('not noted')
  return only
}

describe('who did it', () => {
  test.each(['POST', 'WebSocket'])(
    'every admin mutation over %s is noted: who, from which device and address, on what',
    async (transport) => {
      await using socket = admin.openSocket()
      const by = transport === 'POST' ? admin : socket
      const [maya, ben, cleo] = await Promise.all(['Maya', 'Ben', 'Cleo'].map((name) => createPerson(admin, name)))
      if (!maya || !ben || !cleo) throw new Error('not created')
      const username = `dan-${transport}`
      const { createUser } = await by.get(CreateUserDocument, { input: { username, password: PASSWORD } })
      const userId = createUser.user?.id ?? ''
      const groupId = await createGroup(admin, 'Night watch', maya, [ben])
      const about = { groupId, userId }
      await by.get(UpdateUserDocument, { input: { userId, displayName: 'Daniela' } })
      await by.get(ResetUserPasswordDocument, { input: { userId, newPassword: 'another long password' } })
      await by.get(AddGroupMemberDocument, { input: { ...about, priority: 'LOW' } })
      await by.get(UpdateGroupMemberDocument, { input: { ...about, canTalk: false } })
      await by.get(RemoveGroupMemberDocument, { input: about })
      await by.get(AssignGroupManagerDocument, { input: { groupId, userId: ben.id } })
      await by.get(UpdateGroupDocument, { input: { groupId, talkLimitMs: 7_000 } })
      await by.get(DisableUserDocument, { input: { userId } })
      await by.get(EnableUserDocument, { input: { userId } })
      await by.get(DeleteUserDocument, { input: { userId } })
      await by.get(DeleteGroupDocument, { input: { groupId } })

      const [me] = await entries({ action: 'SIGNED_IN' }).then((all) => all.filter(({ actor }) => actor?.username === 'root'))
      const who = { actor: { username: 'root' }, actorId: me?.actorId, sessionId: me?.sessionId, address: '127.0.0.1' }
      const done = { ...who, outcome: 'SUCCEEDED', refusalCode: null }
      for (const action of ['USER_CREATED', 'USER_UPDATED', 'PASSWORD_RESET', 'USER_DISABLED', 'USER_ENABLED', 'USER_DELETED'] as const)
        expect(await entry(action, userId)).toMatchObject({ ...done, action, targetKind: 'USER' })
      for (const action of ['GROUP_CREATED', 'GROUP_UPDATED', 'GROUP_DELETED'] as const)
        expect(await entry(action, groupId)).toMatchObject({ ...done, action, targetKind: 'GROUP' })
      for (const action of ['MEMBER_ADDED', 'MEMBER_UPDATED', 'MEMBER_REMOVED'] as const)
        expect(detailsOf(await entry(action, groupId))).toMatchObject({ userId })
      expect(detailsOf(await entry('MANAGER_ASSIGNED', groupId))).toEqual({ userId: ben.id })
      expect(detailsOf(await entry('MEMBER_ADDED', groupId))).toMatchObject({ priority: 'LOW' })
      expect(detailsOf(await entry('GROUP_CREATED', groupId))).toMatchObject({ managerId: maya.id, members: '2' })
    },
  )

  test('what did not happen is not noted', async () => {
    const before = await entries({ action: 'USER_CREATED' })
    const { createUser } = await admin.get(CreateUserDocument, { input: { username: 'root', password: PASSWORD } })
    expect(createUser.userErrors).toMatchObject([{ code: 'USERNAME_TAKEN' }])
    expect(await admin.refusal(DisableUserDocument, { input: { userId: Buffer.from('User:x').toString('base64') } })).toBe('NOT_FOUND')
    expect(await entries({ action: 'USER_CREATED' })).toEqual(before)
  })

  test("a manager's interventions are noted", async () => {
    const { groupId, maya, ben, mayasWatch, bensWatch } = await createTeam(admin)
    const { burst } = await press(bensWatch, groupId, 'press-1')
    const burstId = burst?.id ?? ''
    await mayasWatch.get(RevokeTalkDocument, { input: { groupId, burstId } })
    await mayasWatch.get(RevokeTalkDocument, { input: { groupId, burstId } })
    await mayasWatch.get(MuteMemberDocument, { input: { groupId, userId: ben.id, durationMs: 5_000 } })
    await mayasWatch.get(UnmuteMemberDocument, { input: { groupId, userId: ben.id } })
    await vi.waitFor(async () => expect(await entries({ actorId: maya.id, action: 'MEMBER_UNMUTED' })).not.toEqual([]))
    expect(await entry('TALK_REVOKED', burstId)).toMatchObject({ actorId: maya.id, targetKind: 'BURST', outcome: 'SUCCEEDED' })
    expect(detailsOf(await entry('TALK_REVOKED', burstId))).toEqual({ groupId })
    expect(detailsOf(await entry('MEMBER_MUTED', groupId))).toEqual({ userId: ben.id, durationMs: '5000' })
    expect(detailsOf(await entry('MEMBER_UNMUTED', groupId))).toEqual({ userId: ben.id })
  })
})

test('A28 the audit log is told who tries any mutation that is for admins, or for admins and managers', () => {
  const mutations = Object.values(schema.getMutationType()?.getFields() ?? {})
  const restricted = mutations.filter(({ description }) => /[Aa]dmins only/.test(description ?? ''))
  expect(restricted.length).toBeGreaterThan(16)
  expect(restricted.filter(({ extensions }) => extensions.audited === undefined).map(({ name }) => name)).toEqual([])
})

describe.each(['POST', 'WebSocket'])('A28 over %s', (transport) => {
  test('who tries what only admins or managers may is refused, and noted once with how often', async () => {
    const { groupId, ben, cleo, bensWatch } = await createTeam(admin)
    await using socket = bensWatch.openSocket()
    const by = transport === 'POST' ? bensWatch : socket
    const refusal = async <Variables>(document: TypedDocumentString<unknown, Variables>, variables: Variables) =>
      (await by.ask(document, variables)).errors?.[0]?.extensions?.code
    for (let time = 0; time < 5; time++) {
      expect(await refusal(UpdateUserDocument, { input: { userId: ben.id, systemRole: 'ADMIN' } })).toBe('FORBIDDEN')
      expect(await refusal(AddGroupMemberDocument, { input: { groupId, userId: cleo.id } })).toBe('FORBIDDEN')
      expect(await refusal(MuteMemberDocument, { input: { groupId, userId: cleo.id, durationMs: 5_000 } })).toBe('FORBIDDEN')
    }
    await vi.waitFor(async () => expect(await entries({ actorId: ben.id, action: 'MEMBER_MUTED' })).not.toEqual([]))
    const refused = (await entries({ actorId: ben.id })).filter(({ outcome }) => outcome === 'REFUSED')
    expect(refused.map(({ action }) => action).toSorted()).toEqual(['MEMBER_ADDED', 'MEMBER_MUTED', 'USER_UPDATED'])
    for (const one of refused) {
      expect(one).toMatchObject({ refusalCode: 'FORBIDDEN', address: '127.0.0.1', actor: { id: ben.id } })
      expect(detailsOf(one)).toEqual({ times: '1' })
    }
  })
})

describe('the audit log', () => {
  test('is for admins alone, over every transport', async () => {
    const { mayasWatch } = await createTeam(admin)
    for (const [code, client] of [
      ['FORBIDDEN', mayasWatch],
      ['UNAUTHENTICATED', new Client(neda.url)],
    ] as const) {
      expect(await client.refusal(AuditLogDocument, {})).toBe(code)
      await using stream = await client.subscribeSse(AuditLogDocument, {})
      await stream.received.ended(5_000)
      expect(stream.received.items[0]?.errors?.[0]?.extensions?.code).toBe(code)
      await using socket = client.openSocket()
      expect((await socket.ask(AuditLogDocument, {})).errors?.[0]?.extensions?.code).toBe(code)
    }
  })

  test('is read page by page, newest first, while it grows', async () => {
    const { ben } = await createTeam(admin)
    await admin.get(DisableUserDocument, { input: { userId: ben.id } })
    const first = (await admin.get(AuditLogDocument, { first: 3 })).auditLog
    expect(first.pageInfo.hasNextPage).toBe(true)
    await admin.get(EnableUserDocument, { input: { userId: ben.id } })
    const second = (await admin.get(AuditLogDocument, { first: 3, after: first.pageInfo.endCursor ?? null })).auditLog
    const numbers = [...first.edges, ...second.edges].map(({ node }) => Number(node.number))
    expect(numbers).toEqual(Array.from({ length: 6 }, (_, index) => (numbers[0] ?? 0) - index))
    const back = (await admin.get(AuditLogDocument, { last: 3, before: second.edges[0]?.cursor ?? null })).auditLog
    expect(back.edges.map(({ cursor }) => cursor)).toEqual(first.edges.map(({ cursor }) => cursor))
  })

  test('is filtered by who, what and when', async () => {
    const { maya, ben, mayasWatch, groupId } = await createTeam(admin)
    const from = new Date().toISOString()
    await mayasWatch.get(MuteMemberDocument, { input: { groupId, userId: ben.id, durationMs: 5_000 } })
    await vi.waitFor(async () => expect(await entries({ actorId: maya.id, from })).toHaveLength(1))
    expect(await entries({ actorId: maya.id, from })).toMatchObject([{ action: 'MEMBER_MUTED' }])
    expect((await entries({ actorId: maya.id, to: from })).map(({ action }) => action)).toEqual(['SIGNED_IN'])
    expect(await entries({ actorId: ben.id, action: 'MEMBER_MUTED' })).toEqual([])
    expect(await entries({ from: new Date(Date.now() + 60_000).toISOString() })).toEqual([])
  })

  test.each([
    [{ first: 0 }, 'BAD_USER_INPUT'],
    [{ first: 101 }, 'BAD_USER_INPUT'],
    [{ after: 'nonsense' }, 'BAD_USER_INPUT'],
    [{ after: Buffer.from('fencingToken:7').toString('base64') }, 'BAD_USER_INPUT'],
    [{ after: Buffer.from(`auditEntry:${'9'.repeat(40)}`).toString('base64') }, 'BAD_USER_INPUT'],
    [{ filter: { actorId: 'nonsense' } }, 'NOT_FOUND'],
  ])('A25 answers %o with %s', async (variables, code) => {
    expect(await admin.refusal(AuditLogDocument, variables)).toBe(code)
  })

  test('names who was deleted by id alone, and holds no name and no secret', async () => {
    const boss = await createPerson(admin, 'Zuzanna Nowak', 'ADMIN')
    const device = await boss.device('the watch of Zuzanna')
    const { maya } = await createTeam(device)
    await addMember(device, await createGroup(device, 'A secret place', maya), boss.id)
    await new Client(neda.url).ask(CreateUserDocument, { input: { username: 'x', password: 'a-secret-password' } })
    expect(await entries({ actorId: boss.id, action: 'GROUP_CREATED' })).toMatchObject([
      { actor: { id: boss.id } },
      { actor: { id: boss.id } },
    ])
    await admin.get(DeleteUserDocument, { input: { userId: boss.id } })
    const [created] = await entries({ actorId: boss.id, action: 'GROUP_CREATED' })
    expect(created).toMatchObject({ actor: null, actorId: boss.id })
    const stored = JSON.stringify((await entries()).map((noted) => ({ ...noted, actor: null })))
    for (const word of ['Zuzanna', boss.username, 'A secret place', PASSWORD, 'a-secret-password', device.accessToken ?? 'token'])
      expect(stored).not.toContain(word)
  })
})
