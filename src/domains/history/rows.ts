import type { Database } from '../../database/client.ts'
import type { Burst, RecordEntry, VoiceSession } from '../../realtime/events.ts'

/** An entry as columns, in JSON: what PostgreSQL makes of it is known when it is asked, in one piece. */
export type Row = { readonly burst: string } | { readonly voiceSession: string }

/** Null for an entry that is no row. Throws if a value is none: an instant that is not a number, for one. */
export function rowOf(entry: RecordEntry): Row | null {
  if ('burst' in entry) return { burst: burstRow(entry.burst) }
  return 'voiceSession' in entry ? { voiceSession: voiceSessionRow(entry.voiceSession) } : null
}

const instant = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())

const voiceSessionRow = ({ id, groupId, startedAt, endedAt }: VoiceSession) =>
  JSON.stringify({ id, groupId, startedAt: instant(startedAt), endedAt: instant(endedAt) })

const burstRow = ({ id, group, voiceSessionId, speaker, sessionId, priority, fencingToken, endReason, revokedBy, ...times }: Burst) =>
  JSON.stringify({
    id,
    groupId: group.id,
    voiceSessionId,
    userId: speaker.id,
    sessionId,
    priority,
    fencingToken: fencingToken.toString(),
    startedAt: instant(times.startedAt),
    expiresAt: instant(times.expiresAt),
    endedAt: instant(times.endedAt),
    endReason,
    revokedById: revokedBy?.id ?? null,
  })

/**
 * Writes rows as far as they are known, in one statement. Whatever order they come in, how often, and from how many instances at once, the result
 * is the same: a start never undoes an end, and an end that somebody only guessed (SERVER_RECOVERY) gives way to the real one. A burst makes the
 * row of its voice session if it comes first. Rows are touched in the order of their names, so that two instances seldom wait for each other.
 */
export async function writeRows(db: Database, rows: readonly Row[]): Promise<void> {
  const bursts = `[${rows.flatMap((row) => ('burst' in row ? row.burst : [])).join()}]`
  const voiceSessions = `[${rows.flatMap((row) => ('voiceSession' in row ? row.voiceSession : [])).join()}]`
  await db.$executeRaw`
    WITH burst AS (
      SELECT DISTINCT ON ("id") * FROM jsonb_populate_recordset(NULL::"SpeakerHistory", ${bursts}::jsonb)
      ORDER BY "id", "endReason" = 'SERVER_RECOVERY' NULLS LAST, "endedAt"
    ), voice AS (
      INSERT INTO "GroupVoiceSession" ("id", "groupId", "startedAt", "endedAt")
      SELECT "id", "groupId", min("startedAt"), min("endedAt") FROM (
        SELECT "id", "groupId", "startedAt", "endedAt" FROM jsonb_populate_recordset(NULL::"GroupVoiceSession", ${voiceSessions}::jsonb)
        UNION ALL SELECT "voiceSessionId", "groupId", "startedAt", NULL FROM burst
      ) AS known GROUP BY "id", "groupId" ORDER BY "id"
      ON CONFLICT ("id") DO UPDATE SET
        "startedAt" = LEAST("GroupVoiceSession"."startedAt", EXCLUDED."startedAt"),
        "endedAt" = COALESCE("GroupVoiceSession"."endedAt", EXCLUDED."endedAt")
      WHERE EXCLUDED."startedAt" < "GroupVoiceSession"."startedAt"
        OR (EXCLUDED."endedAt" IS NOT NULL AND "GroupVoiceSession"."endedAt" IS NULL)
    )
    INSERT INTO "SpeakerHistory" ("id", "groupId", "voiceSessionId", "userId", "sessionId", "priority", "fencingToken",
      "startedAt", "expiresAt", "endedAt", "endReason", "revokedById")
    SELECT "id", "groupId", "voiceSessionId", "userId", "sessionId", "priority", "fencingToken",
      "startedAt", "expiresAt", "endedAt", "endReason", "revokedById" FROM burst
    ON CONFLICT ("id") DO UPDATE SET
      "expiresAt" = EXCLUDED."expiresAt",
      "endedAt" = EXCLUDED."endedAt",
      "endReason" = EXCLUDED."endReason",
      "revokedById" = EXCLUDED."revokedById"
    WHERE EXCLUDED."endedAt" IS NOT NULL AND ("SpeakerHistory"."endedAt" IS NULL
      OR ("SpeakerHistory"."endReason" = 'SERVER_RECOVERY' AND EXCLUDED."endReason" <> 'SERVER_RECOVERY'))`
}
