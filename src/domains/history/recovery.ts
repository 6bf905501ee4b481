import { Prisma } from '../../../prisma/generated/client/client.ts'
import type { Database } from '../../database/client.ts'
import type { GroupId } from '../../ids.ts'
import type { Forgotten } from '../../realtime/events.ts'

/**
 * For an engine that forgets when its process ends: whatever the record still shows as running is over. Done at the end, when the instant is
 * known, and at start, for a process that was killed.
 */
export async function closeWhatIsOpen(db: Database): Promise<void> {
  await close(db, Prisma.sql`SELECT "id", 'infinity'::timestamptz FROM "Group"`)
}

/** For an engine that found its state forgotten: what began before the group's new epoch is over. */
export async function closeWhatIsForgotten(db: Database, { epochBegan }: Forgotten): Promise<void> {
  const open = await db.$queryRaw<{ groupId: GroupId }[]>`
    SELECT "groupId"::text FROM "SpeakerHistory" WHERE "endedAt" IS NULL
    UNION SELECT "groupId"::text FROM "GroupVoiceSession" WHERE "endedAt" IS NULL`
  const epochs = open.flatMap(({ groupId }) => {
    const began = epochBegan(groupId)
    return began === undefined ? [] : [{ groupId, began: new Date(began).toISOString() }]
  })
  if (epochs.length === 0) return
  await close(
    db,
    Prisma.sql`SELECT * FROM jsonb_to_recordset(${JSON.stringify(epochs)}::jsonb) AS known("groupId" uuid, began timestamptz)`,
  )
}

/** A burst is dated no later than its talk limit and the new epoch, in which others may have talked since; and never before its start. */
async function close(db: Database, epochs: Prisma.Sql): Promise<void> {
  await db.$transaction([
    db.$executeRaw`
      UPDATE "SpeakerHistory" SET "endedAt" = GREATEST("startedAt", LEAST(now(), epoch.began, "expiresAt")), "endReason" = 'SERVER_RECOVERY'
      FROM (${epochs}) AS epoch("id", began)
      WHERE "endedAt" IS NULL AND "groupId" = epoch."id" AND "startedAt" < epoch.began`,
    db.$executeRaw`
      UPDATE "GroupVoiceSession" AS voice SET "endedAt" = GREATEST(voice."startedAt", LEAST(now(), epoch.began,
        (SELECT max(burst."endedAt") FROM "SpeakerHistory" AS burst WHERE burst."voiceSessionId" = voice."id") + interval '60 seconds'))
      FROM (${epochs}) AS epoch("id", began)
      WHERE voice."endedAt" IS NULL AND voice."groupId" = epoch."id" AND voice."startedAt" < epoch.began`,
  ])
}

/** The highest fencing token that was ever granted and recorded. */
export async function lastFencingToken(db: Database): Promise<bigint> {
  const { _max } = await db.speakerHistory.aggregate({ _max: { fencingToken: true } })
  return _max.fencingToken ?? 0n
}
