import { Prisma } from '../../../prisma/generated/client/client.ts'
import type { Database } from '../../database/client.ts'
import { isOutage } from '../../database/outages.ts'
import type { Logger } from '../../logger.ts'
import type { Burst, RecordEntry, VoiceSession } from '../../realtime/events.ts'

const BATCH = 100
const RETRY_MS = 250
/** So often an entry is refused by a database that answers before it is left out: once may be the end of an outage. */
const MOST_REFUSALS = 5

export interface RecorderDeps {
  readonly db: Database
  readonly log: Logger
  /** Whether the database answers: tells an outage from an entry that can never be written. */
  readonly answers: () => Promise<boolean>
}

/**
 * Writes what must last into PostgreSQL as soon as it happens, in the way of nobody. Entries wait in order while the database is away. An
 * entry may be written twice or late: each names its row and only fills in what is missing.
 */
export class Recorder implements AsyncDisposable {
  readonly #deps: RecorderDeps
  #waiting: RecordEntry[] = []
  readonly #refusals = new Map<RecordEntry, number>()
  #writing: Promise<void> | null = null
  #pause: { over: () => void } | null = null
  #closing = false

  constructor(deps: RecorderDeps) {
    this.#deps = deps
  }

  add(entry: RecordEntry): void {
    this.#waiting.push(entry)
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
    })
  }

  /** Resolves when all that happened so far is written, at the latest after `ms`. */
  async settled(ms: number): Promise<void> {
    if (!this.#writing) return
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    await Promise.race([this.#writing, limit])
    clearTimeout(timer)
  }

  /** Writes what waits; what a database that is away does not take then is lost, and the log says how much. */
  async [Symbol.asyncDispose]() {
    this.#closing = true
    this.#pause?.over()
    await this.#writing
    if (this.#waiting.length > 0)
      this.#deps.log.error({ entries: this.#waiting.length }, 'the record is incomplete: the database was away at the end')
  }

  async #write() {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH)
      try {
        await this.#deps.db.$transaction(batch.map((entry) => this.#upsert(entry)))
      } catch (error) {
        if (this.#closing && !(await this.#deps.answers())) return
        if (!(await this.#writeOneByOne(batch, error))) continue
      }
      this.#waiting.splice(0, batch.length)
      this.#refusals.clear()
    }
  }

  /** After a failed batch: false when all of it is to be tried again later. */
  async #writeOneByOne(batch: readonly RecordEntry[], cause: unknown): Promise<boolean> {
    this.#deps.log.warn({ err: cause, waiting: this.#waiting.length }, 'the record could not be written')
    for (const entry of batch) {
      try {
        await this.#upsert(entry)
      } catch (error) {
        const isRefused = !isOutage(error) && (await this.#deps.answers())
        const refusals = (this.#refusals.get(entry) ?? 0) + (isRefused ? 1 : 0)
        this.#refusals.set(entry, refusals)
        if (refusals < MOST_REFUSALS) {
          await this.#sleep()
          return false
        }
        this.#deps.log.error({ err: error, entry: describe(entry) }, 'an entry of the record cannot be written and is left out')
      }
    }
    return true
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#closing ? 0 : RETRY_MS)
      this.#pause = {
        over: () => {
          clearTimeout(timer)
          resolve()
        },
      }
    })
  }

  #upsert(entry: RecordEntry) {
    return 'burst' in entry ? this.#upsertBurst(entry.burst) : this.#upsertVoiceSession(entry.voiceSession)
  }

  #upsertVoiceSession({ id, groupId, startedAt, endedAt }: VoiceSession) {
    return this.#deps.db.$executeRaw`
      INSERT INTO "GroupVoiceSession" ("id", "groupId", "startedAt", "endedAt")
      VALUES (${uuid(id)}, ${uuid(groupId)}, ${instant(startedAt)}, ${instant(endedAt)})
      ON CONFLICT ("id") DO UPDATE SET "endedAt" = COALESCE("GroupVoiceSession"."endedAt", EXCLUDED."endedAt")`
  }

  #upsertBurst(burst: Burst) {
    return this.#deps.db.$executeRaw`
      INSERT INTO "SpeakerHistory" ("id", "groupId", "voiceSessionId", "userId", "sessionId", "priority", "fencingToken",
        "startedAt", "expiresAt", "endedAt", "endReason", "revokedById")
      VALUES (${uuid(burst.id)}, ${uuid(burst.group.id)}, ${uuid(burst.voiceSessionId)}, ${uuid(burst.speaker.id)}, ${uuid(burst.sessionId)},
        ${burst.priority}::"FloorPriority", ${burst.fencingToken}, ${instant(burst.startedAt)}, ${instant(burst.expiresAt)},
        ${instant(burst.endedAt)}, ${burst.endReason}::"TalkBurstEndReason", ${uuid(burst.revokedBy?.id ?? null)})
      ON CONFLICT ("id") DO UPDATE SET
        "endedAt" = COALESCE("SpeakerHistory"."endedAt", EXCLUDED."endedAt"),
        "endReason" = COALESCE("SpeakerHistory"."endReason", EXCLUDED."endReason"),
        "revokedById" = COALESCE("SpeakerHistory"."revokedById", EXCLUDED."revokedById")`
  }
}

const uuid = (id: string | null) => Prisma.sql`${id}::uuid`
const instant = (ms: number | null) => Prisma.sql`${ms === null ? null : new Date(ms)}::timestamptz`

const describe = (entry: RecordEntry) => ('burst' in entry ? { burst: entry.burst.id } : { voiceSession: entry.voiceSession.id })
