import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/database/client.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { hashPassword } from '../../src/domains/auth/passwords.ts'
import { newId } from '../../src/ids.ts'
import { TypedDocumentString } from '../generated/operations.ts'
import { type Client, signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import type { TemporaryFolder } from '../support/temporary-folder.ts'

/** A page of whatever length costs the same few statements. */

const GROUPS = 50
const MEMBERS = 50
const BURSTS = 50
const VOICE_SESSIONS = 20
const PASSWORD = 'a long enough password'
const log = pino({ level: 'silent' })

let folder: TemporaryFolder
let postgres: Awaited<ReturnType<typeof openEmbeddedPostgres>>
let app: App
let admin: Client

beforeAll(async () => {
  folder = await dataFolder()
  postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  await migrate(postgres.url, { log })
  await fill(postgres.url)
  app = await createApp(readConfig({ NEDA_DATA_DIR: folder.path, DATABASE_URL: postgres.url, PORT: '0' }), { log })
  admin = await signIn(app.url, 'admin', PASSWORD)
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await postgres[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** Groups that share no member, and a record of the first of them. */
async function fill(url: string): Promise<void> {
  await using database = openDatabase(url, log)
  const { db } = database
  const passwordHash = await hashPassword(PASSWORD)
  const person = (username: string) => ({ id: newId(), username, displayName: `The person ${username}`, passwordHash })
  const groups = Array.from({ length: GROUPS }, (_, n) => ({ id: newId(), name: `Channel ${String(n).padStart(2, '0')}` }))
  const people = groups.map((_, n) => Array.from({ length: MEMBERS }, (_, m) => person(`p-${n}-${m}`)))
  await db.user.createMany({ data: [{ ...person('admin'), systemRole: 'ADMIN' }, ...people.flat()] })
  await db.group.createMany({ data: groups })
  const role = (m: number) => (m === MEMBERS - 1 ? 'GROUP_MANAGER' : 'MEMBER')
  const members = groups.flatMap(({ id }, n) =>
    (people[n] ?? []).map((user, m) => ({ id: newId(), groupId: id, userId: user.id, role: role(m) }) as const),
  )
  await db.groupMember.createMany({ data: members })
  const sessions = (people[0] ?? []).map((user) => ({ id: newId(), userId: user.id }))
  const device = { deviceName: 'Watch', expiresAt: new Date() }
  await db.session.createMany({ data: sessions.map((session) => ({ ...session, ...device, refreshSalt: session.id })) })
  await fillRecord(db, groups[0]?.id ?? '', sessions)
}

/** Twice as many bursts and voice sessions as are read: three bursts of a second in each session, a minute apart. */
async function fillRecord(db: ReturnType<typeof openDatabase>['db'], groupId: string, sessions: readonly { id: string; userId: string }[]) {
  const began = Date.now() - 30 * 24 * 60 * 60_000
  const at = (minute: number, second = 0) => new Date(began + minute * 60_000 + second * 1_000)
  const voiceSessions = Array.from({ length: 2 * VOICE_SESSIONS }, (_, n) => ({
    id: newId(),
    startedAt: at(n * 10),
    endedAt: at(n * 10 + 5),
  }))
  await db.groupVoiceSession.createMany({ data: voiceSessions.map((session) => ({ ...session, groupId })) })
  const bursts = voiceSessions.flatMap((voice, n) =>
    [0, 1, 2].map((minute) => {
      const { id: sessionId = '', userId = '' } = sessions[(n + minute) % sessions.length] ?? {}
      const startedAt = at(n * 10 + minute)
      const times = { startedAt, expiresAt: at(n * 10 + minute, 30), endedAt: at(n * 10 + minute, 1) }
      const whose = { groupId, voiceSessionId: voice.id, sessionId, userId, revokedById: sessions[0]?.userId ?? null }
      const why = { priority: 'NORMAL', endReason: 'REVOKED_BY_MANAGER' } as const
      return { id: newId(), ...whose, ...times, ...why, fencingToken: BigInt(startedAt.getTime()) * 1_000n }
    }),
  )
  await db.speakerHistory.createMany({ data: bursts })
}

/** What one operation over HTTP answers, and every statement that it sends: all but what is looked for now and then, whatever is asked. */
async function statementsOf<Result>(query: string, variables: object = {}): Promise<{ data: Result; statements: string[] }> {
  const statements: string[] = []
  const send = pg.Client.prototype.query
  const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: unknown[]) {
    const [first] = args as [string | { text: string }]
    statements.push(typeof first === 'string' ? first : first.text)
    return Reflect.apply(send, this, args) as never
  })
  try {
    const data = await admin.get(new TypedDocumentString<Result, object>(query), variables)
    return { data, statements: statements.filter((sql) => !sql.includes('"Change"')) }
  } finally {
    spy.mockRestore()
  }
}

interface Page<Node> {
  readonly edges: readonly { readonly node: Node }[]
}
interface GroupNode {
  readonly name: string
  readonly manager: { readonly user: { readonly displayName: string } }
  readonly members: Page<{ readonly role: string; readonly user: { readonly displayName: string } }>
}

const GROUPS_QUERY = `query ($first: Int!, $members: Int!) { groups(first: $first) { edges { node {
  name manager { user { displayName } } members(first: $members) { edges { node { role user { displayName } } } } } } } }`

async function readGroups(first: number, members: number) {
  const { data, statements } = await statementsOf<{ groups: Page<GroupNode> }>(GROUPS_QUERY, { first, members })
  return { groups: data.groups.edges.map(({ node }) => node), statements }
}

test('groups with their managers and members cost at most 3 statements, however many', async () => {
  const counts = new Set<number>()
  for (const [first, members] of [
    [5, 5],
    [GROUPS, 5],
    [5, MEMBERS],
    [GROUPS, MEMBERS],
  ] as const) {
    const { groups, statements } = await readGroups(first, members)
    expect(groups.map(({ name, members: { edges } }) => [name, edges.length])).toEqual(
      Array.from({ length: first }, (_, n) => [`Channel ${String(n).padStart(2, '0')}`, members]),
    )
    expect(statements.length, statements.join('\n')).toBeLessThanOrEqual(3)
    counts.add(statements.length)
  }
  expect(counts.size).toBe(1)
})

test('the manager is the manager and the page is the page, though both read the same members', async () => {
  const { groups } = await readGroups(2, 3)
  // The manager joined last, so the page does not hold it.
  expect(groups).toEqual(
    [0, 1].map((n) => ({
      name: `Channel 0${n}`,
      manager: { user: { displayName: `The person p-${n}-${MEMBERS - 1}` } },
      members: { edges: [0, 1, 2].map((m) => ({ node: { role: 'MEMBER', user: { displayName: `The person p-${n}-${m}` } } })) },
    })),
  )
})

test('a page of bursts costs the same few statements as one burst, with all that is known of the speakers and the group', async () => {
  const query = `query ($group: ID!, $first: Int!) { talkBursts(groupId: $group, first: $first) { edges { node {
    id endReason durationMs speaker { displayName systemRole disabled } revokedBy { displayName systemRole } group { name description } } } } }`
  const group = await firstGroup()
  const one = await statementsOf<{ talkBursts: Page<object> }>(query, { group, first: 1 })
  const many = await statementsOf<{ talkBursts: Page<object> }>(query, { group, first: BURSTS })
  expect(many.data.talkBursts.edges.length).toBe(BURSTS)
  expect(many.statements.length, many.statements.join('\n')).toBe(one.statements.length)
  expect(many.statements.length).toBeLessThanOrEqual(4)
})

test('a page of voice sessions with their counts costs two statements', async () => {
  const query = `query ($group: ID!, $first: Int!) { voiceSessions(groupId: $group, first: $first) { edges { node {
    id startedAt endedAt burstCount talkMs group { name } } } } }`
  const group = await firstGroup()
  for (const first of [1, VOICE_SESSIONS]) {
    const { data, statements } = await statementsOf<{ voiceSessions: Page<{ burstCount: number; talkMs: number }> }>(query, {
      group,
      first,
    })
    expect(data.voiceSessions.edges.map(({ node }) => [node.burstCount, node.talkMs])).toEqual(
      Array.from({ length: first }, () => [3, 3_000]),
    )
    expect(statements.length, statements.join('\n')).toBe(2)
  }
})

test('the bursts of a page of voice sessions are read at once, each session its own page', async () => {
  type Bursts = Page<{ bursts: { edges: { node: { fencingToken: string } }[]; pageInfo: { hasNextPage: boolean } } }>
  const query = `query ($group: ID!, $first: Int!) { voiceSessions(groupId: $group, first: $first) { edges { node {
    bursts(first: 2) { edges { node { fencingToken speaker { displayName } } } pageInfo { hasNextPage } } } } } }`
  const group = await firstGroup()
  const one = await statementsOf<{ voiceSessions: Bursts }>(query, { group, first: 1 })
  const many = await statementsOf<{ voiceSessions: Bursts }>(query, { group, first: VOICE_SESSIONS })
  const pages = many.data.voiceSessions.edges.map(({ node: { bursts } }) => bursts)
  expect(pages.map(({ edges, pageInfo }) => [edges.length, pageInfo.hasNextPage])).toEqual(pages.map(() => [2, true]))
  const tokens = pages.flatMap(({ edges }) => edges.map(({ node }) => BigInt(node.fencingToken)))
  expect(tokens).toEqual(tokens.toSorted((a, b) => Number(b - a)))
  expect(new Set(tokens).size).toBe(2 * VOICE_SESSIONS)
  expect(many.statements.length, many.statements.join('\n')).toBe(one.statements.length)
})

async function firstGroup(): Promise<string> {
  const { data } = await statementsOf<{ groups: Page<{ id: string }> }>('{ groups(first: 1) { edges { node { id } } } }')
  return data.groups.edges[0]?.node.id ?? ''
}
