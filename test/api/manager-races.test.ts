import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import {
  AddGroupMemberDocument,
  AssignGroupManagerDocument,
  CreateUserDocument,
  DeleteGroupDocument,
  DeleteUserDocument,
  DisableUserDocument,
  EnableUserDocument,
  GroupDocument,
  PresenceDocument,
  RemoveGroupMemberDocument,
  RequestTalkDocument,
  SpeakerChangedDocument,
  UpdateUserDocument,
} from '../generated/operations.ts'
import type { Answer, Client } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { createGroup, createPerson, createTeam, endCode, outcomeOf, PASSWORD, startWithAdmin } from '../support/people.ts'
import { endReasons, press, release } from '../support/talk.ts'

const uuidOf = (globalId: string) => Buffer.from(globalId, 'base64').toString().split(':')[1]

const TRY_AGAIN = 'A service that this needs does not answer: try again.'

const times = <T>(n: number, make: (index: number) => T): T[] => Array.from({ length: n }, (_, index) => make(index))

/** Groups that have not exactly one manager who may act, and memberships that should have ended. One statement: one instant. */
const BROKEN = `
  SELECT g."name", 'managers' AS what FROM "Group" g WHERE g."deletedAt" IS NULL AND 1 <> (
    SELECT count(*) FILTER (WHERE u."deletedAt" IS NULL AND u."disabledAt" IS NULL) + 10 * (count(*) - 1) FROM "GroupMember" m
    JOIN "User" u ON u."id" = m."userId" WHERE m."groupId" = g."id" AND m."deletedAt" IS NULL AND m."role" = 'GROUP_MANAGER')
  UNION ALL SELECT u."username", 'is deleted and still a member' FROM "User" u
    JOIN "GroupMember" m ON m."userId" = u."id" WHERE u."deletedAt" IS NOT NULL AND m."deletedAt" IS NULL
  UNION ALL SELECT u."username", 'is kept out and still signed in' FROM "User" u
    JOIN "Session" s ON s."userId" = u."id" WHERE (u."deletedAt" IS NOT NULL OR u."disabledAt" IS NOT NULL) AND s."revokedAt" IS NULL`

