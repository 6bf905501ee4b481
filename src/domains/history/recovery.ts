import type { Database } from '../../database/client.ts'

/**
 * For an engine that forgets when its process ends: whatever the record still shows as running is over. Done at the end, when the instant is
 * known, and at start, for a process that was killed; a burst is then dated no later than its talk limit.
 */
export async function closeWhatIsOpen(db: Database): Promise<void> {
  await db.$transaction([
    db.$executeRaw`
      UPDATE "SpeakerHistory" SET "endedAt" = GREATEST("startedAt", LEAST(now(), "expiresAt")), "endReason" = 'SERVER_RECOVERY'
      WHERE "endedAt" IS NULL`,
    db.$executeRaw`
      UPDATE "GroupVoiceSession" AS voice SET "endedAt" = GREATEST(voice."startedAt",
        LEAST(now(), (SELECT max(burst."endedAt") FROM "SpeakerHistory" AS burst WHERE burst."voiceSessionId" = voice."id") + interval '60 seconds'))
      WHERE voice."endedAt" IS NULL`,
  ])
}

/** The highest fencing token that was ever granted and recorded. */
export async function lastFencingToken(db: Database): Promise<bigint> {
  const { _max } = await db.speakerHistory.aggregate({ _max: { fencingToken: true } })
  return _max.fencingToken ?? 0n
}
