import type { Database } from '../../database/client.ts'
import type { BurstId, GroupId, SessionId, UserId, VoiceSessionId } from '../../ids.ts'
import { between, type Page } from '../../page.ts'
import type { Burst, Person } from '../../realtime/events.ts'
import type { Viewer } from '../auth/auth.service.ts'
import type { GroupsService } from '../groups/groups.service.ts'

export interface HistoryDeps {
  readonly db: Database
  readonly groups: GroupsService
  /** Waits until what happened in a group is written, on whichever instance, unless PostgreSQL or Redis is away. */
  readonly recorded: (groupId: GroupId) => Promise<unknown>
}

export interface RecordedVoiceSession {
  readonly id: VoiceSessionId
  readonly group: { readonly id: GroupId; readonly name: string }
  readonly startedAt: Date
  readonly endedAt: Date | null
  readonly burstCount: number
  readonly talkMs: number
}

/** Voice sessions whose bursts are read at once, and what was read. */
interface Batch {
  readonly ids: VoiceSessionId[]
  readonly bursts: Promise<Burst[]>
}

const person = { select: { id: true, username: true, displayName: true } } as const

export class HistoryService {
  readonly #deps: HistoryDeps
  readonly #batches = new Map<string, Batch>()

  constructor(deps: HistoryDeps) {
    this.#deps = deps
  }

  /** The group's bursts, newest first: by fencing token, which is the order of the grants, whatever became of the clock. */
  async talkBursts(viewer: Viewer, groupId: GroupId, page: Page<bigint>): Promise<Burst[]> {
    await this.#visible(viewer, groupId)
    return this.#bursts({ groupId }, page)
  }

  /** The bursts of one voice session. Those that are asked for at the same time, as for a list, are read at once. */
  async burstsOf(voiceSessionId: VoiceSessionId, page: Page<bigint>): Promise<Burst[]> {
    const key = [page.before, page.after, page.limit, page.inverted].join()
    const batch = this.#batches.get(key) ?? this.#openBatch(key, page)
    batch.ids.push(voiceSessionId)
    return (await batch.bursts).filter((burst) => burst.voiceSessionId === voiceSessionId)
  }

  #openBatch(key: string, page: Page<bigint>): Batch {
    const ids: VoiceSessionId[] = []
    const asked = new Promise((resolve) => {
      setImmediate(resolve)
    })
    const bursts = asked.then(() => {
      this.#batches.delete(key)
      return this.#firstOfEach(ids, page)
    })
    const batch = { ids, bursts }
    this.#batches.set(key, batch)
    return batch
  }

  /** Of each voice session a page. */
  async #firstOfEach(ids: readonly VoiceSessionId[], { before, after, limit, inverted }: Page<bigint>): Promise<Burst[]> {
    const rows = await this.#deps.db.$queryRaw<{ id: string }[]>`
      SELECT "id"::text AS "id" FROM (
        SELECT "id", row_number() OVER (
          PARTITION BY "voiceSessionId" ORDER BY "fencingToken" * ${inverted ? 1 : -1}::int
        ) AS "place" FROM "SpeakerHistory"
        WHERE "voiceSessionId" = ANY(${[...ids]}::uuid[])
          AND (${before ?? null}::bigint IS NULL OR "fencingToken" > ${before ?? null}::bigint)
          AND (${after ?? null}::bigint IS NULL OR "fencingToken" < ${after ?? null}::bigint)
      ) AS "placed" WHERE "place" <= ${limit}`
    return this.#bursts({ id: { in: rows.map(({ id }) => id) } }, { limit: rows.length, inverted })
  }

  /** The group's voice sessions, newest first, each with what was said in it. */
  async voiceSessions(viewer: Viewer, groupId: GroupId, page: Page<Date>): Promise<RecordedVoiceSession[]> {
    const { db } = this.#deps
    await this.#visible(viewer, groupId)
    const sessions = await db.groupVoiceSession.findMany({
      where: { groupId, startedAt: between(page) },
      orderBy: { startedAt: page.inverted ? 'asc' : 'desc' },
      take: page.limit,
      include: { group: { select: { id: true, name: true } } },
    })
    const ids = sessions.map(({ id }) => id)
    const sums = await db.$queryRaw<{ id: string; bursts: bigint; talkMs: number }[]>`
      SELECT "voiceSessionId"::text AS "id", count(*) AS "bursts",
        COALESCE(round(sum(extract(epoch FROM "endedAt" - "startedAt")) * 1000), 0)::float8 AS "talkMs"
      FROM "SpeakerHistory" WHERE "voiceSessionId" = ANY(${ids}::uuid[]) GROUP BY "voiceSessionId"`
    const sumOf = new Map(sums.map(({ id, bursts, talkMs }) => [id, { burstCount: Number(bursts), talkMs }]))
    return sessions.map(({ group, ...session }) => ({
      id: session.id as VoiceSessionId,
      group: { id: group.id as GroupId, name: group.name },
      startedAt: session.startedAt,
      endedAt: session.endedAt,
      ...(sumOf.get(session.id) ?? { burstCount: 0, talkMs: 0 }),
    }))
  }

  async #visible(viewer: Viewer, groupId: GroupId) {
    await this.#deps.groups.visible(viewer, groupId)
    await this.#deps.recorded(groupId)
  }

  async #bursts(where: { groupId: GroupId } | { id: { in: string[] } }, page: Page<bigint>): Promise<Burst[]> {
    const rows = await this.#deps.db.speakerHistory.findMany({
      where: { ...where, fencingToken: between(page) },
      orderBy: { fencingToken: page.inverted ? 'asc' : 'desc' },
      take: page.limit,
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