describe('admins who do the same thing at once', () => {
  const stack = new AsyncDisposableStack()
  let database: pg.Client
  let admin: Client
  let printed: () => string

  beforeAll(async () => {
    const folder = stack.use(await dataFolder())
    const postgres = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: pino({ level: 'silent' }) }))
    database = new pg.Client(postgres.url)
    await database.connect()
    stack.defer(() => database.end())
    const neda = stack.use(await startWithAdmin({ DATABASE_URL: postgres.url, PRESS_RATE: '1000' }))
    ;({ admin, printed } = neda)
  })
  afterAll(async () => {
    await stack.disposeAsync()
    expect(printed()).not.toMatch(/40P01|40001|deadlock|unexpected error|left out/i)
  })
  beforeEach(() => expect(broken()).resolves.toEqual([]))

  const broken = async () => (await database.query(BROKEN)).rows

  /** Looks again and again, through the API and into the database, while the work goes on. */
  async function watching(groupId: string, work: Promise<string[]>): Promise<string[]> {
    const over = new AbortController()
    const look = async () => {
      for (let n = 0; !over.signal.aborted || n < 3; n++) {
        const { group } = await admin.get(GroupDocument, { id: groupId, first: 100 })
        const managers = group?.members.edges.filter(({ node }) => node.role === 'GROUP_MANAGER') ?? []
        expect(managers).toHaveLength(1)
        expect([managers[0]?.node.user.disabled, group?.manager.user.disabled, group?.manager.role]).toEqual([
          false,
          false,
          'GROUP_MANAGER',
        ])
        expect(await broken()).toEqual([])
      }
    }
    const [outcomes] = await Promise.all([work.finally(() => over.abort()), look()])
    return outcomes
  }

  test('twenty hand a group over while its members are removed, disabled and deleted: it has one manager at every moment', async () => {
    const takeAway = [
      (groupId: string, userId: string) => admin.ask(RemoveGroupMemberDocument, { input: { groupId, userId } }),
      (_: string, userId: string) => admin.ask(DisableUserDocument, { input: { userId } }),
      (_: string, userId: string) => admin.ask(DeleteUserDocument, { input: { userId } }),
    ]
    const seen = new Set<string>()
    for (let round = 0; round < 3; round++) {
      const members = await Promise.all(times(21, (n) => createPerson(admin, `Member ${n}`)))
      const [first, ...others] = members
      if (!first) throw new Error('nobody')
      const groupId = await createGroup(admin, `Race ${round}`, first, others)
      const work = others.flatMap(({ id: userId }, n) => {
        const both = [
          admin.ask(AssignGroupManagerDocument, { input: { groupId, userId } }),
          takeAway[(n + round) % 3]?.(groupId, userId) ?? Promise.reject(new Error('nothing')),
        ]
        return n % 2 === 0 ? both : both.toReversed()
      })
      const outcomes = await watching(
        groupId,
        Promise.all(work).then((answers) => answers.map(outcomeOf)),
      )
      for (const outcome of outcomes) seen.add(outcome)
    }
    // Whoever has left, is disabled or manages is refused by that name; who waited too long on a busy machine may try again; nothing else goes wrong.
    const allowed = ['GROUP_NEEDS_MANAGER', 'INVALID_VALUE', 'NOT_A_MEMBER', 'NOT_FOUND', 'done', TRY_AGAIN]
    expect([...seen].filter((outcome) => !allowed.includes(outcome))).toEqual([])
    expect(seen.size, 'they met').toBeGreaterThan(2)
  })

  test('of an appointment and an end that come at once, one is refused', async () => {
    const [maya, ...members] = await Promise.all(times(13, (n) => createPerson(admin, `Candidate ${n}`)))
    if (!maya) throw new Error('nobody')
    const groupId = await createGroup(admin, 'Seat', maya, members)
    const assign = (userId: string) => admin.ask(AssignGroupManagerDocument, { input: { groupId, userId } })
    const race = async (n: number, userId: string, end: () => Promise<Answer<unknown>>, refusals: string) => {
      const outcomes = await Promise.all([sleep(n % 3).then(() => assign(userId)), sleep(Math.floor(n / 3) % 3).then(end)])
      const [assigned, ended] = outcomes.map(outcomeOf)
      expect(await broken()).toEqual([])
      if (assigned === 'done') expect(ended).toBe('GROUP_NEEDS_MANAGER')
      else expect([refusals, ended]).toEqual([assigned, 'done'])
      await assign(maya.id)
    }
    for (let n = 0; n < 36; n++) {
      const userId = members[0]?.id ?? ''
      const input = { groupId, userId }
      await race(n, userId, () => admin.ask(DisableUserDocument, { input: { userId } }), 'INVALID_VALUE')
      await admin.get(EnableUserDocument, { input: { userId } })
      await race(n, userId, () => admin.ask(RemoveGroupMemberDocument, { input }), 'NOT_A_MEMBER')
      await admin.ask(AddGroupMemberDocument, { input })
    }
    for (const [n, { id: userId }] of members.entries())
      await race(n, userId, () => admin.ask(DeleteUserDocument, { input: { userId } }), 'NOT_FOUND')
  })

  test('twenty hand a group over to twenty different members: all succeed, one after the other', async () => {
    const [first, ...others] = await Promise.all(times(21, (n) => createPerson(admin, `Member ${n}`)))
    if (!first) throw new Error('nobody')
    const groupId = await createGroup(admin, 'Hot potato', first, others)
    const work = others.map(({ id: userId }) => admin.ask(AssignGroupManagerDocument, { input: { groupId, userId } }))
    expect(
      await watching(
        groupId,
        Promise.all(work).then((answers) => answers.map(outcomeOf)),
      ),
    ).toEqual(times(20, () => 'done'))
  })

  test('a member that is added by several at once is added once', async () => {
    const { groupId } = await createTeam(admin)
    for (const person of await Promise.all(times(8, () => createPerson(admin, 'Newcomer')))) {
      const answers = await Promise.all(times(4, () => admin.ask(AddGroupMemberDocument, { input: { groupId, userId: person.id } })))
      expect(answers.map(outcomeOf).toSorted()).toEqual(['ALREADY_MEMBER', 'ALREADY_MEMBER', 'ALREADY_MEMBER', 'done'])
    }
    expect((await admin.get(GroupDocument, { id: groupId, first: 100 })).group?.members.edges).toHaveLength(11)
  })

  test('a name that several give at once is taken once, in whatever case', async () => {
    for (let round = 0; round < 5; round++) {
      const names = [`Twin ${round}`, `TWIN ${round}`, `twin ${round}`, ` tWIN ${round} `]
      const create = await Promise.all(names.map((username) => admin.ask(CreateUserDocument, { input: { username, password: PASSWORD } })))
      expect(create.map(outcomeOf).toSorted()).toEqual(['USERNAME_TAKEN', 'USERNAME_TAKEN', 'USERNAME_TAKEN', 'done'])
      const people = await Promise.all(names.map(() => createPerson(admin, 'Renamed')))
      const rename = await Promise.all(
        people.map(({ id: userId }, n) => admin.ask(UpdateUserDocument, { input: { userId, username: `${names[n]?.trim()} renamed` } })),
      )
      expect(rename.map(outcomeOf).toSorted()).toEqual(['USERNAME_TAKEN', 'USERNAME_TAKEN', 'USERNAME_TAKEN', 'done'])
    }
  })

  test('a group that is deleted while people press and join it is closed for good, and nothing of it stays open', async () => {
    for (let round = 0; round < 6; round++) {
      const { groupId, bensWatch, cleosWatch, mayasWatch } = await createTeam(admin)
      const newcomer = await createPerson(admin, 'Newcomer')
      await using floor = await mayasWatch.subscribeSse(SpeakerChangedDocument, { groupId })
      await floor.received.next()
      const remove = () => admin.ask(DeleteGroupDocument, { input: { groupId } })
      // Each presses on, whatever the answer, until the group is gone for it.
      const presses = [bensWatch, cleosWatch, bensWatch, cleosWatch].map(async (device, line) => {
        const seen = new Set<string | undefined>()
        for (let n = 0; !seen.has('NOT_FOUND') && n < 1_000; n++) {
          const { data, errors } = await device.ask(RequestTalkDocument, {
            input: { groupId, requestId: `r${line}-${n}`, queue: n % 3 === 0 },
          })
          seen.add(errors?.[0]?.extensions?.code ?? data?.requestTalk.denyReason ?? data?.requestTalk.outcome)
        }
        return [...seen]
      })
      const add = admin.ask(AddGroupMemberDocument, { input: { groupId, userId: newcomer.id } })
      const removals = (await Promise.all([remove(), remove()])).map(outcomeOf)
      expect(removals.toSorted()).toEqual(['NOT_FOUND', 'done'])
      expect(['done', 'NOT_FOUND']).toContain(outcomeOf(await add))
      const outcomes = (await Promise.all(presses)).flat()
      const allowed = ['GRANTED', 'QUEUED', 'FLOOR_TAKEN', 'GROUP_CLOSED', 'NOT_FOUND']
      expect(outcomes.filter((outcome) => !allowed.includes(outcome ?? ''))).toEqual([])
      expect(outcomes).toContain('NOT_FOUND')
      expect(await endCode(floor, 1_000)).toBe('GROUP_CLOSED')
      const last = floor.received.items.at(-2)?.data?.speakerChanged
      expect(last).toMatchObject({ kind: 'CLOSED', floor: { state: 'CLOSED', burst: null, queueLength: 0 } })
      const open = `
        SELECT "id" FROM "SpeakerHistory" WHERE "groupId" = $1 AND "endedAt" IS NULL
        UNION ALL SELECT "id" FROM "GroupVoiceSession" WHERE "groupId" = $1 AND "endedAt" IS NULL`
      await expect.poll(async () => (await database.query(open, [uuidOf(groupId)])).rows).toEqual([])
    }
  })

  test('who is removed while pressing holds nothing afterwards, and is not present', async () => {
    const { groupId, ben, bensWatch, mayasWatch } = await createTeam(admin)
    for (let round = 0; round < 6; round++) {
      const remove = admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })
      const presses = times(6, (n) => bensWatch.refusal(RequestTalkDocument, { input: { groupId, requestId: `r${round}-${n}` } }))
      for (const refusal of await Promise.all(presses)) expect([undefined, 'NOT_FOUND']).toContain(refusal)
      expect((await remove).removeGroupMember.userErrors).toEqual([])
      const { group } = await admin.get(GroupDocument, { id: groupId })
      expect(group?.floor).toMatchObject({ state: 'IDLE', burst: null })
      await using presence = await mayasWatch.subscribeSse(PresenceDocument, { groupId })
      expect((await presence.received.next()).data?.presence.everyone).toEqual([])
      await admin.get(AddGroupMemberDocument, { input: { groupId, userId: ben.id } })
    }
  })

  test('admins who talk are recorded while they are changed', async () => {
    const staff = await Promise.all(times(6, (n) => createPerson(admin, `Admin ${n}`, 'ADMIN')))
    const devices = await Promise.all(staff.map((person) => person.device()))
    const groups = await Promise.all(staff.map((person, n) => createGroup(admin, `Channel ${n}`, person)))
    const until = performance.now() + 3_000
    const talking = devices.map(async (device, n) => {
      for (let press_ = 0; performance.now() < until; press_++) await press(device, groups[n] ?? '', `r${press_}`)
    })
    const changing = times(4, async (n) => {
      const seen = new Set<string>()
      for (let change = n; performance.now() < until; change++) {
        const input = { userId: staff[change % 6]?.id ?? '', displayName: `Admin, changed ${change} times` }
        seen.add(outcomeOf(await admin.ask(UpdateUserDocument, { input })))
      }
      return [...seen]
    })
    await Promise.all(talking)
    expect(await Promise.all(changing)).toEqual(times(4, () => ['done']))
  })

  /** Locks rows as another program, an operator or the record does. */
  async function holding<T>(sql: string, globalId: string, work: () => Promise<T>): Promise<T> {
    await database.query('BEGIN')
    try {
      await database.query(sql, [uuidOf(globalId)])
      return await work()
    } finally {
      await database.query('ROLLBACK')
    }
  }
  const GROUP_HELD = 'SELECT 1 FROM "Group" WHERE "id" = $1 FOR UPDATE'

  test('while the record refers to a group and its people, they are changed without waiting for it', async () => {
    const { groupId, ben, cleo } = await createTeam(admin)
    const eve = await createPerson(admin, 'Eve', 'ADMIN')
    const changes = [
      () => admin.ask(AssignGroupManagerDocument, { input: { groupId, userId: ben.id } }),
      () => admin.ask(AddGroupMemberDocument, { input: { groupId, userId: eve.id } }),
      () => admin.ask(RemoveGroupMemberDocument, { input: { groupId, userId: cleo.id } }),
      () => admin.ask(UpdateUserDocument, { input: { userId: eve.id, displayName: 'Eva' } }),
      () => admin.ask(DisableUserDocument, { input: { userId: cleo.id } }),
      () => admin.ask(DeleteUserDocument, { input: { userId: eve.id } }),
      () => admin.ask(DeleteGroupDocument, { input: { groupId } }),
    ]
    const outcomes: string[] = []
    const referred = 'SELECT 1 FROM "Group", "User" WHERE "Group"."id" = $1 FOR KEY SHARE'
    await holding(referred, groupId, async () => {
      for (const change of changes) outcomes.push(outcomeOf(await change()))
    })
    expect(outcomes).toEqual(changes.map(() => 'done'))
  })

  test('while somebody holds a group in the database, a change of it is to be tried again', async () => {
    const { groupId, maya, ben } = await createTeam(admin)
    const handOver = () => admin.ask(AssignGroupManagerDocument, { input: { groupId, userId: ben.id } })
    const { errors } = await holding(GROUP_HELD, groupId, handOver)
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true })
    expect((await admin.get(GroupDocument, { id: groupId })).group?.manager.user.id).toBe(maya.id)
    expect(outcomeOf(await handOver())).toBe('done')
  })

  test('while somebody holds a group in the database for seconds, people talk, and every burst is recorded afterwards', async () => {
    const { groupId, bensWatch } = await createTeam(admin)
    await holding(GROUP_HELD, groupId, async () => {
      expect((await press(bensWatch, groupId, 'b1')).outcome).toBe('GRANTED')
      await release(bensWatch, groupId, 'b1')
      await sleep(8_000)
    })
    await expect.poll(() => endReasons(bensWatch, groupId), { timeout: 10_000 }).toEqual(['RELEASED'])
  })
})
