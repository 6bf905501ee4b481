import pg from 'pg'
import { expect } from 'vitest'
import type { FloorEvent } from '../stress/story.ts'
import { until } from '../stress/until.ts'
import type { Grant } from './presses.ts'

/** A burst as PostgreSQL has it. */
export interface Row {
  readonly id: string
  readonly groupId: string
  readonly fencingToken: string
  readonly startedAt: Date
  readonly endedAt: Date | null
  readonly endReason: string | null
}

/** The bursts of these groups, in the order of their tokens, read past NEDA. */
export async function readRows(url: string, groupIds: readonly string[]): Promise<Row[]> {
  const text = 'SELECT * FROM "SpeakerHistory" WHERE "groupId" = ANY($1::uuid[]) ORDER BY "groupId", "fencingToken"'
  const rows = await query<Row>(url, text, groupIds)
  return rows.map((row) => ({ ...row, id: nameOf('TalkBurst', row.id), groupId: nameOf('Group', row.groupId) }))
}

/** The members of these groups, as `group user`. */
export async function readMembers(url: string, groupIds: readonly string[]): Promise<Set<string>> {
  const text = 'SELECT * FROM "GroupMember" WHERE "groupId" = ANY($1::uuid[]) AND "deletedAt" IS NULL'
  const rows = await query<{ groupId: string; userId: string }>(url, text, groupIds)
  return new Set(rows.map(({ groupId, userId }) => `${nameOf('Group', groupId)} ${nameOf('User', userId)}`))
}

/** Looks all the time whether one of the members of these groups has been removed. */
export async function whenMemberIsRemoved(url: string, groupIds: readonly string[]): Promise<{ first(): Promise<void> } & AsyncDisposable> {
  const client = await connected(url)
  const text = 'SELECT FROM "GroupMember" WHERE "groupId" = ANY($1::uuid[]) AND "deletedAt" IS NOT NULL'
  const isRemoved = async () => (await client.query(text, [groupIds.map(uuidOf)])).rowCount !== 0
  return {
    first: async () => {
      await until('a member is removed', isRemoved)
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

async function query<Result extends object>(url: string, text: string, groupIds: readonly string[]): Promise<Result[]> {
  const client = await connected(url)
  try {
    return (await client.query<Result>(text, [groupIds.map(uuidOf)])).rows
  } finally {
    await client.end()
  }
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => undefined) // what fails by it says so
  await client.connect()
  return client
}

/** How the API names what PostgreSQL knows by its UUID. */
const nameOf = (type: string, uuid: string) => Buffer.from(`${type}:${uuid}`).toString('base64')
const uuidOf = (name: string) => Buffer.from(name, 'base64').toString().split(':')[1]

export interface Expected {
  readonly grants: readonly Grant[]
  /** What readers of the floor heard. */
  readonly heard: readonly FloorEvent[]
  /** How bursts may have ended. */
  readonly reasons: readonly string[]
  /** What was granted in these times may be missing, and what was told of ends in them need not be true. */
  readonly lost?: readonly Lost[]
  readonly withinMs?: number
}

/** From when to when, on this machine's clock. */
export interface Lost {
  readonly from: number
  readonly until: number
}

/**
 * Waits until every burst that a device was told of is in PostgreSQL with its end, and judges what is there: it agrees with what was answered
 * and told, bursts of one group never overlap, and what nobody was told of never began.
 */
export async function judgeRecord(url: string, groupIds: readonly string[], expected: Expected): Promise<readonly Row[]> {
  const { grants, lost = [], withinMs = 6_000 } = expected
  const mayLack = ({ askedAt, answeredAt }: Grant) => lost.some(({ from, until }) => answeredAt >= from && askedAt <= until)
  const mustBeThere = new Set(grants.filter((grant) => !mayLack(grant)).map(({ burst }) => burst.id))
  let rows: readonly Row[] = []
  const missing = () => {
    const ended = new Set(rows.filter(({ endedAt }) => endedAt !== null).map(({ id }) => id))
    return [...mustBeThere].filter((id) => !ended.has(id))
  }
  const isWhole = async () => {
    rows = await readRows(url, groupIds)
    return missing().length === 0 && rows.every(({ endedAt }) => endedAt !== null)
  }
  await until('every burst is in the record with its end', isWhole, withinMs).catch((error: Error) => {
    const open = rows.filter(({ endedAt }) => endedAt === null).map(({ id }) => id)
    throw new Error(`${error.message}; missing or open ${missing().join(' ')}; open ${open.join(' ')}; of ${mustBeThere.size}`)
  })
  judgeRows(rows, expected.reasons)
  compareWithAnswers(rows, expected)
  compareWithEvents(rows, expected)
  return rows
}

function judgeRows(rows: readonly Row[], reasons: readonly string[]): void {
  for (const [n, row] of rows.entries()) {
    expect(reasons, `the end of ${row.id}`).toContain(row.endReason)
    const before = rows[n - 1]
    if (before?.groupId !== row.groupId) continue
    const overlapMs = (before.endedAt?.getTime() ?? Number.NaN) - row.startedAt.getTime()
    expect(overlapMs, `${before.id} ends before ${row.id} begins`).toBeLessThanOrEqual(0)
  }
}

function compareWithAnswers(rows: readonly Row[], { grants }: Expected): void {
  const answered = new Map(grants.map(({ burst }) => [burst.id, burst]))
  for (const row of rows) {
    const burst = answered.get(row.id)
    if (burst) expect({ ...row, ...told(burst) }, 'as it was answered').toEqual(row)
    // An answer that was lost, or came too late: nobody talked.
    else
      expect(['NOT_STARTED', 'CONNECTION_LOST', 'SERVER_RECOVERY'], `the end of ${row.id}, of which nobody was told`).toContain(
        row.endReason,
      )
  }
}

function compareWithEvents(rows: readonly Row[], { heard, lost = [] }: Expected): void {
  const known = new Map(rows.map((row) => [row.id, row]))
  for (const { previous } of heard) {
    if (!previous?.endedAt) continue
    const at = new Date(previous.endedAt).getTime()
    if (lost.some(({ from, until }) => at >= from && at <= until)) continue
    const row = known.get(previous.id)
    expect({ endReason: row?.endReason, endedAt: row?.endedAt }, `the end of ${previous.id} as it was told`).toEqual({
      endReason: previous.endReason,
      endedAt: new Date(previous.endedAt),
    })
  }
}

const told = ({ id, fencingToken, startedAt }: Grant['burst']) => ({
  id,
  fencingToken,
  startedAt: new Date(startedAt),
})
