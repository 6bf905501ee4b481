import { beforeAll, describe, expect, test } from 'vitest'
import {
  AssignGroupManagerDocument,
  ChangePasswordDocument,
  DeleteGroupDocument,
  DeleteUserDocument,
  DisableUserDocument,
  FloorDocument,
  FloorMessageDocument,
  JoinGroupDocument,
  LeaveGroupDocument,
  LogoutDocument,
  MuteMemberDocument,
  PresenceDocument,
  ReleaseTalkDocument,
  RemoveGroupMemberDocument,
  RequestTalkDocument,
  ResetUserPasswordDocument,
  RevokeOtherSessionsDocument,
  RevokeTalkDocument,
  SpeakerChangedDocument,
  UpdateGroupMemberDocument,
  UpdateUserDocument,
} from '../generated/operations.ts'
import type { Client, Socket, Subscription } from '../support/client.ts'
import { Stopwatch } from '../support/machine.ts'
import { addMember, createGroup, createPerson, endCode, PASSWORD, type Person } from '../support/people.ts'
import { press, release } from '../support/talk.ts'
import { ask, operation } from './play.ts'
import { rowsOf } from './rows.ts'
import { fresh, type Stage } from './stage.ts'
import { LOSSES } from './table.ts'

const AT_ONCE = 1_000
type Stream = 'speakerChanged' | 'presence' | 'floorMessage'
const DOCUMENTS = { speakerChanged: SpeakerChangedDocument, presence: PresenceDocument, floorMessage: FloorMessageDocument }
const rows = rowsOf<Stream>(LOSSES)

/** Who loses a right, where, and who takes it. */
interface Loser {
  readonly admin: Client
  readonly groupId: string
  readonly person: Person
  readonly device: Client
  readonly other: Person
}

const another = ({ person }: Loser) => person.device('another device')

/** What happens in each line of the table. */
const EVENTS: Readonly<Record<string, (loser: Loser) => Promise<unknown>>> = {
  'member: removed from the group': ({ admin, groupId, person }) =>
    admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: person.id } }),
  'member: the group is deleted': ({ admin, groupId }) => admin.get(DeleteGroupDocument, { input: { groupId } }),
  'member: signed out': ({ device }) => device.get(LogoutDocument, {}),
  'member: signed out by another': async (loser) => (await another(loser)).get(RevokeOtherSessionsDocument, {}),
  'member: password changed': async (loser) =>
    (await another(loser)).get(ChangePasswordDocument, { input: { currentPassword: PASSWORD, newPassword: 'quite another password' } }),
  'member: password reset': ({ admin, person }) =>
    admin.get(ResetUserPasswordDocument, { input: { userId: person.id, newPassword: 'quite another password' } }),
  'member: disabled': ({ admin, person }) => admin.get(DisableUserDocument, { input: { userId: person.id } }),
  'member: deleted': ({ admin, person }) => admin.get(DeleteUserDocument, { input: { userId: person.id } }),
  'member: may only listen': ({ admin, groupId, person }) =>
    admin.get(UpdateGroupMemberDocument, { input: { groupId, userId: person.id, canTalk: false } }),
  'manager: hands over': ({ admin, groupId, other }) => admin.get(AssignGroupManagerDocument, { input: { groupId, userId: other.id } }),
  'admin: is no admin any more': ({ admin, person }) => admin.get(UpdateUserDocument, { input: { userId: person.id, systemRole: 'USER' } }),
  'admin: disabled': ({ admin, person }) => admin.get(DisableUserDocument, { input: { userId: person.id } }),
}

