import { Prisma } from '../../prisma/generated/client/client.ts'
import type { GroupId, SessionId, UserId } from '../ids.ts'
import type { Database } from './client.ts'

/** Of what is in memory, which fact is to be read again. */
export type Change =
  | { readonly kind: 'USER'; readonly userId: UserId }
  | { readonly kind: 'GROUP'; readonly groupId: GroupId }
  | { readonly kind: 'MEMBER'; readonly groupId: GroupId; readonly userId: UserId }
  | { readonly kind: 'SESSION'; readonly userId: UserId; readonly sessionId: SessionId }

/** How far somebody has read. */
export interface LogPosition {
  /** Which transactions had been committed, as PostgreSQL writes it. */
  readonly snapshot: string
  readonly at: Date
}

/** Older than any reader that still follows. */
const KEPT = '1 hour'
const FOLLOWS_FOR_MS = 30 * 60_000
/** By then every instance that reaches the database has read a change, and what it had admitted before has reached the engine. */
const SETTLED_AFTER = '2 seconds'
const MOST_OWED = 100

/** A row as a Change. */
const CHANGE = Prisma.sql`jsonb_strip_nulls(jsonb_build_object(
  'kind', log."kind", 'userId', log."userId", 'groupId', log."groupId", 'sessionId', log."sessionId"))`

/** Tells of changes, in the transaction that makes them. `owed`: something may have to be taken away from who has it. */
export async function append(tx: Prisma.TransactionClient, changes: readonly Change[], { owed }: { owed: boolean }): Promise<void> {
  const doneAt = owed ? null : new Date()
  if (changes.length > 0) await tx.change.createMany({ data: changes.map((change) => ({ ...change, doneAt })) })
}

interface Row extends LogPosition {
  /** It has begun fewer transactions than it had when it was read last. */
  readonly isBehind: boolean | null
  /** Null in the one row of a reading that finds nothing. */
  readonly id: bigint | null
  readonly change: Change
}

/**
 * What was committed since, by whichever transaction: one may commit after another that began later was read, so ids say nothing. Null when that
 * is not known (the first time, after too long, or when this is not the server that it was): then everything is to be read, after this.
 */
export async function readChanges(
  db: Database,
  since: LogPosition | null,
): Promise<{ changes: readonly Change[] | null; position: LogPosition }> {
  const rows = await db.$queryRaw<Row[]>`
    SELECT reading."now"::text AS "snapshot", now() AS "at", log."id", ${CHANGE} AS "change",
      pg_snapshot_xmax(reading."now") < pg_snapshot_xmax(reading."since") AS "isBehind"
    FROM (SELECT pg_current_snapshot() AS "now", ${since?.snapshot ?? null}::text::pg_snapshot AS "since") AS reading
    LEFT JOIN "Change" AS log
      ON log."xact" >= pg_snapshot_xmin(reading."since") AND NOT pg_visible_in_snapshot(log."xact", reading."since")
    ORDER BY log."id"`
  const [first] = rows
  if (!first) throw new Error('the database did not say how far its transactions are')
  const { isBehind, snapshot, at } = first
  const isFollowing = since !== null && !isBehind && at.getTime() - since.at.getTime() <= FOLLOWS_FOR_MS
  return { changes: isFollowing ? rows.flatMap(({ id, change }) => (id === null ? [] : [change])) : null, position: { snapshot, at } }
}

/** What nobody has noted as done since it was made, the oldest first. */
export async function readOwed(db: Database): Promise<readonly { readonly id: bigint; readonly change: Change }[]> {
  return db.$queryRaw<{ id: bigint; change: Change }[]>`
    SELECT log."id", ${CHANGE} AS "change" FROM "Change" AS log
    WHERE log."doneAt" IS NULL AND log."createdAt" < now() - ${SETTLED_AFTER}::text::interval ORDER BY log."id" LIMIT ${MOST_OWED}`
}

export async function noteDone(db: Database, ids: readonly bigint[]): Promise<void> {
  await db.$executeRaw`UPDATE "Change" SET "doneAt" = now() WHERE "id" = ANY(${[...ids]}::bigint[]) AND "doneAt" IS NULL`
}

export async function forgetOld(db: Database): Promise<void> {
  await db.$executeRaw`DELETE FROM "Change" WHERE "doneAt" IS NOT NULL AND "createdAt" < now() - ${KEPT}::text::interval`
}
