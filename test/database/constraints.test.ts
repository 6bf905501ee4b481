import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { createLogger } from '../../src/logger.ts'
import { dataFolder } from '../support/data-folder.ts'
import type { TemporaryFolder } from '../support/temporary-folder.ts'

const log = createLogger({ environment: 'test' })
let data: TemporaryFolder
let postgres: EmbeddedPostgres
let client: pg.Client

beforeAll(async () => {
  data = await dataFolder()
  postgres = await openEmbeddedPostgres({ folder: data.path, log })
  await migrate(postgres.url, { log })
  client = new pg.Client(postgres.url)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await postgres[Symbol.asyncDispose]()
  await data[Symbol.asyncDispose]()
})
beforeEach(() => client.query('BEGIN'))
afterEach(() => client.query('ROLLBACK'))

type Values = Record<string, unknown>

async function insert(table: string, values: Values): Promise<string> {
  const row = { id: randomUUID(), ...values }
  const columns = Object.keys(row).map((name) => `"${name}"`)
  const places = columns.map((_, index) => `$${index + 1}`)
  await client.query(`INSERT INTO "${table}" (${columns.join()}) VALUES (${places.join()})`, Object.values(row))
  return row.id
}

/** The name of the index or CHECK that refuses the row; undefined when it is taken. */
async function refusal(table: string, values: Values): Promise<string | undefined> {
  await client.query('SAVEPOINT attempt')
  try {
    await insert(table, values)
    return undefined
  } catch (error) {
    return (error as pg.DatabaseError).constraint ?? String(error)
  } finally {
    await client.query('ROLLBACK TO attempt')
  }
}

const now = new Date('2026-11-21T12:00:00Z')
const later = new Date('2026-11-21T12:00:05Z')
const user = (username: string): Values => ({ username, displayName: username, passwordHash: 'x', updatedAt: now })
const group = (values: Values = {}): Values => ({ name: 'Channel 1', updatedAt: now, ...values })
const remove = (table: string, id: string) => client.query(`UPDATE "${table}" SET "deletedAt" = now() WHERE id = $1`, [id])

test.each([
  ['reza', 'Reza'],
  ['ülkü', 'ÜLKÜ'],
])('the username %s cannot be taken a second time, nor as %s, until its user is deleted', async (username, sameName) => {
  const id = await insert('User', user(username))
  expect(await refusal('User', user(username))).toBe('user_active_username')
  expect(await refusal('User', user(sameName))).toBe('user_active_username')
  await remove('User', id)
  expect(await refusal('User', user(sameName))).toBeUndefined()
})

test('a user is in a group once at a time, and may come back', async () => {
  const member = { groupId: await insert('Group', group()), userId: await insert('User', user('sara')), updatedAt: now }
  const id = await insert('GroupMember', member)
  expect(await refusal('GroupMember', member)).toBe('group_member_active')
  expect(await refusal('GroupMember', { ...member, groupId: await insert('Group', group()) })).toBeUndefined()
  await remove('GroupMember', id)
  expect(await refusal('GroupMember', member)).toBeUndefined()
})

test('a group has one manager at a time, and any number of members', async () => {
  const groupId = await insert('Group', group())
  const member = async (name: string, role: string) => ({ groupId, userId: await insert('User', user(name)), role, updatedAt: now })
  const id = await insert('GroupMember', await member('first', 'GROUP_MANAGER'))
  const second = await member('second', 'GROUP_MANAGER')
  expect(await refusal('GroupMember', second)).toBe('group_member_one_manager')
  expect(await refusal('GroupMember', { ...second, role: 'MEMBER' })).toBeUndefined()
  await remove('GroupMember', id)
  expect(await refusal('GroupMember', second)).toBeUndefined()
})

test.each([
  ['talkLimitMs', 5000, 300_000, 'group_talk_limit'],
  ['queueCapacity', 0, 100, 'group_queue_capacity'],
  ['preemptGraceMs', 0, 3000, 'group_preempt_grace'],
])(`a group's %s is from %d to %d`, async (column, least, most, constraint) => {
  expect(await refusal('Group', group({ [column]: least }))).toBeUndefined()
  expect(await refusal('Group', group({ [column]: most }))).toBeUndefined()
  expect(await refusal('Group', group({ [column]: least - 1 }))).toBe(constraint)
  expect(await refusal('Group', group({ [column]: most + 1 }))).toBe(constraint)
})

