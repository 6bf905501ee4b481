import { pino } from 'pino'
import { type Database, openDatabase } from '../../src/database/client.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { type BurstId, type GroupId, newId, type SessionId, type UserId, type VoiceSessionId } from '../../src/ids.ts'
import type { Burst, Person, RecordEntry, TalkBurstEndReason, VoiceSession } from '../../src/realtime/events.ts'
import { dataFolder } from '../support/data-folder.ts'

export const silent = pino({ level: 'silent' })
export const START = 1_700_000_000_000

/** A PostgreSQL of its own, with a group and somebody who may talk in it. */
export interface RecordDatabase extends AsyncDisposable {
  readonly url: string
  readonly db: Database
  readonly answers: () => Promise<boolean>
  readonly group: { readonly id: GroupId; readonly name: string }
  /** A group in which nobody has talked. */
  newGroup(): Promise<{ readonly id: GroupId; readonly name: string }>
  /** A burst that has just begun, `n` ms after the start, in a voice session of its own if none is given. */
  burst(n: number, more?: Partial<Burst>): Burst
  /** So many that begin one after the other. */
  bursts(count: number): Burst[]
  /** Why each ended, as its row says: null for one that runs, undefined for one without a row. */
  endsOf(bursts: readonly Burst[]): Promise<(TalkBurstEndReason | null | undefined)[]>
}

export async function openRecordDatabase(): Promise<RecordDatabase> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await dataFolder())
  const { url } = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: silent }))
  await migrate(url, { log: silent })
  const { db, answers } = stack.use(openDatabase(url, silent))
  const speaker: Person = { id: newId<UserId>(), username: 'ben', displayName: 'Ben' }
  const sessionId = newId<SessionId>()
  await db.user.create({ data: { ...speaker, passwordHash: 'none' } })
  await db.session.create({
    data: { id: sessionId, userId: speaker.id, deviceName: 'watch', refreshSalt: 'none', expiresAt: new Date() },
  })
  const newGroup = async () => {
    const group = { id: newId<GroupId>(), name: 'Night watch' }
    await db.group.create({ data: group })
    return group
  }
  const group = await newGroup()
  let tokens = 0n
  const burst = (n: number, more: Partial<Burst> = {}): Burst => ({
    id: newId<BurstId>(),
    group,
    speaker,
    sessionId,
    voiceSessionId: newId<VoiceSessionId>(),
    priority: 'NORMAL',
    fencingToken: ++tokens,
    startedAt: START + n,
    expiresAt: START + n + 30_000,
    endedAt: null,
    endReason: null,
    revokedBy: null,
    ...more,
  })
  const owned = stack.move()
  return {
    url,
    db,
    answers,
    group,
    newGroup,
    burst,
    bursts: (count) => Array.from({ length: count }, (_, n) => burst(n)),
    endsOf: async (bursts) => {
      const rows = await db.speakerHistory.findMany({ where: { id: { in: bursts.map(({ id }) => id) } } })
      const endOf = new Map<string, TalkBurstEndReason | null>(rows.map(({ id, endReason }) => [id, endReason]))
      return bursts.map(({ id }) => endOf.get(id))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export const ended = (burst: Burst, endReason: TalkBurstEndReason, afterMs: number): RecordEntry => ({
  burst: { ...burst, endReason, endedAt: burst.startedAt + afterMs },
})

export const voiceSessionOf = ({ voiceSessionId, group, startedAt }: Burst, endedAt: number | null = null): VoiceSession => ({
  id: voiceSessionId,
  groupId: group.id,
  startedAt,
  endedAt,
})
