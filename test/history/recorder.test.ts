import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/database/client.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { Recorder } from '../../src/domains/history/recorder.ts'
import { type BurstId, type GroupId, newId, type SessionId, type UserId, type VoiceSessionId } from '../../src/ids.ts'
import type { Burst, RecordEntry, VoiceSession } from '../../src/realtime/events.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const log = pino({ level: 'silent' })

const speaker = { id: newId<UserId>(), username: 'ben', displayName: 'Ben' }
const group = { id: newId<GroupId>(), name: 'Night watch' }
const sessionId = newId<SessionId>()
const START = 1_800_000_000_000

const voiceSession: VoiceSession = { id: newId<VoiceSessionId>(), groupId: group.id, startedAt: START, endedAt: null }

const burstOf = (n: number): Burst => ({
  id: newId<BurstId>(),
  group,
  speaker,
  sessionId,
  voiceSessionId: voiceSession.id,
  priority: 'NORMAL',
  fencingToken: BigInt(START + n),
  startedAt: START + n,
  expiresAt: START + n + 30_000,
  endedAt: null,
  endReason: null,
  revokedBy: null,
})

const ended = (burst: Burst, endReason: Burst['endReason'], endedAt: number): RecordEntry => ({ burst: { ...burst, endReason, endedAt } })

test('20 what a database that is away did not take is written when it is back, all of it and in order', async () => {
  const written: string[] = []
  let away = 2
  const attempt = async (names: string[]) => {
    if (away > 0) {
      away -= 1
      throw new Error('Connection terminated unexpectedly')
    }
    written.push(...names)
  }
  // Statements are made before they are run together, as Prisma's are.
  const db = {
    // Awaited by itself, or made to be run in a transaction: a statement is named by its first value, the row's id.
    $executeRaw: (_sql: unknown, { values: [id] }: { values: string[] }) => ({
      id: id ?? '',
      // oxlint-disable-next-line unicorn/no-thenable, promise/no-callback-in-promise
      then: (done: () => void, failed: (error: unknown) => void) => attempt([id ?? '']).then(done, failed),
    }),
    $transaction: (statements: { id: string }[]) => attempt(statements.map(({ id }) => id)),
  } as unknown as Database
  const recorder = new Recorder({ db, log, answers: async () => away === 0 })
  const bursts = Array.from({ length: 5 }, (_, n) => burstOf(n))
  for (const burst of bursts) recorder.add({ burst })
  await recorder.settled(10_000)
  await recorder[Symbol.asyncDispose]()
  expect(written).toEqual(bursts.map(({ id }) => id))
})

test('20 an entry that is written twice, or after what followed it, changes nothing', async () => {
  await using folder = await temporaryFolder()
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  await migrate(postgres.url, { log })
  await using database = openDatabase(postgres.url, log)
  const { db } = database
  await db.user.create({ data: { ...speaker, passwordHash: 'none' } })
  await db.group.create({ data: group })
  await db.session.create({
    data: { id: sessionId, userId: speaker.id, deviceName: 'watch', refreshTokenHash: 'none', expiresAt: new Date() },
  })
  const recorder = new Recorder({ db, log, answers: database.answers })
  const [first, second] = [burstOf(1), burstOf(2)]
  const entries: RecordEntry[] = [
    { voiceSession: { ...voiceSession, endedAt: START + 90_000 } },
    { voiceSession },
    ended(first, 'RELEASED', START + 1_000),
    { burst: first },
    ended(first, 'SERVER_RECOVERY', START + 9_000),
    { burst: second },
    { burst: second },
    ended(second, 'TALK_LIMIT', START + 30_002),
    ended(second, 'TALK_LIMIT', START + 30_002),
  ]
  for (const entry of entries) recorder.add(entry)
  // One that can never be written is left out, and holds nobody up.
  recorder.add({ burst: { ...burstOf(3), group: { id: newId<GroupId>(), name: 'nowhere' } } })
  const third = burstOf(4)
  recorder.add({ burst: third })
  await recorder.settled(10_000)
  await recorder[Symbol.asyncDispose]()

  const rows = await db.speakerHistory.findMany({ orderBy: { fencingToken: 'asc' } })
  expect(rows.map(({ id, endReason, endedAt }) => [id, endReason, endedAt?.getTime() ?? null])).toEqual([
    [first.id, 'RELEASED', START + 1_000],
    [second.id, 'TALK_LIMIT', START + 30_002],
    [third.id, null, null],
  ])
  expect((await db.groupVoiceSession.findMany()).map(({ endedAt }) => endedAt?.getTime())).toEqual([START + 90_000])
})
