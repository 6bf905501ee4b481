import { randomUUID } from 'node:crypto'
import { appendFile, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { AuditAnchors, readAnchors } from '../../src/database/audit-anchors.ts'
import { type AuditNote, chained, note } from '../../src/database/audit-log.ts'
import { AuditTrail } from '../../src/database/audit-trail.ts'
import { verifyAuditLog } from '../../src/database/audit-verification.ts'
import { type Database, type OpenDatabase, openDatabase } from '../../src/database/client.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { newId, type SessionId, type UserId } from '../../src/ids.ts'
import { createLogger } from '../../src/logger.ts'
import { dataFolder } from '../support/data-folder.ts'
import type { TemporaryFolder } from '../support/temporary-folder.ts'

const log = createLogger({ environment: 'test' })
let folder: TemporaryFolder
let postgres: EmbeddedPostgres
let client: pg.Client
let opened: OpenDatabase
let db: Database

beforeAll(async () => {
  folder = await dataFolder()
  postgres = await openEmbeddedPostgres({ folder: folder.path, log })
})
afterAll(async () => {
  await postgres[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})
/** Each test has an audit log of its own: it cannot be emptied. */
beforeEach(async () => {
  const name = `audit_${randomUUID().replaceAll('-', '')}`
  const admin = new pg.Client(postgres.url)
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  await admin.end()
  const url = Object.assign(new URL(postgres.url), { pathname: name }).href
  await migrate(url, { log })
  client = new pg.Client(url)
  await client.connect()
  opened = openDatabase(url, log)
  db = opened.db
})
afterEach(async () => {
  vi.useRealTimers()
  await opened[Symbol.asyncDispose]()
  await client.end()
})

const disabled = (details: AuditNote['details'] = {}): AuditNote => ({
  action: 'USER_DISABLED',
  actor: { userId: newId<UserId>(), sessionId: newId<SessionId>(), address: '192.0.2.7' },
  target: { kind: 'USER', id: newId<UserId>() },
  details,
})
const refused = (userId: UserId | null = null, address = '192.0.2.7'): AuditNote => ({
  action: 'SIGN_IN_REFUSED',
  outcome: 'INVALID_CREDENTIALS',
  actor: { userId, sessionId: null, address },
})
const noted = (...notes: AuditNote[]) => db.$transaction((tx) => note(tx, ...notes))
/** As somebody who may do everything in the database. */
const tamper = async (sql: string) => {
  await client.query(
    `ALTER TABLE "AuditEntry" DISABLE TRIGGER ALL; ${sql}; ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER audit_append_only`,
  )
}
const problem = async (anchors: Awaited<ReturnType<typeof readAnchors>> = []) => {
  const finding = await verifyAuditLog(db, anchors)
  return finding.whole ? null : finding.problem
}
const rows = async (columns = '*') =>
  (await client.query<Record<string, unknown>>(`SELECT ${columns} FROM "AuditEntry" ORDER BY "id"`)).rows
const anchorsFile = () => join(folder.path, randomUUID(), 'audit-anchors')

test('entries follow each other without a gap, from as many as there are at once, and none is left of what was rolled back', async () => {
  const given = async (index: number) => {
    const work = db.$transaction(async (tx) => {
      await note(tx, disabled({ index }), disabled({ index }))
      if (index % 4 === 0) throw new Error('not done')
    })
    await work.catch(() => undefined)
  }
  await Promise.all(Array.from({ length: 24 }, (_, index) => given(index)))
  expect(await rows('"id"')).toEqual(Array.from({ length: 36 }, (_, index) => ({ id: String(index + 1) })))
  expect(await verifyAuditLog(db, [])).toMatchObject({ whole: true, head: { id: 36n } })
})

test('whatever an entry can hold is hashed as it is read back', async () => {
  await noted(
    { action: 'PUT_OUT_OF_ROOM', actor: null },
    { ...disabled({ b: 'ü "\\ \u2028 😀', a: 1.5, c: true, d: null, ä: 1e21, 10: 0.1, 9: -0 }), at: new Date(0) },
    { ...refused(), details: { times: 3 } },
  )
  expect(await problem()).toBeNull()
  const [first] = await rows()
  expect(first).toMatchObject({ id: '1', action: 'PUT_OUT_OF_ROOM', outcome: 'SUCCEEDED', actorId: null, previousHash: '0'.repeat(64) })
})

test.each(['UPDATE "AuditEntry" SET "action" = \'X\'', 'DELETE FROM "AuditEntry"', 'TRUNCATE "AuditEntry"'])(
  'the database refuses %s, to the owner of the table too',
  async (sql) => {
    await noted(disabled())
    await expect(client.query(sql)).rejects.toThrow('the audit log is append-only')
    await client.query('SET session_replication_role = replica').catch(() => undefined)
    await expect(client.query(sql)).rejects.toThrow('the audit log is append-only')
  },
)

const twelve = () => noted(...Array.from({ length: 12 }, (_, index) => disabled({ index })))

test.each([
  ['a changed row', `UPDATE "AuditEntry" SET "actorId" = NULL WHERE "id" = 5`, 'entry 5 is not what was written'],
  ['a changed detail', `UPDATE "AuditEntry" SET "details" = '{"index": 77}' WHERE "id" = 5`, 'entry 5 is not what was written'],
  ['a changed instant', `UPDATE "AuditEntry" SET "at" = "at" + interval '1 ms' WHERE "id" = 5`, 'entry 5 is not what was written'],
  ['a deleted row', `DELETE FROM "AuditEntry" WHERE "id" = 5`, 'entry 5 is missing'],
  ['a deleted beginning', `DELETE FROM "AuditEntry" WHERE "id" <= 5`, 'entry 1 is missing'],
  ['a row before the first', `UPDATE "AuditEntry" SET "id" = -1 WHERE "id" = 5`, 'entry 1 is missing: the next one is -1'],
  [
    'rows that changed places',
    `UPDATE "AuditEntry" SET "id" = 99 WHERE "id" = 5; UPDATE "AuditEntry" SET "id" = 5 WHERE "id" = 6; UPDATE "AuditEntry" SET "id" = 6 WHERE "id" = 99`,
    'entry 5 is not what was written',
  ],
])('A57 %s is found, and the first bad row is named', async (_what, sql, words) => {
  await twelve()
  expect(await problem()).toBeNull()
  await tamper(sql)
  expect(await problem()).toContain(words)
})

test('A57 a row that was forged with a hash of its own does not fit the next one', async () => {
  await twelve()
  const [before, row] = await db.auditEntry.findMany({ where: { id: { in: [4, 5] } }, orderBy: { id: 'asc' } })
  if (!before || !row) throw new Error('not noted')
  const { hash } = chained(before, { ...row, details: { index: 77 } })
  await tamper(`UPDATE "AuditEntry" SET "details" = '{"index": 77}', "hash" = '${hash}' WHERE "id" = 5`)
  expect(await problem()).toContain('entry 6 does not follow entry 5')
})

test('A57 a tail that was cut off, and a chain that was written anew, are found by the anchor', async () => {
  const file = anchorsFile()
  await twelve()
  await (await anchoring(file))[Symbol.asyncDispose]()
  const anchors = await readAnchors(file)
  expect(anchors).toMatchObject([{ id: 12n }])
  await noted(disabled())
  expect(await problem(anchors)).toBeNull()

  await tamper('DELETE FROM "AuditEntry" WHERE "id" > 9')
  expect(await problem()).toBeNull()
  expect(await problem(anchors)).toMatch(/^missing head: entry 12 was anchored at \S+, but the last entry is 9/)

  await noted(disabled(), disabled(), disabled(), disabled())
  expect(await problem()).toBeNull()
  expect(await problem(anchors)).toMatch(/^entry 12 is not the one that was anchored at/)
})

/** Anchors, once they have looked for the first time. */
async function anchoring(file: string, lines: string[] = []) {
  const written = pino({ level: 'info' }, { write: (line: string) => lines.push(line) })
  const anchors = new AuditAnchors({ db, log: written, file })
  await vi.waitFor(async () => expect(lines.length + (await readAnchors(file)).length).toBeGreaterThan(0), 3_000)
  return anchors
}

test('the head is anchored at the start and at the end, for this user alone, and once for each head', async () => {
  const file = anchorsFile()
  await noted(disabled())
  const anchors = await anchoring(file)
  await noted(disabled())
  await anchors[Symbol.asyncDispose]()
  expect((await readAnchors(file)).map(({ id }) => id)).toEqual([1n, 2n])
  await new AuditAnchors({ db, log, file })[Symbol.asyncDispose]()
  expect((await readAnchors(file)).map(({ id }) => id)).toEqual([1n, 2n])
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const hashes = (await rows('"hash"')).map(({ hash }) => hash)
  expect(
    (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[2]),
  ).toEqual(hashes)
})

test('an anchored entry that is gone is told of in the log at the next start', async () => {
  const file = anchorsFile()
  await twelve()
  await (await anchoring(file))[Symbol.asyncDispose]()
  await appendFile(file, 'half a li')
  await tamper('DELETE FROM "AuditEntry" WHERE "id" > 9')
  const lines: string[] = []
  await (await anchoring(file, lines))[Symbol.asyncDispose]()
  expect(lines.join()).toContain('the audit log has been changed')
})

test('what has happened is noted when the database is back, in order, with the instant at which it was', async () => {
  const trail = new AuditTrail({ db, log: pino({ level: 'silent' }) })
  await client.query('BEGIN; LOCK TABLE "AuditEntry" IN ACCESS EXCLUSIVE MODE')
  const began = Date.now()
  trail.add(disabled({ index: 1 }))
  trail.add(disabled({ index: 2 }))
  await new Promise((resolve) => setTimeout(resolve, 2_600)) // lock_timeout is 2 s: to NEDA that is a database which does not answer
  await client.query('COMMIT')
  await trail[Symbol.asyncDispose]()
  const found = await rows('"details", "at"')
  expect(found.map(({ details }) => details)).toEqual([{ index: 1 }, { index: 2 }])
  expect(Number(found[0]?.at) - began).toBeLessThan(500)
  expect(await problem()).toBeNull()
})

test('what cannot be noted stays in the log, and nothing waits for it', async () => {
  const lines: string[] = []
  const trail = new AuditTrail({ db, log: pino({ level: 'error' }, { write: (line: string) => lines.push(line) }) })
  trail.add(disabled({ index: 1 }))
  trail.add(disabled({ wrong: '\u0000' }))
  trail.add(disabled({ index: 2 }))
  await trail[Symbol.asyncDispose]()
  expect((await rows('"details"')).map(({ details }) => details)).toEqual([{ index: 1 }, { index: 2 }])
  expect(lines.join()).toContain('the audit log does not take this')
})

test('refusals of one kind make one entry a minute, which counts them; of too many kinds one for all', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  const trail = new AuditTrail({ db, log })
  const userId = newId<UserId>()
  for (let time = 0; time < 50; time++) trail.addCounted(refused(userId))
  vi.advanceTimersByTime(59_000)
  for (let time = 0; time < 9; time++) trail.addCounted(refused(userId))
  vi.advanceTimersByTime(5_000)
  for (let time = 0; time < 2; time++) trail.addCounted(refused(userId))
  vi.advanceTimersByTime(200_000)
  for (let time = 0; time < 300; time++) trail.addCounted(refused(null, `192.0.2.${time}`))
  await trail[Symbol.asyncDispose]()
  const found = await rows('"actorId", "address", "details"')
  expect(found.filter(({ actorId }) => actorId === userId).map(({ details }) => details)).toEqual([
    { times: 1 },
    { times: 58 },
    { times: 2 },
  ])
  const others = found.filter(({ actorId }) => actorId === null)
  expect(others).toHaveLength(34)
  expect(others.filter(({ address }) => address === null).map(({ details }) => details)).toEqual([{ times: 1 }, { times: 267 }])
})
