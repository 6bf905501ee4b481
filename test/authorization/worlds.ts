import { randomUUID } from 'node:crypto'
import { DeleteGroupDocument, DeleteUserDocument } from '../generated/operations.ts'
import { createGroup, createPerson, PASSWORD } from '../support/people.ts'
import { press } from '../support/talk.ts'
import { fresh, membershipOf, type Objects, type Stage, signIn } from './stage.ts'

const TYPES: Readonly<Record<keyof Objects, string>> = {
  groupId: 'Group',
  userId: 'User',
  mutedId: 'User',
  membershipId: 'GroupMember',
  sessionId: 'Session',
  burstId: 'TalkBurst',
}

const each = (make: (type: string, name: keyof Objects) => string): Objects =>
  Object.fromEntries(Object.entries(TYPES).map(([name, type]) => [name, make(type, name as keyof Objects)])) as unknown as Objects

const base64 = (text: string) => Buffer.from(text).toString('base64')

/** An id as NEDA makes them, of nothing. */
export const unknownId = (type: string): string => base64(`${type}:${randomUUID().replace(/^(.{14})./, '$17')}`)

/** What somebody may ask for who knows no id, or an old one, or tries. */
export async function worldsWithout(stage: Stage): Promise<Readonly<Record<string, Objects>>> {
  return {
    unknown: each((type) => unknownId(type)),
    deleted: await deleted(stage),
    'of another type': each((type) => unknownId(type === 'Group' ? 'User' : 'Group')),
    'of a type that is none': each(() => unknownId('Secret')),
    malformed: each(() => 'not an id'),
    'no UUID': each((type) => base64(`${type}:1`)),
    empty: each(() => ''),
    'another notation': each((type) => base64(`${type}:{${randomUUID()}}`)),
  }
}

/** What was there. */
async function deleted({ url, admin }: Stage): Promise<Objects> {
  const [manager, member] = [await createPerson(admin, 'Gone manager'), await createPerson(admin, 'Gone member')]
  const groupId = await createGroup(admin, 'Gone', manager, [member])
  const device = await signIn(url, 'member', { person: member, password: PASSWORD })
  const { burst } = await press(device.client, groupId, fresh('gone'))
  const membershipId = await membershipOf(admin, groupId, member.id)
  await admin.get(DeleteUserDocument, { input: { userId: member.id } })
  await admin.get(DeleteGroupDocument, { input: { groupId } })
  await device.socket[Symbol.asyncDispose]()
  const { id: userId } = member
  return { groupId, userId, mutedId: userId, membershipId, sessionId: device.sessionId, burstId: burst?.id ?? '' }
}