test('emergency is no standing priority', async () => {
  const member = { groupId: await insert('Group', group()), userId: await insert('User', user('sara')), updatedAt: now }
  expect(await refusal('GroupMember', { ...member, priority: 'HIGH' })).toBeUndefined()
  expect(await refusal('GroupMember', { ...member, priority: 'EMERGENCY' })).toBe('group_member_no_standing_emergency')
})

test('a burst that has ended says why, and does not end before it starts', async () => {
  const [groupId, userId] = [await insert('Group', group()), await insert('User', user('sara'))]
  const sessionId = await insert('Session', { userId, deviceName: 'watch', refreshSalt: 'x', expiresAt: later })
  const voiceSessionId = await insert('GroupVoiceSession', { groupId, startedAt: now })
  const place = { groupId, userId, sessionId, voiceSessionId, priority: 'NORMAL' }
  const burst = { ...place, fencingToken: 1, startedAt: now, expiresAt: later }
  expect(await refusal('SpeakerHistory', burst)).toBeUndefined()
  expect(await refusal('SpeakerHistory', { ...burst, endedAt: now, endReason: 'RELEASED' })).toBeUndefined()
  expect(await refusal('SpeakerHistory', { ...burst, endedAt: later })).toBe('speaker_history_end_has_reason')
  expect(await refusal('SpeakerHistory', { ...burst, endReason: 'RELEASED' })).toBe('speaker_history_end_has_reason')
  const backwards = { ...burst, startedAt: later, endedAt: now, endReason: 'RELEASED' }
  expect(await refusal('SpeakerHistory', backwards)).toBe('speaker_history_end_after_start')
})

test.each([
  ['USER', ['userId']],
  ['GROUP', ['groupId']],
  ['MEMBER', ['userId', 'groupId']],
  ['SESSION', ['userId', 'sessionId']],
])('a change of kind %s names %s and nothing else', async (kind, named) => {
  const told = (columns: readonly string[]) =>
    refusal('Change', { id: 1, kind, ...Object.fromEntries(columns.map((column) => [column, randomUUID()])) })
  expect(await told(named)).toBeUndefined()
  for (const missing of named) expect(await told(named.filter((column) => column !== missing))).toBe('change_names_its_fact')
  for (const more of ['userId', 'groupId', 'sessionId'].filter((column) => !named.includes(column)))
    expect(await told([...named, more])).toBe('change_names_its_fact')
})

test('a session that says nothing about its time zone is in UTC, whatever the server is in', async () => {
  const superuser = new URL(postgres.url)
  superuser.username = 'postgres'
  superuser.password = await readFile(join(data.path, 'postgres', 'neda-superuser-password'), 'utf8')
  expect(await inNewSession(superuser.href, `ALTER ROLE ALL SET TimeZone TO 'Asia/Tashkent'`)).toEqual([])
  superuser.pathname = 'postgres'
  expect(await inNewSession(superuser.href, 'SHOW TimeZone')).toEqual([{ TimeZone: 'Asia/Tashkent' }])
  expect(await inNewSession(postgres.url, 'SHOW TimeZone')).toEqual([{ TimeZone: 'UTC' }])
})

test('instants are kept as they are, whatever the time zone of the role and of this machine', async () => {
  await inNewSession(postgres.url, `ALTER ROLE neda SET TimeZone TO 'Asia/Tashkent'`)
  vi.stubEnv('TZ', 'America/New_York')
  try {
    expect(now.getHours(), 'this machine is in New York').toBe(7)
    await using database = openDatabase(postgres.url, log)
    const began = Date.now()
    const { id } = await database.db.user.create({
      data: { id: randomUUID(), username: 'zoe', displayName: 'Zoe', passwordHash: 'x', disabledAt: now },
    })
    const user = await database.db.user.findUniqueOrThrow({ where: { id } })
    expect(user.disabledAt).toEqual(now)
    expect(Math.abs(user.createdAt.getTime() - began)).toBeLessThan(60_000)

    const stored = `SELECT extract(epoch FROM "disabledAt") AS disabled, extract(epoch FROM "createdAt") AS created FROM "User" WHERE id = '${id}'`
    const [row] = (await inNewSession(postgres.url, stored)) as { disabled: string; created: string }[]
    expect(Number(row?.disabled) * 1000).toBe(now.getTime())
    expect(Number(row?.created) * 1000).toBe(user.createdAt.getTime())
  } finally {
    vi.unstubAllEnvs()
  }
})

async function inNewSession(url: string, sql: string): Promise<unknown[]> {
  const session = new pg.Client(url)
  await session.connect()
  try {
    return (await session.query(sql)).rows
  } finally {
    await session.end()
  }
}
