import { AddGroupMemberDocument, CreateGroupDocument, CreateUserDocument } from '../generated/operations.ts'
import { type Client, signIn } from './client.ts'

const PASSWORD = 'a long enough password'
let people = 0

export interface Person {
  readonly id: string
  readonly username: string
  readonly displayName: string
  /** Signs in on another device. */
  device(): Promise<Client>
}

/** A new user, made by an admin through the API. */
export async function createPerson(admin: Client, name: string): Promise<Person> {
  const username = `${name}-${process.pid}-${++people}`
  const { createUser } = await admin.get(CreateUserDocument, { input: { username, displayName: name, password: PASSWORD } })
  if (!createUser.user) throw new Error(JSON.stringify(createUser.userErrors))
  const origin = new URL(admin.url).origin
  return { id: createUser.user.id, username, displayName: name, device: () => signIn(origin, username, PASSWORD) }
}

/** A new group with a manager and two members, each signed in on one device. */
export async function createTeam(admin: Client, settings: { talkLimitMs?: number } = {}) {
  const [maya, ben, cleo] = await Promise.all([createPerson(admin, 'Maya'), createPerson(admin, 'Ben'), createPerson(admin, 'Cleo')])
  const input = { name: 'Night watch', managerId: maya.id, memberIds: [ben.id, cleo.id], ...settings }
  const { createGroup } = await admin.get(CreateGroupDocument, { input })
  if (!createGroup.group) throw new Error(JSON.stringify(createGroup.userErrors))
  const [mayasWatch, bensWatch, cleosWatch] = await Promise.all([maya.device(), ben.device(), cleo.device()])
  return { groupId: createGroup.group.id, maya, ben, cleo, mayasWatch, bensWatch, cleosWatch }
}

export async function addMember(admin: Client, groupId: string, userId: string, canTalk = true): Promise<void> {
  const { addGroupMember } = await admin.get(AddGroupMemberDocument, { input: { groupId, userId, canTalk } })
  if (addGroupMember.userErrors.length > 0) throw new Error(JSON.stringify(addGroupMember.userErrors))
}
