import { readFileSync } from 'node:fs'
import { buildSchema } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AddGroupMemberDocument,
  AssignGroupManagerDocument,
  CreateGroupDocument,
  CreateUserDocument,
  DeleteGroupDocument,
  DeleteUserDocument,
  DisableUserDocument,
  EnableUserDocument,
  GroupDocument,
  GroupsDocument,
  LoginDocument,
  MeDocument,
  NodeDocument,
  RemoveGroupMemberDocument,
  ResetUserPasswordDocument,
  TalkBurstsDocument,
  UpdateGroupDocument,
  UpdateGroupMemberDocument,
  UpdateUserDocument,
  UserDocument,
  UsersDocument,
} from '../generated/operations.ts'
import { Client, signIn } from '../support/client.ts'
import { createPerson, createTeam, PASSWORD, type Person, startWithAdmin } from '../support/people.ts'
import { press, release } from '../support/talk.ts'

const idOf = (type: string) => Buffer.from(`${type}:01890a5d-ac96-774b-bcce-b302099a8057`).toString('base64')

/** Every mutation that only admins may call, about one member of one group. */
const ADMINISTRATION: Record<string, (client: Client, groupId: string, userId: string) => Promise<string | undefined>> = {
  createUser: (client) => client.refusal(CreateUserDocument, { input: { username: 'never-made', password: PASSWORD } }),
  updateUser: (client, _, userId) => client.refusal(UpdateUserDocument, { input: { userId, systemRole: 'ADMIN' } }),
  disableUser: (client, _, userId) => client.refusal(DisableUserDocument, { input: { userId } }),
  enableUser: (client, _, userId) => client.refusal(EnableUserDocument, { input: { userId } }),
  deleteUser: (client, _, userId) => client.refusal(DeleteUserDocument, { input: { userId } }),
  resetUserPassword: (client, _, userId) =>
    client.refusal(ResetUserPasswordDocument, { input: { userId, newPassword: 'another password' } }),
  createGroup: (client, _, managerId) => client.refusal(CreateGroupDocument, { input: { name: 'Never made', managerId } }),
  updateGroup: (client, groupId) => client.refusal(UpdateGroupDocument, { input: { groupId, name: 'Mine' } }),
  deleteGroup: (client, groupId) => client.refusal(DeleteGroupDocument, { input: { groupId } }),
  assignGroupManager: (client, groupId, userId) => client.refusal(AssignGroupManagerDocument, { input: { groupId, userId } }),
  addGroupMember: (client, groupId, userId) => client.refusal(AddGroupMemberDocument, { input: { groupId, userId } }),
  updateGroupMember: (client, groupId, userId) =>
    client.refusal(UpdateGroupMemberDocument, { input: { groupId, userId, priority: 'HIGH' } }),
  removeGroupMember: (client, groupId, userId) => client.refusal(RemoveGroupMemberDocument, { input: { groupId, userId } }),
}

