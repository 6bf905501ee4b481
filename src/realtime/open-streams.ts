import type { RefusalCode } from '../errors.ts'

interface OpenStream {
  /** Why its reader may not have it any more; null while it may. */
  readonly lost: () => RefusalCode | null
  readonly end: (code: RefusalCode) => void
}

/**
 * Every open stream and socket of this process. They follow the rights: after each change of what is known of people, groups and sessions all
 * are looked at again, so that no change needs to know what hangs on it, and one that was learnt late ends things all the same.
 */
export class OpenStreams {
  readonly #open = new Set<OpenStream>()

  add(stream: OpenStream): () => void {
    this.#open.add(stream)
    return () => this.#open.delete(stream)
  }

  recheck(): void {
    for (const stream of this.#open) {
      const code = stream.lost()
      if (!code) continue
      this.#open.delete(stream)
      stream.end(code)
    }
  }
}