/** For a test file that has set a stage. */
export const describeLosses = (on: () => Stage) =>
  describe('rights that are lost while streams are open', () => {
    let admin: Client
    let other: Person
    let others: Client

    beforeAll(async () => {
      admin = on().admin
      other = await createPerson(admin, 'Olga')
      others = await other.device()
    })

    test('each line has its event', () => {
      expect(Object.keys(EVENTS)).toEqual(rows.map(({ name }) => name))
    })

    test.each(rows)('A27 A33 $name: the last result says why, and nothing comes after it', async ({ name, answers }) => {
      await using scene = await setScene(name)
      const { loser, socket, streams } = scene
      await EVENTS[name]?.(loser)
      for (const { field, stream } of streams) {
        const expected = answers[field]
        if (expected === 'goes on') continue
        expect(await endCode(stream, AT_ONCE), field).toBe(expected)
      }
      const told = streams.map(({ stream }) => stream.received.items.length)
      if (answers.presence !== 'GROUP_CLOSED') await makeNews(loser)
      for (const [at, { field, stream }] of streams.entries()) {
        if (answers[field] !== 'goes on') expect(stream.received.items.length, `${field} is silent`).toBe(told[at])
        else if (field !== 'floorMessage') await stream.received.find(({ data }) => data?.[field]?.kind !== 'SNAPSHOT', AT_ONCE)
        else expect(stream.received.items.filter(({ errors }) => errors)).toEqual([])
      }
      expect(await loser.device.refusal(FloorDocument, { groupId: loser.groupId })).toBe(AFTER[answers.presence])
      if (answers.presence === 'SESSION_REVOKED') expect((await socket.closed).code).toBe(4401)
      else expect(socket.isOpen).toBe(true)
    })

    /** Somebody talks, comes and goes. */
    async function makeNews({ groupId }: Loser) {
      const requestId = fresh('news')
      expect((await press(others, groupId, requestId)).outcome).toBe('GRANTED')
      await release(others, groupId, requestId)
      await others.get(JoinGroupDocument, { input: { groupId } })
      await others.get(LeaveGroupDocument, { input: { groupId } })
    }

    async function setScene(name: string) {
      const kind = name.split(':')[0]
      const person = await createPerson(admin, 'Luca', kind === 'admin' ? 'ADMIN' : 'USER')
      const manager = kind === 'manager' ? person : await createPerson(admin, 'Maya')
      const groupId = await createGroup(admin, 'Night watch', manager, [other])
      if (kind === 'member') await addMember(admin, groupId, person.id)
      const device = await person.device()
      const socket = device.openSocket()
      const answers = rows.find((row) => row.name === name)?.answers
      const fields = (Object.keys(DOCUMENTS) as Stream[]).filter((field) => answers?.[field] !== '-')
      const streams: { field: Stream; stream: Subscription<Partial<Record<Stream, { kind: string }>>> }[] = []
      for (const field of fields) {
        const document = operation(DOCUMENTS[field].toString())
        for (const stream of [await device.subscribeSse(document, { groupId }), socket.subscribe(document, { groupId })]) {
          streams.push({ field, stream })
          if (field !== 'floorMessage') await stream.received.next()
        }
      }
      await socketHasOpened(socket)
      const loser: Loser = { admin, groupId, person, device, other }
      return {
        loser,
        socket,
        streams,
        async [Symbol.asyncDispose]() {
          for (const { stream } of streams) await stream[Symbol.asyncDispose]()
          await socket[Symbol.asyncDispose]()
        },
      }
    }

    test.each(['POST', 'SSE', 'WebSocket'] as const)(
      'A30 over %s: who handed a group over stops nobody in it any more',
      async (transport) => {
        const [manager, heir] = [await createPerson(admin, 'Maya'), await createPerson(admin, 'Ben')]
        const groupId = await createGroup(admin, 'Night watch', manager, [heir, other])
        const client = await manager.device()
        await using socket = client.openSocket()
        const requestId = fresh('talk')
        const { burst } = await press(others, groupId, requestId)
        const burstId = burst?.id ?? ''
        const mute = { input: { groupId, userId: other.id, durationMs: 1_000 } }
        const asks = async (document: { toString(): string }, variables: object) =>
          (await ask(transport, { client, socket }, document.toString(), { ...variables })).errors?.[0]?.extensions?.code
        await admin.get(AssignGroupManagerDocument, { input: { groupId, userId: heir.id } })
        const since = new Stopwatch()
        expect(await asks(RevokeTalkDocument, { input: { groupId, burstId } })).toBe('FORBIDDEN')
        expect(await asks(MuteMemberDocument, mute)).toBe('FORBIDDEN')
        since.expect(AT_ONCE)
        const pressed = { input: { groupId, requestId: fresh('press'), priority: 'HIGH' } }
        const { data } = await ask(transport, { client, socket }, RequestTalkDocument.toString(), pressed)
        expect(data?.requestTalk, 'a rank that is gone pre-empts nobody').toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN' })
        await client.ask(ReleaseTalkDocument, { input: { groupId, requestId: pressed.input.requestId } })
        expect((await others.get(FloorDocument, { groupId })).floor).toMatchObject({ state: 'TAKEN', burst: { id: burstId } })
        await release(others, groupId, requestId)
      },
    )
  })

/** How it is refused to ask again. */
const AFTER: Readonly<Record<string, string | undefined>> = {
  ACCESS_REVOKED: 'NOT_FOUND',
  GROUP_CLOSED: 'NOT_FOUND',
  SESSION_REVOKED: 'SESSION_REVOKED',
  'goes on': undefined,
}

/** Operations begin in the order in which they came: what was subscribed before is open when this is answered. */
const socketHasOpened = (socket: Socket) => socket.ask(operation('{ __typename }'), {})
