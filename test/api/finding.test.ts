import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CreateGroupDocument,
  DisableUserDocument,
  GroupDocument,
  GroupsDocument,
  LoginDocument,
  NodeDocument,
  NodesDocument,
  RemoveGroupMemberDocument,
  UpdateGroupDocument,
  UpdateUserDocument,
  type UserFilter,
  UsersDocument,
} from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { createGroup, createPerson, createTeam, PASSWORD, startWithAdmin } from '../support/people.ts'

const idOf = (type: string) => Buffer.from(`${type}:01890a5d-ac96-774b-bcce-b302099a8057`).toString('base64')

describe.concurrent('finding people and groups', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let admin: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    admin = neda.admin
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  test('people and groups are found by the beginnings of words, in any case, and by what they are', async () => {
    const [jose, anna] = await Promise.all([createPerson(admin, 'José-Ångström Quux'), createPerson(admin, 'Anna Quuxley', 'ADMIN')])
    await admin.get(DisableUserDocument, { input: { userId: jose.id } })
    const found = async (filter: UserFilter) => {
      const { users } = await admin.get(UsersDocument, { filter, first: 100 })
      return users.edges.map(({ node }) => node.id).filter((id) => id === jose.id || id === anna.id)
    }
    for (const search of ['quux', 'QUUX', '  quu ', 'q'])
      expect((await found({ search })).toSorted()).toEqual([jose.id, anna.id].toSorted())
    for (const search of ['josé', 'JOSÉ quux', 'ång', 'quux josé', jose.username]) expect(await found({ search })).toEqual([jose.id])
    for (const search of ['uux', 'quux%', 'q%x', 'qu_x', 'quux anna josé', 'quuxleys', "'", 'osé']) {
      const isNothing = search === 'quux%' || search === "'"
      expect([search, await found({ search, systemRole: 'USER' })]).toEqual([search, isNothing ? [jose.id] : []])
    }
    expect(await found({ search: 'quux', systemRole: 'ADMIN' })).toEqual([anna.id])
    expect(await found({ search: 'quux', disabled: true })).toEqual([jose.id])
    expect(await found({ search: 'quux', disabled: false, systemRole: null })).toEqual([anna.id])
    await admin.get(UpdateUserDocument, { input: { userId: jose.id, displayName: 'Zed' } })
    expect(await found({ search: 'zed' })).toEqual([jose.id])
    expect(await admin.refusal(UsersDocument, { filter: { search: 'x'.repeat(2_001) } })).toBe('BAD_USER_INPUT')

    const gate = await createGroup(admin, 'North Gate: quux', anna)
    const dock = await createGroup(admin, 'Loading dock (quux)', anna)
    const groups = async (device: Client, filter: { search?: string; memberId?: string }) =>
      (await device.get(GroupsDocument, { filter })).groups.edges.map(({ node }) => node.id)
    expect(await groups(admin, { search: 'QUUX' })).toEqual([dock, gate])
    expect(await groups(admin, { search: 'gat north' })).toEqual([gate])
    expect(await groups(admin, { search: 'ate' })).toEqual([])
    expect(await groups(admin, { memberId: anna.id, search: 'dock' })).toEqual([dock])
    expect(await groups(admin, { memberId: jose.id })).toEqual([])
    await admin.get(UpdateGroupDocument, { input: { groupId: gate, name: 'South gate' } })
    expect(await groups(admin, { search: 'quux' })).toEqual([dock])
    const { bensWatch, groupId, ben, maya } = await createTeam(admin)
    expect(await groups(bensWatch, { search: 'quux' })).toEqual([])
    for (const { id } of [ben, maya]) expect(await groups(bensWatch, { memberId: id })).toEqual([groupId])
    expect(await groups(bensWatch, { memberId: anna.id })).toEqual([])
    expect(await admin.refusal(GroupsDocument, { filter: { memberId: '' } }), 'an empty id is not no filter').toBe('NOT_FOUND')
  })

  test('users and members come by pages that are bounded, forwards and backwards, each once', async () => {
    const staff = await Promise.all(Array.from({ length: 22 }, (_, n) => createPerson(admin, `Pagewise ${String(n).padStart(2, '0')}`)))
    const [manager] = staff
    if (!manager) throw new Error('nobody')
    const filter = { search: 'pagewise' }
    const names = (edges: readonly { node: { username: string } }[]) => edges.map(({ node }) => node.username)
    const first = (await admin.get(UsersDocument, { filter })).users
    expect(first.edges).toHaveLength(20)
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
    const rest = (await admin.get(UsersDocument, { filter, after: first.pageInfo.endCursor ?? '' })).users
    expect(rest.pageInfo.hasNextPage).toBe(false)
    const all = names([...first.edges, ...rest.edges])
    expect(all).toEqual(all.toSorted())
    expect(new Set(all)).toEqual(new Set(staff.map(({ username }) => username)))
    expect(names((await admin.get(UsersDocument, { filter, last: 2 })).users.edges)).toEqual(all.slice(-2))
    const before = (await admin.get(UsersDocument, { filter, last: 3, before: rest.pageInfo.startCursor ?? '' })).users
    expect(names(before.edges)).toEqual(all.slice(17, 20))

    const groupId = await createGroup(admin, 'Paged', manager, staff)
    const { group } = await admin.get(GroupDocument, { id: groupId })
    expect(group?.members.edges).toHaveLength(20)
    const more = (await admin.get(GroupDocument, { id: groupId, after: group?.members.pageInfo.endCursor ?? '' })).group?.members
    const members = [...(group?.members.edges ?? []), ...(more?.edges ?? [])].map(({ node }) => node.user.id)
    expect(members.toSorted()).toEqual(staff.map(({ id }) => id).toSorted())
    for (const page of [{ first: 0 }, { first: 101 }, { last: 101 }, { last: -1 }, { after: 'x' }, { before: idOf('User') }]) {
      expect(await admin.refusal(UsersDocument, page)).toBe('BAD_USER_INPUT')
      expect(await admin.refusal(GroupDocument, { id: groupId, ...page })).toBe('BAD_USER_INPUT')
      expect(await admin.refusal(GroupsDocument, page)).toBe('BAD_USER_INPUT')
    }
    const input = { name: 'Too many', managerId: manager.id, memberIds: Array.from({ length: 201 }, () => manager.id) }
    expect(await admin.refusal(CreateGroupDocument, { input })).toBe('BAD_USER_INPUT')
  })

  test('anything has an id by which it is found again, by who may see it and by nobody else', async () => {
    const { groupId, ben, bensWatch, cleo, cleosWatch } = await createTeam(admin)
    const stranger = (await createTeam(admin)).bensWatch
    const { group } = await admin.get(GroupDocument, { id: groupId })
    const membership = group?.members.edges.find(({ node }) => node.user.id === ben.id)?.node.id ?? ''
    const { login } = await new Client(neda.url).get(LoginDocument, { input: { username: ben.username, password: PASSWORD } })
    const sessionId = login.session?.id ?? ''
    const names = [groupId, membership, ben.id, cleo.id, sessionId, idOf('Group'), idOf('TalkBurst'), 'not an id']
    const seenBy = async (device: Client) => {
      const { data, errors } = await device.ask(NodesDocument, { ids: names })
      expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(data?.nodes.filter((node) => node === null).map(() => 'NOT_FOUND'))
      for (const [index, id] of names.entries()) {
        const one = await device.ask(NodeDocument, { id })
        expect(one.data?.node).toEqual(data?.nodes[index] ?? null)
        expect(one.errors?.[0]?.extensions?.code).toBe(data?.nodes[index] ? undefined : 'NOT_FOUND')
      }
      return data?.nodes.map((node) => node?.__typename ?? null)
    }
    expect(await seenBy(bensWatch)).toEqual(['Group', 'GroupMember', 'User', 'User', 'Session', null, null, null])
    expect(await seenBy(cleosWatch)).toEqual(['Group', 'GroupMember', 'User', 'User', null, null, null, null])
    expect(await seenBy(admin)).toEqual(['Group', 'GroupMember', 'User', 'User', null, null, null, null])
    expect(await seenBy(stranger)).toEqual(names.map(() => null))
    const { nodes } = await bensWatch.get(NodesDocument, { ids: [membership, groupId, sessionId, groupId] })
    expect(nodes).toMatchObject([
      { id: membership, user: { id: ben.id }, role: 'MEMBER' },
      { id: groupId, name: 'Night watch', manager: { role: 'GROUP_MANAGER' } },
      { id: sessionId, current: false },
      { id: groupId },
    ])
    expect(await new Client(neda.url).refusal(NodeDocument, { id: groupId })).toBe('UNAUTHENTICATED')
    const tooMany = { ids: Array.from({ length: 101 }, () => groupId) }
    const bare = { toString: () => 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }' } as unknown as typeof NodesDocument
    expect(await bensWatch.refusal(bare, tooMany)).toBe('BAD_USER_INPUT')
    expect(await bensWatch.refusal(NodesDocument, tooMany), 'and their members').toBe('QUERY_TOO_COMPLEX')
    await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })
    expect(await seenBy(bensWatch)).toEqual([null, null, 'User', null, 'Session', null, null, null])
  })
})
