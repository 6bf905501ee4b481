import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { Refusal } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** off: not looked at. report: what is not in the manifest is logged. enforce: it is refused, but for admins. */
export type TrustMode = 'off' | 'report' | 'enforce'

/** Apollo's persisted-query manifest as its tools write it, or texts by their SHA-256. */
const manifest = z.union([
  z
    .object({
      format: z.literal('apollo-persisted-query-manifest'),
      version: z.literal(1),
      operations: z.array(z.object({ id: z.string(), body: z.string() })),
    })
    .transform(({ operations }) => new Map(operations.map(({ id, body }) => [id, body]))),
  z.record(z.string(), z.string()).transform((texts) => new Map(Object.entries(texts))),
])

const REPORTED = 1_000
const REPORT_EVERY_MS = 1_000

/** The documents that are known in advance, because those who write the clients said which. */
export class TrustedDocuments {
  readonly mode: TrustMode
  readonly #texts: ReadonlyMap<string, string>
  readonly #known: ReadonlySet<string>
  readonly #log: Logger
  readonly #reported = new LRUCache<string, true>({ max: REPORTED })
  #reportAfter = 0

  constructor({ mode, texts, log }: { mode: TrustMode; texts: ReadonlyMap<string, string>; log: Logger }) {
    this.mode = mode
    this.#texts = texts
    this.#known = new Set(texts.values())
    this.#log = log
  }

  /** The text of the document that is named so. */
  named(id: string): string {
    const text = this.#texts.get(id)
    // Apollo's clients look for these very words, and send the text then.
    if (text === undefined) throw new Refusal('PERSISTED_QUERY_REQUIRED', { sentence: 'PersistedQueryNotFound' })
    return text
  }

  /** Whether this text may not be executed for somebody who is no admin. */
  refuses(text: string): boolean {
    return this.mode === 'enforce' && !this.#known.has(text)
  }

  /** Tells the operator of a text that enforcing would refuse: each once, and not many at a time, for anybody can send new ones. */
  report(text: string, operationName: string | null): void {
    if (this.mode !== 'report' || this.#known.has(text)) return
    const now = performance.now()
    if (now < this.#reportAfter) return
    const hash = createHash('sha256').update(text).digest('hex')
    if (this.#reported.has(hash)) return
    this.#reported.set(hash, true)
    this.#reportAfter = now + REPORT_EVERY_MS
    this.#log.warn({ hash, operationName: operationName?.slice(0, 100) ?? null }, 'a document is not in TRUSTED_DOCUMENTS')
  }

  /** Every text, to be looked at before anybody sends it. */
  get all(): ReadonlyMap<string, string> {
    return this.#texts
  }
}

export interface TrustedDocumentsOptions {
  readonly file: string | null
  readonly mode: TrustMode
}

/** Throws, with the name of the variable, when the file cannot be read or is no manifest. */
export async function readTrustedDocuments({ file, mode }: TrustedDocumentsOptions, log: Logger): Promise<TrustedDocuments> {
  return new TrustedDocuments({ mode, texts: file === null ? new Map<string, string>() : await read(file), log })
}

async function read(file: string): Promise<ReadonlyMap<string, string>> {
  try {
    return manifest.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    throw new Error(`TRUSTED_DOCUMENTS cannot be read as a manifest of documents: ${file}`, { cause })
  }
}
