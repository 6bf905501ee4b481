import type { Database } from '../../database/client.ts'
import type { BurstId, GroupId, SessionId, UserId, VoiceSessionId } from '../../ids.ts'
import type { Burst, Person } from '../../realtime/events.ts'
import type { Viewer } from '../auth/auth.service.ts'
import type { GroupsService } from '../groups/groups.service.ts'
import type { Recorder } from './recorder.ts'

export interface HistoryDeps {
  readonly db: Database
  readonly groups: GroupsService
  readonly recorder: Recorder
}

/** A page of the record: so many bursts, newest first, between two of them. */
export interface Page {
  readonly before?: string | undefined
  readonly after?: string | undefined
  readonly limit: number
  readonly inverted: boolean
}

/** A reader sees what ended before it asked, unless the database is away. */
const WAIT_FOR_RECORD_MS = 250

const person = { select: { id: true, username: true, displayName: true } } as const

export class HistoryService {
  readonly #deps: HistoryDeps

  constructor(deps: HistoryDeps) {
    this.#deps = deps
  }

  /** The group's bursts, newest first. Burst ids are UUIDv7: their order is that of the grants. */
  async talkBursts(viewer: Viewer, groupId: GroupId, { before, after, limit, inverted }: Page): Promise<Burst[]> {
    this.#deps.groups.visible(viewer, groupId)
    await this.#deps.recorder.settled(WAIT_FOR_RECORD_MS)
    const rows = await this.#deps.db.speakerHistory.findMany({
      where: { groupId, AND: [before ? { id: { gt: before } } : {}, after ? { id: { lt: after } } : {}] },
      orderBy: { id: inverted ? 'asc' : 'desc' },
      take: limit,
      include: { user: person, revokedBy: person, group: { select: { id: true, name: true } } },
    })
    return rows.map(({ user, group, revokedBy, ...row }) => ({
      id: row.id as BurstId,
      group: { id: group.id as GroupId, name: group.name },
      speaker: asPerson(user),
      sessionId: row.sessionId as SessionId,
      voiceSessionId: row.voiceSessionId as VoiceSessionId,
      priority: row.priority,
      fencingToken: row.fencingToken,
      startedAt: row.startedAt.getTime(),
      expiresAt: row.expiresAt.getTime(),
      endedAt: row.endedAt?.getTime() ?? null,
      endReason: row.endReason,
      revokedBy: revokedBy && asPerson(revokedBy),
    }))
  }
}

const asPerson = ({ id, username, displayName }: { id: string; username: string; displayName: string }): Person => ({
  id: id as UserId,
  username,
  displayName,
})

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
