import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from '../logger.ts'
import { BEGINNING, type ChainHead } from './audit-log.ts'
import type { Database } from './client.ts'

/** Where the audit log ended at some time, noted where who can change the database may not come. */
export interface Anchor extends ChainHead {
  readonly at: Date
}

export interface AuditAnchorsDeps {
  readonly db: Database
  readonly log: Logger
  /** The file to which they are appended. */
  readonly file: string
}

const LOOK_EVERY_MS = 60_000
const AT_LEAST_EVERY_MS = 60 * 60_000
/** Sooner, if so many entries came. */
const MOST_UNANCHORED = 1_000n

/**
 * Notes outside the database where its audit log ends, in a file and in the log: at the start, at the end, and each hour. Whoever cuts the end
 * off, or writes the whole chain anew, cannot make it fit that.
 */
export class AuditAnchors implements AsyncDisposable {
  readonly #deps: AuditAnchorsDeps
  readonly #timer: NodeJS.Timeout
  #last: Anchor = { ...BEGINNING, at: new Date(0) }
  #looking: Promise<void>

  constructor(deps: AuditAnchorsDeps) {
    this.#deps = deps
    this.#looking = this.#begin()
    this.#timer = setInterval(() => void this.#look('when it is due'), LOOK_EVERY_MS)
  }

  /** Needs the database. */
  async [Symbol.asyncDispose]() {
    clearInterval(this.#timer)
    await this.#look('now')
  }

  #look(when: 'now' | 'when it is due'): Promise<void> {
    this.#looking = this.#looking.then(() => this.#anchor(when))
    return this.#looking
  }

  /** What an earlier start anchored counts too. */
  async #begin(): Promise<void> {
    const { log, file } = this.#deps
    try {
      this.#last = (await readAnchors(file)).at(-1) ?? this.#last
    } catch (err) {
      log.error({ err, file }, 'the anchors of the audit log cannot be read')
    }
    await this.#anchor('now')
  }

  async #anchor(when: 'now' | 'when it is due'): Promise<void> {
    const { log, db, file } = this.#deps
    try {
      const { head, lastHash } = await this.#read(db)
      if (lastHash !== this.#last.hash)
        log.error(
          { entry: this.#last.id.toString(), anchoredAt: this.#last.at },
          'the audit log has been changed: run npm run audit:verify',
        )
      if (head.id === this.#last.id && lastHash === this.#last.hash) return
      const isDue = Date.now() - this.#last.at.getTime() >= AT_LEAST_EVERY_MS || head.id - this.#last.id >= MOST_UNANCHORED
      if (when === 'when it is due' && !isDue) return
      const anchor = { ...head, at: new Date() }
      log.info({ entry: anchor.id.toString(), hash: anchor.hash }, 'the audit log ends here')
      this.#last = anchor
      await append(file, anchor)
    } catch (err) {
      log.warn({ err, file }, 'the end of the audit log could not be anchored')
    }
  }

  async #read(db: Database): Promise<{ head: ChainHead; lastHash: string | undefined }> {
    const head = (await db.auditEntry.findFirst({ orderBy: { id: 'desc' }, select: { id: true, hash: true } })) ?? BEGINNING
    if (this.#last.id === 0n) return { head, lastHash: BEGINNING.hash }
    const last = await db.auditEntry.findUnique({ where: { id: this.#last.id }, select: { hash: true } })
    return { head, lastHash: last?.hash }
  }
}

/** What a file holds; nothing if there is none. A line that was not written whole is left out: it was never relied on. */
export async function readAnchors(file: string): Promise<Anchor[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').flatMap((line) => {
    const { at, entry, hash } = /^(?<at>\S+) (?<entry>\d{1,18}) (?<hash>[0-9a-f]{64})$/.exec(line)?.groups ?? {}
    return at && entry && hash ? [{ at: new Date(at), id: BigInt(entry), hash }] : []
  })
}

async function append(file: string, { at, id, hash }: Anchor): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await using handle = await open(file, 'a', 0o600)
  await handle.write(`${at.toISOString()} ${id} ${hash}\n`)
  await handle.sync()
}
