import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { append, type Change, forgetOld, type LogPosition, noteDone, readChanges, readOwed } from '../../src/database/change-log.ts'
import { openDatabase } from '../../src/database/client.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { type GroupId, newId, type SessionId, type UserId } from '../../src/ids.ts'
import { dataFolder } from '../support/data-folder.ts'

const log = pino({ level: 'silent' })
const stack = new AsyncDisposableStack()
let db: ReturnType<typeof openDatabase>['db']
let url: string

beforeAll(async () => {
  const folder = stack.use(await dataFolder())
  url = stack.use(await openEmbeddedPostgres({ folder: folder.path, log })).url
  await migrate(url, { log })
  ;({ db } = stack.use(openDatabase(url, log)))
})
afterAll(() => stack.disposeAsync())
beforeEach(() => db.change.deleteMany())

const user = (): Change => ({ kind: 'USER', userId: newId<UserId>() })
const write = (changes: Change[], { owed = false } = {}) => db.$transaction((tx) => append(tx, changes, { owed }))

/** Reads as one instance does, each time from where it was. */
function reader() {
  let position: LogPosition | null = null
  return async () => {
    const read = await readChanges(db, position)
    position = read.position
    return read.changes
  }
}

/** A transaction of its own connection, which writes now and is committed later. */
async function open(change: Change & { kind: 'USER' }) {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('BEGIN')
  await client.query(`INSERT INTO "Change" ("kind", "userId") VALUES ('USER', $1)`, [change.userId])
  const end = async (how: 'COMMIT' | 'ROLLBACK') => {
    await client.query(how)
    await client.end()
  }
  return { commit: () => end('COMMIT'), rollback: () => end('ROLLBACK') }
}

const someone = () => user() as Change & { kind: 'USER' }

test('the first reading knows nothing; then each change is told once, as it was written', async () => {
  await write([user()])
  const read = reader()
  expect(await read()).toBeNull()
  expect(await read()).toEqual([])
  const changes: Change[] = [
    user(),
    { kind: 'GROUP', groupId: newId<GroupId>() },
    { kind: 'MEMBER', groupId: newId<GroupId>(), userId: newId<UserId>() },
    { kind: 'SESSION', userId: newId<UserId>(), sessionId: newId<SessionId>() },
  ]
  await write(changes)
  expect(await read()).toEqual(changes)
  expect(await read()).toEqual([])
})

test('a change that is committed after a later one was read is not missed, nor is anything told twice', async () => {
  const read = reader()
  await read()
  const [early, late, last] = [someone(), someone(), someone()]
  const first = await open(early)
  const second = await open(late)
  await second.commit()
  expect(await read()).toEqual([late])
  expect(await read()).toEqual([])
  await write([last])
  await first.commit()
  expect(await read()).toEqual([early, last])
  expect(await read()).toEqual([])
})

test('a change that was open when the first reading was made is told', async () => {
  const change = someone()
  const open1 = await open(change)
  const read = reader()
  expect(await read()).toBeNull()
  await open1.commit()
  expect(await read()).toEqual([change])
})

test('a transaction that goes on for long does not bring back what was read meanwhile', async () => {
  const long = await open(someone())
  const read = reader()
  await read()
  for (let n = 0; n < 3; n++) {
    const change = someone()
    await write([change])
    expect(await read()).toEqual([change])
  }
  await long.rollback()
  expect(await read()).toEqual([])
})

test('what is rolled back is never told', async () => {
  const read = reader()
  await read()
  const gone = await open(someone())
  await gone.rollback()
  const there = someone()
  await write([there])
  expect(await read()).toEqual([there])
})

test('of many who write and commit in any order, with readings in between, each change is told to each reader once', async () => {
  const readers = [reader(), reader(), reader()]
  const told = readers.map(() => [] as string[])
  for (const read of readers) await read()
  const look = async () => {
    for (const [n, read] of readers.entries())
      for (const change of (await read()) ?? []) told[n]?.push(change.kind === 'USER' ? change.userId : '')
  }
  const changes = Array.from({ length: 60 }, someone)
  const writers = Array.from({ length: 6 }, (_, n) => changes.slice(n * 10, n * 10 + 10))
  const writing = writers.map(async (mine, n) => {
    for (const change of mine) {
      const transaction = await open(change)
      await sleep(((n * 7) % 5) * 4)
      await transaction.commit()
    }
  })
  const over = new AbortController()
  const looking = (async () => {
    while (!over.signal.aborted) await look()
    await look()
  })()
  await Promise.all(writing)
  over.abort()
  await looking
  for (const ids of told) expect(ids.toSorted()).toEqual(changes.map(({ userId }) => userId).toSorted())
})

test('who has not read for half an hour, or finds a server that is behind, is told that nothing is known', async () => {
  const { position } = await readChanges(db, null)
  await write([user()])
  const minutesAgo = (minutes: number) => ({ ...position, at: new Date(position.at.getTime() - minutes * 60_000) })
  expect((await readChanges(db, minutesAgo(29))).changes).toHaveLength(1)
  expect((await readChanges(db, minutesAgo(31))).changes).toBeNull()
  const [, next] = position.snapshot.split(':')
  const ahead = { ...position, snapshot: `${next}:${Number(next) + 1_000}:` }
  expect((await readChanges(db, ahead)).changes).toBeNull()
})

test('what is owed is told when everybody must have read it, until it is noted as done', async () => {
  const owed = user()
  await write([owed], { owed: true })
  await write([user()])
  expect(await readOwed(db)).toEqual([])
  await expect.poll(() => readOwed(db), { timeout: 5_000 }).toEqual([{ id: expect.any(BigInt), change: owed }])
  await noteDone(
    db,
    (await readOwed(db)).map(({ id }) => id),
  )
  expect(await readOwed(db)).toEqual([])
})

test('what is done is kept for an hour, what is owed for as long as it takes', async () => {
  const kept = user()
  const owed = user()
  await write([user(), user()])
  await write([owed], { owed: true })
  await db.$executeRaw`UPDATE "Change" SET "createdAt" = "createdAt" - interval '61 minutes'`
  await write([kept])
  await forgetOld(db)
  expect(await db.change.findMany({ select: { kind: true, userId: true }, orderBy: { id: 'asc' } })).toEqual([owed, kept])
})