describe.concurrent('admins administer', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let admin: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    admin = neda.admin
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  test('the table of this test has every mutation that the schema reserves for admins', () => {
    const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))
    const mutations = Object.values(schema.getMutationType()?.getFields() ?? {})
    const reserved = mutations.filter(({ description }) => description?.includes('Admins only.')).map(({ name }) => name)
    expect(reserved.toSorted()).toEqual(Object.keys(ADMINISTRATION).toSorted())
  })

  test.for(Object.entries(ADMINISTRATION))('%s is FORBIDDEN for a member and for the manager, and changes nothing', async ([, ask]) => {
    const { groupId, ben, cleo, bensWatch, mayasWatch } = await createTeam(admin)
    const look = async () => [await admin.get(NodeDocument, { id: groupId }), await admin.get(UserDocument, { id: cleo.id })]
    const before = await look()
    for (const device of [bensWatch, mayasWatch]) {
      expect(await ask(device, groupId, cleo.id)).toBe('FORBIDDEN')
      expect(await ask(device, groupId, ben.id)).toBe('FORBIDDEN')
      expect(await ask(device, idOf('Group'), idOf('User')), 'what does not exist is not told apart').toBe('FORBIDDEN')
    }
    expect(await ask(new Client(neda.url), groupId, cleo.id)).toBe('UNAUTHENTICATED')
    expect(await look()).toEqual(before)
  })

  test('the list of users is for admins; one user is for admins and for itself', async () => {
    const { ben, cleo, bensWatch, mayasWatch } = await createTeam(admin)
    for (const device of [bensWatch, mayasWatch]) expect(await device.refusal(UsersDocument, {})).toBe('FORBIDDEN')
    expect(await new Client(neda.url).refusal(UsersDocument, {})).toBe('UNAUTHENTICATED')
    expect((await bensWatch.get(UserDocument, { id: ben.id })).user?.id).toBe(ben.id)
    expect((await admin.get(UserDocument, { id: cleo.id })).user?.username).toBe(cleo.username)
    const foreign = await bensWatch.ask(UserDocument, { id: cleo.id })
    expect(foreign.errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
    for (const id of [idOf('User'), 'not an id', idOf('Group')]) expect(await bensWatch.ask(UserDocument, { id })).toEqual(foreign)
  })

  test('a group is handed over: there is always exactly one manager, and the old one becomes a member', async () => {
    const { groupId, maya, ben, mayasWatch } = await createTeam(admin)
    const refused = async (person: Person) => {
      const input = { groupId, userId: person.id }
      return [
        (await admin.get(RemoveGroupMemberDocument, { input })).removeGroupMember,
        (await admin.get(DisableUserDocument, { input: { userId: person.id } })).disableUser,
        (await admin.get(DeleteUserDocument, { input: { userId: person.id } })).deleteUser,
      ]
    }
    const userErrors = [{ code: 'GROUP_NEEDS_MANAGER', field: ['input', 'userId'] }]
    expect(await refused(maya)).toMatchObject([
      { group: null, userErrors },
      { user: null, userErrors },
      { user: null, userErrors },
    ])
    expect((await mayasWatch.get(MeDocument, {})).me.disabled).toBe(false)

    const handOver = async (person: Person) =>
      (await admin.get(AssignGroupManagerDocument, { input: { groupId, userId: person.id } })).assignGroupManager
    expect(await handOver(ben)).toMatchObject({
      userErrors: [],
      group: { id: groupId, manager: { user: { id: ben.id }, priority: 'HIGH' } },
    })
    expect(await handOver(ben)).toMatchObject({ userErrors: [], group: { manager: { user: { id: ben.id } } } })
    const roles = async () =>
      Object.fromEntries(
        (await admin.get(GroupDocument, { id: groupId })).group?.members.edges.map(({ node }) => [node.user.displayName, node.role]) ?? [],
      )
    expect(await roles()).toEqual({ Maya: 'MEMBER', Ben: 'GROUP_MANAGER', Cleo: 'MEMBER' })
    expect(await refused(ben)).toMatchObject([{ userErrors }, { userErrors }, { userErrors }])
    expect(await handOver(await createPerson(admin, 'Eve'))).toMatchObject({ group: null, userErrors: [{ code: 'NOT_A_MEMBER' }] })
    expect((await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: maya.id } })).removeGroupMember.userErrors).toEqual([])
    expect(await roles()).toEqual({ Ben: 'GROUP_MANAGER', Cleo: 'MEMBER' })
    for (const input of [
      { groupId: idOf('Group'), userId: ben.id },
      { groupId, userId: idOf('User') },
    ])
      expect(await admin.refusal(AssignGroupManagerDocument, { input })).toBe('NOT_FOUND')
  })

  test('who is disabled cannot be appointed, nor manage a new group, but stays a member', async () => {
    const { groupId, cleo, maya } = await createTeam(admin)
    await admin.get(DisableUserDocument, { input: { userId: cleo.id } })
    const { assignGroupManager } = await admin.get(AssignGroupManagerDocument, { input: { groupId, userId: cleo.id } })
    expect(assignGroupManager).toMatchObject({ group: null, userErrors: [{ code: 'INVALID_VALUE', field: ['input', 'userId'] }] })
    const created = await admin.get(CreateGroupDocument, { input: { name: 'Gate', managerId: cleo.id } })
    expect(created.createGroup).toMatchObject({ group: null, userErrors: [{ code: 'INVALID_VALUE', field: ['input', 'managerId'] }] })
    const { group } = await admin.get(GroupDocument, { id: groupId })
    expect(group?.manager.user.id).toBe(maya.id)
    expect(group?.members.edges.find(({ node }) => node.user.id === cleo.id)?.node).toMatchObject({
      role: 'MEMBER',
      user: { disabled: true },
    })
    await admin.get(EnableUserDocument, { input: { userId: cleo.id } })
    const after = await admin.get(AssignGroupManagerDocument, { input: { groupId, userId: cleo.id } })
    expect(after.assignGroupManager.group?.manager.user).toMatchObject({ id: cleo.id, disabled: false })
  })

  test('a disabled user is told the same as a wrong password, until enabled again', async () => {
    const dan = await createPerson(admin, 'Dan')
    const disabled = await admin.get(DisableUserDocument, { input: { userId: dan.id } })
    expect(disabled.disableUser).toMatchObject({ userErrors: [], user: { id: dan.id, disabled: true } })
    const anonymous = new Client(neda.url)
    const attempt = (password: string) => anonymous.ask(LoginDocument, { input: { username: dan.username, password } })
    expect((await attempt(PASSWORD)).errors?.[0]?.extensions?.code).toBe('INVALID_CREDENTIALS')
    expect((await attempt(PASSWORD)).errors).toEqual((await attempt('a wrong password')).errors)
    const enabled = await admin.get(EnableUserDocument, { input: { userId: dan.id } })
    expect(enabled.enableUser).toMatchObject({ userErrors: [], user: { disabled: false } })
    expect((await (await dan.device()).get(MeDocument, {})).me.id).toBe(dan.id)
  })

  test('of a user only what is said changes; a name that somebody has is taken', async () => {
    const [dan, eve] = await Promise.all([createPerson(admin, 'Dan'), createPerson(admin, 'Eve')])
    const update = async (input: { displayName?: string | null; username?: string; systemRole?: 'ADMIN' | null }) =>
      (await admin.get(UpdateUserDocument, { input: { userId: dan.id, ...input } })).updateUser
    expect(await update({ displayName: ' Daniel ' })).toMatchObject({
      userErrors: [],
      user: { username: dan.username, displayName: 'Daniel', systemRole: 'USER', disabled: false },
    })
    expect(await update({ displayName: null, systemRole: null })).toMatchObject({ user: { displayName: 'Daniel', systemRole: 'USER' } })
    expect(await update({ username: ` ${eve.username.toUpperCase()} ` })).toMatchObject({
      user: null,
      userErrors: [{ code: 'USERNAME_TAKEN', field: ['input', 'username'] }],
    })
    const username = `${dan.username}-later`
    expect(await update({ username: username.toUpperCase() })).toMatchObject({ user: { username: username.toUpperCase() } })
    expect(await update({ username })).toMatchObject({ userErrors: [], user: { username, displayName: 'Daniel' } })
    await expect(dan.device()).rejects.toThrow('INVALID_CREDENTIALS')
    const watch = await signIn(neda.url, username, PASSWORD)
    expect(await watch.refusal(UsersDocument, {})).toBe('FORBIDDEN')
    expect(await update({ systemRole: 'ADMIN' })).toMatchObject({ user: { systemRole: 'ADMIN', displayName: 'Daniel' } })
    expect((await watch.get(UsersDocument, { first: 1 })).users.edges).toHaveLength(1)
    for (const wrong of [{ displayName: ' ' }, { username: 'x'.repeat(101) }])
      expect(await admin.refusal(UpdateUserDocument, { input: { userId: dan.id, ...wrong } })).toBe('BAD_USER_INPUT')
    expect(await admin.refusal(UpdateUserDocument, { input: { userId: idOf('User'), displayName: 'x' } })).toBe('NOT_FOUND')
  })

  test('a deleted user is nowhere to be found, its name is free, and what it said is still its own', async () => {
    const { groupId, ben, maya, bensWatch, mayasWatch } = await createTeam(admin)
    const { burst } = await press(bensWatch, groupId, 'b1')
    await release(bensWatch, groupId, 'b1')
    const membership = (await admin.get(GroupDocument, { id: groupId })).group?.members.edges.find(({ node }) => node.user.id === ben.id)
      ?.node.id
    const { deleteUser } = await admin.get(DeleteUserDocument, { input: { userId: ben.id } })
    expect(deleteUser).toMatchObject({ userErrors: [], user: { id: ben.id, username: ben.username } })

    expect(await admin.refusal(UserDocument, { id: ben.id })).toBe('NOT_FOUND')
    for (const id of [ben.id, membership ?? '']) expect(await admin.refusal(NodeDocument, { id })).toBe('NOT_FOUND')
    expect((await admin.get(UsersDocument, { filter: { search: ben.username } })).users.edges).toEqual([])
    expect((await admin.get(GroupsDocument, { filter: { memberId: ben.id } })).groups.edges).toEqual([])
    const { group } = await mayasWatch.get(GroupDocument, { id: groupId })
    expect(group?.members.edges.map(({ node }) => node.user.displayName)).toEqual(['Maya', 'Cleo'])
    for (const ask of [
      'updateUser',
      'disableUser',
      'enableUser',
      'deleteUser',
      'resetUserPassword',
      'addGroupMember',
      'assignGroupManager',
    ])
      expect([ask, await ADMINISTRATION[ask]?.(admin, groupId, ben.id)]).toEqual([ask, 'NOT_FOUND'])
    await expect(ben.device()).rejects.toThrow('INVALID_CREDENTIALS')

    const again = await admin.get(CreateUserDocument, { input: { username: ben.username, displayName: 'Another Ben', password: PASSWORD } })
    expect(again.createUser.userErrors).toEqual([])
    expect(again.createUser.user?.id).not.toBe(ben.id)
    const newcomer = await signIn(neda.url, ben.username, PASSWORD)
    expect((await newcomer.get(GroupsDocument, {})).groups.edges).toEqual([])
    const { talkBursts } = await mayasWatch.get(TalkBurstsDocument, { groupId })
    expect(talkBursts.edges.map(({ node }) => node)).toMatchObject([
      { id: burst?.id, endReason: 'RELEASED', speaker: { id: ben.id, displayName: 'Ben', username: ben.username } },
    ])
    expect((await admin.get(GroupDocument, { id: groupId })).group?.manager.user.id).toBe(maya.id)
  })

  test('a deleted group is nowhere to be found, and its manager is free to go', async () => {
    const { groupId, maya, ben, mayasWatch } = await createTeam(admin)
    const membership = (await admin.get(GroupDocument, { id: groupId })).group?.members.edges[0]?.node.id ?? ''
    const { deleteGroup } = await admin.get(DeleteGroupDocument, { input: { groupId } })
    expect(deleteGroup).toMatchObject({ userErrors: [], group: { id: groupId, name: 'Night watch' } })
    for (const device of [admin, mayasWatch]) {
      expect(await device.refusal(GroupDocument, { id: groupId })).toBe('NOT_FOUND')
      expect(await device.refusal(TalkBurstsDocument, { groupId })).toBe('NOT_FOUND')
      for (const id of [groupId, membership]) expect(await device.refusal(NodeDocument, { id })).toBe('NOT_FOUND')
    }
    expect((await mayasWatch.get(GroupsDocument, {})).groups.edges).toEqual([])
    expect((await admin.get(GroupsDocument, { filter: { memberId: ben.id } })).groups.edges).toEqual([])
    for (const ask of ['updateGroup', 'deleteGroup', 'addGroupMember', 'updateGroupMember', 'removeGroupMember', 'assignGroupManager'])
      expect([ask, await ADMINISTRATION[ask]?.(admin, groupId, ben.id)]).toEqual([ask, 'NOT_FOUND'])
    expect((await admin.get(DeleteUserDocument, { input: { userId: maya.id } })).deleteUser.userErrors).toEqual([])
  })

  test('a deleted group is shown for the last time with its closed floor', async () => {
    const { groupId } = await createTeam(admin)
    const query = 'mutation ($input: DeleteGroupInput!) { deleteGroup(input: $input) { group { name floor { state } } } }'
    const answer = await (await admin.post({ query, variables: { input: { groupId } } })).json()
    expect(answer).toEqual({ data: { deleteGroup: { group: { name: 'Night watch', floor: { state: 'CLOSED' } } } } })
  })
})
