import type { Logger } from '../logger.ts'
import { type AuditNote, note } from './audit-log.ts'
import type { Database } from './client.ts'
import { isOutage } from './outages.ts'

export interface AuditTrailDeps {
  readonly db: Database
  readonly log: Logger
}

const BATCH = 100
const RETRY_MS = 500
/** So many wait for a database that is away; what comes then is in the log alone. */
const MOST_WAITING = 10_000
/** At the end, a database that does not take them is tried so often. */
const LAST_TRIES = 3
/** What is counted makes one entry of each kind in this time. */
const COUNTED_FOR_MS = 60_000
/** So many kinds are told apart at once: more would be a way to fill the disk. */
const MOST_KINDS = 32

interface Counted {
  readonly note: AuditNote
  readonly since: number
  times: number
}

/**
 * What the audit log is told of after it has happened: interventions and enforcement, which do not wait for the database, and refusals, which
 * have no transaction. They wait in order while the database is away. What cannot be noted at all is in the log.
 */
export class AuditTrail implements AsyncDisposable {
  readonly #deps: AuditTrailDeps
  readonly #waiting: AuditNote[] = []
  readonly #counted = new Map<string, Counted>()
  readonly #counting: NodeJS.Timeout
  #writing: Promise<void> | null = null
  #pause: (() => void) | null = null
  #closing = false

  constructor(deps: AuditTrailDeps) {
    this.#deps = deps
    this.#counting = setInterval(() => this.#tellCounted(COUNTED_FOR_MS), COUNTED_FOR_MS / 12)
  }

  /** What has been done. */
  add(done: AuditNote): void {
    const { log } = this.#deps
    const entry = { at: new Date(), ...done }
    if (this.#waiting.length >= MOST_WAITING)
      return log.error({ entry }, 'the audit log does not have this: too much waits for the database')
    this.#waiting.push(entry)
    this.#writing ??= this.#write()
  }

  /** What others can bring about as often as they like, such as a refusal: one entry a minute, which says how often (times). */
  addCounted(done: AuditNote): void {
    const { action, outcome, actor, target } = done
    const own = JSON.stringify([action, outcome, actor?.userId, actor?.address, target?.id])
    const isOneTooMany = !this.#counted.has(own) && this.#counted.size >= MOST_KINDS
    const kind = isOneTooMany ? JSON.stringify([action, outcome]) : own
    const known = this.#counted.get(kind)
    if (known) known.times += 1
    else this.#begin(kind, isOneTooMany ? { action, ...(outcome ? { outcome } : {}), actor: null } : done)
  }

  async [Symbol.asyncDispose]() {
    clearInterval(this.#counting)
    this.#tellCounted(0)
    this.#closing = true
    this.#pause?.()
    await this.#writing
    for (const entry of this.#waiting) this.#deps.log.error({ entry }, 'the audit log does not have this: the database was away at the end')
  }

  #begin(kind: string, done: AuditNote) {
    this.#counted.set(kind, { note: done, since: performance.now(), times: 0 })
    this.add({ ...done, details: { ...done.details, times: 1 } })
  }

  /** Those that came after the first of their minute; who has none is forgotten. */
  #tellCounted(olderThanMs: number) {
    for (const [kind, { note: done, since, times }] of this.#counted) {
      if (performance.now() - since < olderThanMs) continue
      this.#counted.delete(kind)
      if (times === 0) continue
      this.add({ ...done, details: { ...done.details, times } })
      this.#counted.set(kind, { note: done, since: performance.now(), times: 0 })
    }
  }

  async #write() {
    // What is added together is written together.
    await Promise.resolve()
    let tries = 0
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH)
      const error = await this.#attempt(batch)
      if (error === null) this.#waiting.splice(0, batch.length)
      else if (isOutage(error)) {
        tries += 1
        this.#deps.log.warn({ err: error, waiting: this.#waiting.length }, 'the audit log could not be written')
        if (this.#closing && tries >= LAST_TRIES) break
        await this.#sleep()
        continue
      } else await this.#writeEach(batch)
      tries = 0
    }
    // In the same turn as the last look: whatever comes later begins anew.
    this.#writing = null
  }

  /** One of them is not what the database takes: the others are not to wait for it. */
  async #writeEach(batch: readonly AuditNote[]) {
    for (const entry of batch) {
      const error = await this.#attempt([entry])
      if (error !== null && isOutage(error)) return
      this.#waiting.shift()
      if (error !== null) this.#deps.log.error({ err: error, entry }, 'the audit log does not take this')
    }
  }

  async #attempt(batch: readonly AuditNote[]): Promise<unknown> {
    try {
      await this.#deps.db.$transaction((tx) => note(tx, ...batch))
      return null
    } catch (error) {
      return error ?? new Error('the database gave no reason')
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#closing ? 0 : RETRY_MS)
      this.#pause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
