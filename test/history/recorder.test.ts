import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../src/database/client.ts'
import { CannotBeWritten } from '../../src/domains/history/cannot-be-written.ts'
import { Recorder } from '../../src/domains/history/recorder.ts'
import { type GroupId, newId, type VoiceSessionId } from '../../src/ids.ts'
import type { Burst, RecordEntry, TalkBurstEndReason } from '../../src/realtime/events.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { ended, openRecordDatabase, type RecordDatabase, START, silent, voiceSessionOf } from './record-database.ts'

let database: RecordDatabase
beforeAll(async () => {
  database = await openRecordDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

const newRecorder = (log = silent) => new Recorder({ ...database, log })

/** A log that remembers its messages. */
function remembered() {
  const lines: string[] = []
  return { lines, log: pino({ level: 'warn' }, { write: (line: string) => lines.push(line) }) }
}

async function rowsOf(bursts: readonly Pick<Burst, 'id'>[]) {
  const rows = await database.db.speakerHistory.findMany({
    where: { id: { in: bursts.map(({ id }) => id) } },
    orderBy: { fencingToken: 'asc' },
  })
  return rows.map(({ id, startedAt, expiresAt, endedAt, endReason }) => ({
    id,
    startedAt: startedAt.getTime(),
    expiresAt: expiresAt.getTime(),
    endedAt: endedAt?.getTime() ?? null,
    endReason,
  }))
}

const expected = ({ id, startedAt, expiresAt }: Burst, endedAt: number | null = null, endReason: TalkBurstEndReason | null = null) => ({
  id,
  startedAt,
  expiresAt,
  endedAt,
  endReason,
})

async function voiceSessionRow(id: VoiceSessionId) {
  const row = await database.db.groupVoiceSession.findUnique({ where: { id } })
  return row && { startedAt: row.startedAt.getTime(), endedAt: row.endedAt?.getTime() ?? null }
}

test('20 an entry is in the database when its promise resolves; one that is written again, or after what followed it, changes nothing', async () => {
  await using recorder = newRecorder()
  const [first, second] = [database.burst(1), database.burst(2)]
  await recorder.add({ burst: first })
  expect(await rowsOf([first])).toEqual([expected(first)])
  await recorder.add(ended(first, 'RELEASED', 1_000))
  const rest = [{ burst: first }, ended(first, 'SERVER_RECOVERY', 9_000), ended(second, 'TALK_LIMIT', 30_000), { burst: second }]
  for (const entry of rest) await recorder.add(entry)
  expect(await rowsOf([first, second])).toEqual([
    expected(first, first.startedAt + 1_000, 'RELEASED'),
    expected(second, second.startedAt + 30_000, 'TALK_LIMIT'),
  ])
})

/** What is said of one voice session with two bursts: of each its start and perhaps its end. */
const stories = fc.record({
  startsAt: fc.array(fc.nat(1_000), { minLength: 3, maxLength: 3 }),
  hasEnded: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  // A limit that is brought back when the clock goes back is known at the end.
  isLimitMoved: fc.boolean(),
  isGuessed: fc.boolean(),
  deliveries: fc.array(fc.record({ entry: fc.nat(), recorder: fc.nat(1), waits: fc.boolean() }), { maxLength: 16 }),
  order: fc.infiniteStream(fc.nat()),
})

test('20 entries in any order, any number of times, from two instances: the rows are the same', async () => {
  await using recorders = new AsyncDisposableStack()
  const [one, other] = [recorders.use(newRecorder()), recorders.use(newRecorder())]
  const check = async ({
    startsAt,
    hasEnded,
    isLimitMoved,
    isGuessed,
    deliveries,
    order,
  }: typeof stories extends fc.Arbitrary<infer S> ? S : never) => {
    const [voiceStart = 0, ...burstStarts] = startsAt
    const voiceSession = { id: newId<VoiceSessionId>(), groupId: database.group.id, startedAt: START + voiceStart, endedAt: null }
    const entries: RecordEntry[] = [{ voiceSession }]
    if (hasEnded[0]) entries.push({ voiceSession: { ...voiceSession, endedAt: START + 90_000 } })
    const rows = burstStarts.map((startsIn, n) => {
      const burst = database.burst(startsIn, { voiceSessionId: voiceSession.id })
      entries.push({ burst })
      if (!hasEnded[n + 1]) return expected(burst)
      const last = { ...burst, expiresAt: burst.expiresAt - (isLimitMoved ? 500 : 0) }
      entries.push(ended(last, 'RELEASED', 700))
      if (isGuessed) entries.push(ended(last, 'SERVER_RECOVERY', 9_000))
      return expected(last, last.startedAt + 700, 'RELEASED')
    })
    const missing = entries.map((entry) => ({ entry, at: order.next().value ?? 0 })).toSorted((a, b) => a.at - b.at)
    const all = [
      ...deliveries.map(({ entry, ...delivery }) => ({ ...delivery, entry: entries[entry % entries.length] })),
      ...missing.map(({ entry, at }) => ({ entry, recorder: at % 2, waits: at % 3 === 0 })),
    ]
    const added: Promise<void>[] = []
    for (const { entry, recorder, waits } of all) {
      if (!entry) continue
      const promise = (recorder === 0 ? one : other).add(entry)
      if (waits) await promise
      added.push(promise)
    }
    await Promise.all(added)
    expect(await rowsOf(rows)).toEqual(rows)
    expect(await voiceSessionRow(voiceSession.id)).toEqual({
      startedAt: START + Math.min(...startsAt),
      endedAt: hasEnded[0] ? START + 90_000 : null,
    })
  }
  await fc.assert(fc.asyncProperty(stories, check), { numRuns: 100 })
})

test('20 instances that write the same rows in opposite orders do not stop each other', async () => {
  const { lines, log } = remembered()
  await using recorders = new AsyncDisposableStack()
  const three = [1, 2, 3].map(() => recorders.use(newRecorder(log)))
  const bursts = database.bursts(300)
  const entries = bursts.flatMap((burst) => [
    { burst },
    ended(burst, 'RELEASED', 10),
    { voiceSession: voiceSessionOf(burst, burst.startedAt + 60_000) },
  ])
  const orders = [entries, entries.toReversed(), entries.toSorted(() => Math.random() - 0.5)]
  await Promise.all(three.flatMap((recorder, n) => (orders[n] ?? []).map((entry) => recorder.add(entry))))
  expect(await rowsOf(bursts)).toEqual(bursts.map((burst) => expected(burst, burst.startedAt + 10, 'RELEASED')))
  expect(lines).toEqual([])
})

test('20 two instances that write the same new row in the same instant both succeed', async () => {
  await using recorders = new AsyncDisposableStack()
  const both = [1, 2].map(() => recorders.use(newRecorder()))
  await using admin = await openClient(database.url)
  // Indexes are filled in the order in which they were made. One that is slow, and before all others, makes both see that there is no such row.
  await admin.query(`CREATE FUNCTION slow(uuid) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT pg_sleep(0.3)::text $$`)
  await admin.query(`ALTER TABLE "SpeakerHistory" DROP CONSTRAINT "SpeakerHistory_pkey"`)
  await admin.query(`DROP INDEX "SpeakerHistory_groupId_fencingToken_key"`)
  await admin.query(`CREATE INDEX slow ON "SpeakerHistory" (slow("id")) WHERE "startedAt" = '2000-01-01Z'`)
  await admin.query(`ALTER TABLE "SpeakerHistory" ADD PRIMARY KEY ("id")`)
  await admin.query(`CREATE UNIQUE INDEX "SpeakerHistory_groupId_fencingToken_key" ON "SpeakerHistory"("groupId", "fencingToken")`)
  const together = async (begin: (recorder: Recorder) => void) => {
    const burst = database.burst(0, { startedAt: Date.UTC(2000) })
    const added = both.map((recorder) => {
      begin(recorder)
      return recorder.add({ burst })
    })
    await Promise.all(added)
    expect(await rowsOf([burst])).toEqual([expected(burst)])
  }
  await together(() => {})
  // Also where each entry is tried alone.
  await together((recorder) => void recorder.add({ burst: database.burst(0, { id: 'no id' as Burst['id'] }) }))
  await admin.query(`DROP INDEX slow`)
})

test('20 an entry that comes as soon as another is written is written too', async () => {
  await using recorder = newRecorder()
  for (const turns of [0, 1, 2, 3, 4, 5, 6, 8, 12]) {
    await recorder.add({ burst: database.burst(0) })
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    await recorder.add({ burst: database.burst(0) })
    await recorder.settled(5_000)
  }
})

test('20 an entry whose writing stands in the way of another change is written after it', async () => {
  await using recorder = newRecorder()
  await using other = await openClient(database.url)
  const [first, second] = [database.burst(1), database.burst(2)].toSorted((a, b) => (a.id < b.id ? -1 : 1)) as [Burst, Burst]
  await Promise.all([recorder.add({ burst: first }), recorder.add({ burst: second })])
  await other.query(`BEGIN`)
  await other.query(`UPDATE "SpeakerHistory" SET "priority" = 'HIGH' WHERE "id" = $1`, [second.id])
  const written = Promise.all([recorder.add(ended(first, 'RELEASED', 5)), recorder.add(ended(second, 'RELEASED', 5))])
  await sleep(200)
  // Now each waits for the other: PostgreSQL ends the recorder's statement.
  await other.query(`UPDATE "SpeakerHistory" SET "priority" = 'HIGH' WHERE "id" = $1`, [first.id])
  await other.query(`COMMIT`)
  await written
  expect((await rowsOf([first, second])).map(({ endReason }) => endReason)).toEqual(['RELEASED', 'RELEASED'])
})

test('20 an entry that can never be written is left out at once with a word, and holds nobody up', async () => {
  const { lines, log } = remembered()
  await using recorder = newRecorder(log)
  const taken = database.burst(1)
  const poison = [
    database.burst(2, { group: { id: newId<GroupId>(), name: 'nowhere' } }),
    database.burst(3, { fencingToken: taken.fencingToken }),
    database.burst(4, { id: 'no id' as Burst['id'] }),
    database.burst(5, { startedAt: Number.NaN }),
    database.burst(6, { endedAt: START - 1, endReason: 'RELEASED' }),
  ]
  const good = Array.from({ length: 20 }, (_, n) => database.burst(10 + n))
  await recorder.add({ burst: taken })
  const outcomes = Promise.allSettled([...poison, ...good].map((burst) => recorder.add({ burst })))
  await recorder.settled(1_000)
  expect((await outcomes).map(({ status }) => status)).toEqual([...poison.map(() => 'rejected'), ...good.map(() => 'fulfilled')])
  for (const outcome of (await outcomes).slice(0, poison.length)) expect(outcome).toHaveProperty('reason', expect.any(CannotBeWritten))
  expect(lines.filter((line) => line.includes('left out'))).toHaveLength(poison.length)
  expect(await rowsOf(good)).toHaveLength(good.length)
})

test('20 nobody has to listen to what becomes of an entry', async () => {
  await using recorder = newRecorder()
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  void recorder.add({ burst: database.burst(1, { group: { id: newId<GroupId>(), name: 'nowhere' } }) })
  await recorder.settled(5_000)
  await sleep(20)
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

test('20 a database that takes no writes for a while is no reason to leave anything out', async () => {
  const { lines, log } = remembered()
  await using recorder = newRecorder(log)
  await using admin = await openClient(database.url)
  // As a standby after a failover: it answers, and refuses all the same.
  const become = async (sql: string) => {
    await admin.query(`SET default_transaction_read_only = off`)
    await admin.query(sql)
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()`)
  }
  await become(`ALTER ROLE CURRENT_USER SET default_transaction_read_only = on`)
  const bursts = database.bursts(5)
  const written = Promise.all(bursts.map((burst) => recorder.add({ burst })))
  await sleep(1_800)
  expect(lines.join()).toContain('could not be written')
  expect(await rowsOf(bursts)).toEqual([])
  await become(`ALTER ROLE CURRENT_USER RESET default_transaction_read_only`)
  await written
  expect(await rowsOf(bursts)).toEqual(bursts.map((burst) => expected(burst)))
  expect(lines.join()).not.toContain('left out')
})

test('20 what a database that is away did not take is written when it is back, all of it; at the end it is not waited for', async () => {
  const { lines, log } = remembered()
  await using away = await databaseBehindProxy()
  const recorder = new Recorder({ ...away, log })
  const bursts = database.bursts(500)
  await recorder.add({ burst: database.burst(0) })
  away.proxy.cut()
  const written = Promise.all(bursts.map((burst) => recorder.add({ burst })))
  const began = performance.now()
  await recorder.settled(300)
  expect(performance.now() - began).toBeGreaterThan(290)
  expect(await rowsOf(bursts)).toEqual([])
  away.proxy.mend()
  await written
  expect(await rowsOf(bursts)).toHaveLength(bursts.length)

  away.proxy.cut()
  let isWritten = false
  void recorder.add({ burst: database.burst(9) }).finally(() => {
    isWritten = true
  })
  await recorder[Symbol.asyncDispose]()
  await sleep(20)
  expect(isWritten).toBe(false)
  expect(lines.at(-1)).toContain('the record is incomplete')
})

test('20 what the engine forgot ends SERVER_RECOVERY in the groups whose epoch is newer, after what was on its way before', async () => {
  await using recorder = newRecorder()
  const [known, unknown] = [await database.newGroup(), await database.newGroup()]
  const before = database.burst(0, { group: known })
  const short = database.burst(0, { group: known, expiresAt: START + 5_000 })
  const released = database.burst(0, { group: known })
  const after = database.burst(20_000, { group: known })
  const elsewhere = database.burst(0, { group: unknown })
  const all = [before, short, released, after, elsewhere]
  for (const burst of all) void recorder.add({ burst })
  void recorder.add(ended(released, 'RELEASED', 100))
  const began = START + 20_000
  await recorder.add({ forgotten: { epochBegan: (groupId) => (groupId === known.id ? began : undefined) } })
  expect(await rowsOf(all)).toEqual([
    expected(before, began, 'SERVER_RECOVERY'),
    expected(short, START + 5_000, 'SERVER_RECOVERY'),
    expected(released, released.startedAt + 100, 'RELEASED'),
    expected(after),
    expected(elsewhere),
  ])
  expect((await Promise.all(all.map(({ voiceSessionId }) => voiceSessionRow(voiceSessionId)))).map((row) => row?.endedAt)).toEqual([
    began,
    began,
    began,
    null,
    null,
  ])
  // What another instance had in hand comes after all: it knows better.
  await recorder.add(ended(before, 'RELEASED', 700))
  expect(await rowsOf([before])).toEqual([expected(before, before.startedAt + 700, 'RELEASED')])
})

async function openClient(url: string) {
  const client = new pg.Client(url)
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

async function databaseBehindProxy() {
  await using stack = new AsyncDisposableStack()
  const url = new URL(database.url)
  const proxy = stack.use(await tcpProxy(Number(url.port)))
  url.port = String(proxy.port)
  const { db, answers } = stack.use(openDatabase(url.href, silent))
  const owned = stack.move()
  return { db, answers, proxy, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
