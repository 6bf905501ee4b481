import type { Database } from '../../database/client.ts'
import type { Logger } from '../../logger.ts'
import type { RecordEntry } from '../../realtime/events.ts'
import { CannotBeWritten, isRefusal } from './cannot-be-written.ts'
import { closeWhatIsForgotten } from './recovery.ts'
import { type Row, rowOf, writeRows } from './rows.ts'

const BATCH = 200
const RETRY_MS = 250
/** At the end, a database that answers but takes nothing is tried so often. */
const LAST_TRIES = 5

export interface RecorderDeps {
  readonly db: Database
  readonly log: Logger
  /** Whether the database answers: at the end, nobody waits for one that is away. */
  readonly answers: () => Promise<boolean>
}

interface Waiting {
  readonly entry: RecordEntry
  /** Null for what is no row. */
  readonly row: Row | null
  readonly written: PromiseWithResolvers<void>
}

/**
 * Writes what must last into PostgreSQL as soon as it happens, in the way of nobody. Entries wait in order while the database is away, however
 * long. An entry may be written twice, late, before what it follows, and by several instances at once: the rows are the same.
 */
export class Recorder implements AsyncDisposable {
  readonly #deps: RecorderDeps
  readonly #waiting: Waiting[] = []
  #writing: Promise<void> | null = null
  #pause: { over: () => void } | null = null
  #closing = false

  constructor(deps: RecorderDeps) {
    this.#deps = deps
  }

  /** Resolves when the entry is committed; rejects with CannotBeWritten when it never will be. Nobody has to listen. */
  add(entry: RecordEntry): Promise<void> {
    const written = Promise.withResolvers<void>()
    // Who does not listen is told by the log.
    written.promise.catch(() => undefined)
    try {
      this.#waiting.push({ entry, row: rowOf(entry), written })
    } catch (error) {
      this.#leaveOut({ entry, row: null, written }, error)
    }
    this.#writing ??= this.#write()
    return written.promise
  }

  /** Resolves when all that happened so far is written, at the latest after `ms`. */
  async settled(ms: number): Promise<void> {
    const last = this.#waiting.at(-1)
    if (!last) return
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms)
    })
    // It is the last of all, whatever becomes of it.
    const written = last.written.promise.catch(() => undefined)
    await Promise.race([written, limit])
    clearTimeout(timer)
  }

  /** Writes what waits; the log says how much a database that is away did not take. Who waits for that is not told that it is written. */
  async [Symbol.asyncDispose]() {
    this.#closing = true
    this.#pause?.over()
    await this.#writing
    if (this.#waiting.length > 0)
      this.#deps.log.error({ entries: this.#waiting.length }, 'the record is incomplete: the database was away at the end')
  }

  async #write() {
    // What is added together is written together: the end of a burst and the beginning of the next come in one turn.
    await Promise.resolve()
    let tries = 0
    while (this.#waiting.length > 0) {
      const error = await this.#writeNext()
      tries = error === undefined ? 0 : tries + 1
      if (error === undefined) continue
      this.#deps.log.warn({ err: error, waiting: this.#waiting.length }, 'the record could not be written')
      if (this.#closing && (tries >= LAST_TRIES || !(await this.#deps.answers()))) break
      await this.#sleep()
    }
    // In the same turn as the last look: whatever comes later begins anew.
    this.#writing = null
  }

  /** Writes the next few: those that can be written, or never, wait no more. Answers the error after which all the rest is to be tried again. */
  async #writeNext(): Promise<unknown> {
    const batch = this.#nextBatch()
    const error = await this.#attempt(batch)
    if (!isRefusal(error)) return this.#done(batch, error)
    for (const one of batch) {
      const own = this.#done([one], await this.#attemptTwice(one))
      if (own !== undefined) return own
    }
    return undefined
  }

  /**
   * A row that two instances write in the same instant for the first time can violate the unique index on fencing tokens, though it is the same
   * row: ON CONFLICT looks at one index. Once the other has written it, it is there.
   */
  async #attemptTwice(one: Waiting): Promise<unknown> {
    const error = await this.#attempt([one])
    return isRefusal(error) ? this.#attempt([one]) : error
  }

  /** Rows together; what is no row alone, when all that came before it is written. */
  #nextBatch(): Waiting[] {
    const some = this.#waiting.slice(0, BATCH)
    const end = some.findIndex(({ row }) => row === null)
    return end === -1 ? some : some.slice(0, Math.max(1, end))
  }

  async #attempt(batch: readonly Waiting[]): Promise<unknown> {
    try {
      const [first] = batch
      if (first && 'forgotten' in first.entry) await closeWhatIsForgotten(this.#deps.db, first.entry.forgotten)
      else
        await writeRows(
          this.#deps.db,
          batch.map(({ row }) => row).filter((row) => row !== null),
        )
      return undefined
    } catch (error) {
      return error
    }
  }

  /** These are the first that wait. */
  #done(batch: readonly Waiting[], error: unknown): unknown {
    if (error !== undefined && !isRefusal(error)) return error
    this.#waiting.splice(0, batch.length)
    for (const one of batch) {
      if (error === undefined) one.written.resolve()
      else this.#leaveOut(one, error)
    }
    return undefined
  }

  #leaveOut({ entry, written }: Waiting, error: unknown) {
    this.#deps.log.error({ err: error, entry: describe(entry) }, 'an entry of the record cannot be written and is left out')
    written.reject(new CannotBeWritten(error))
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
}

function describe(entry: RecordEntry) {
  if ('burst' in entry) return { burst: entry.burst.id }
  return 'voiceSession' in entry ? { voiceSession: entry.voiceSession.id } : 'what was forgotten'
}
