import { expect } from 'vitest'
import { AddGroupMemberDocument, CreateGroupDocument, CreateUserDocument, type SystemRole } from '../generated/operations.ts'
import { type Answer, type Client, type Subscription, signIn } from './client.ts'
import { dataFolder } from './data-folder.ts'
import { startNedaProcess } from './start-neda.ts'

export const PASSWORD = 'a long enough password'
let people = 0

export interface Person {
  readonly id: string
  readonly username: string
  readonly displayName: string
  /** Signs in on another device. */
  device(deviceName?: string): Promise<Client>
}

/** A NEDA of its own, with an admin signed in. */
export async function startWithAdmin(env: Record<string, string> = {}) {
  const folder = await dataFolder()
  const neda = await startNedaProcess({
    NEDA_DATA_DIR: folder.path,
    NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root',
    NEDA_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
    ...env,
  })
  return {
    url: neda.url,
    printed: neda.printed,
    admin: await signIn(neda.url, 'root', PASSWORD),
    async [Symbol.asyncDispose]() {
      await neda.end('SIGTERM')
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** A new user, made by an admin through the API. */
export async function createPerson(admin: Client, name: string, systemRole: SystemRole = 'USER'): Promise<Person> {
  const username = `${name}-${process.pid}-${++people}`
  const { createUser } = await admin.get(CreateUserDocument, { input: { username, displayName: name, password: PASSWORD, systemRole } })
  if (!createUser.user) throw new Error(JSON.stringify(createUser.userErrors))
  const origin = new URL(admin.url).origin
  const device = (deviceName?: string) => signIn(origin, username, PASSWORD, deviceName)
  return { id: createUser.user.id, username, displayName: name, device }
}

/** A new group with a manager and two members, each signed in on one device. */
export async function createTeam(admin: Client, settings: { talkLimitMs?: number } = {}) {
  const [maya, ben, cleo] = await Promise.all([createPerson(admin, 'Maya'), createPerson(admin, 'Ben'), createPerson(admin, 'Cleo')])
  const groupId = await createGroup(admin, 'Night watch', maya, [ben, cleo], settings)
  const [mayasWatch, bensWatch, cleosWatch] = await Promise.all([maya.device(), ben.device(), cleo.device()])
  return { groupId, maya, ben, cleo, mayasWatch, bensWatch, cleosWatch }
}

export async function createGroup(
  admin: Client,
  name: string,
  manager: Person,
  members: readonly Person[] = [],
  settings: { talkLimitMs?: number } = {},
): Promise<string> {
  const input = { name, managerId: manager.id, memberIds: members.map(({ id }) => id), ...settings }
  const { createGroup } = await admin.get(CreateGroupDocument, { input })
  if (!createGroup.group) throw new Error(JSON.stringify(createGroup.userErrors))
  return createGroup.group.id
}

export async function addMember(admin: Client, groupId: string, userId: string, canTalk = true): Promise<void> {
  const { addGroupMember } = await admin.get(AddGroupMemberDocument, { input: { groupId, userId, canTalk } })
  if (addGroupMember.userErrors.length > 0) throw new Error(JSON.stringify(addGroupMember.userErrors))
}

/** The code with which the server ended a stream: nothing may come after it. */
export async function endCode({ received }: Subscription<unknown>, withinMs = 5_000): Promise<string | undefined> {
  await received.ended(withinMs)
  const told: readonly Answer<unknown>[] = received.items
  expect(told.slice(0, -1).filter(({ errors }) => errors)).toEqual([])
  return told.at(-1)?.errors?.[0]?.extensions?.code
}

interface Payload {
  readonly userErrors: readonly { readonly code: string }[]
}

/** What became of a mutation, in a word: done, its user error or the code of its refusal; of an outage the whole sentence. */
export function outcomeOf({ data, errors }: Answer<unknown>): string {
  const [payload] = Object.values((data ?? {}) as Record<string, Payload | null>)
  const [error] = errors ?? []
  if (error?.extensions?.code === 'SERVICE_UNAVAILABLE') return error.message
  return error?.extensions?.code ?? payload?.userErrors[0]?.code ?? 'done'
}
