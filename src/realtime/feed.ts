import { Refusal, type RefusalCode } from '../errors.ts'

/** The last item of a stream that the server ends. */
export interface EndItem {
  readonly kind: 'END'
  readonly code: RefusalCode
}

/** So many items wait for a slow reader. */
export const BUFFERED_ITEMS = 64

/**
 * Items that are pushed at one end and pulled at the other, in order. Written by hand and not as a generator, whose `return()` would wait for
 * an item that may never come.
 */
export class Feed<Item> implements AsyncIterableIterator<Item | EndItem> {
  protected readonly items: (Item | EndItem)[] = []
  readonly #cleanups: (() => void)[] = []
  #waiting: ((result: IteratorResult<Item | EndItem>) => void) | null = null
  #ended = false

  get hasEnded(): boolean {
    return this.#ended
  }

  push(...items: Item[]): void {
    if (this.#ended) return
    this.items.push(...items)
    this.#flush()
  }

  /** The server ends this stream: what waits is told, then the reason, then it completes. */
  end(code: RefusalCode): void {
    if (this.#ended) return
    this.items.push({ kind: 'END', code })
    this.#close()
  }

  /** Called once, whoever ends the stream; at once if it has ended. */
  onEnd(cleanup: () => void): void {
    if (this.#ended) cleanup()
    else this.#cleanups.push(cleanup)
  }

  async next(): Promise<IteratorResult<Item | EndItem>> {
    const item = this.items.shift()
    if (item !== undefined) return { value: item, done: false }
    if (this.#ended) return { value: undefined, done: true }
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  async return(): Promise<IteratorResult<Item | EndItem>> {
    this.items.length = 0
    this.#close()
    return { value: undefined, done: true }
  }

  async throw(error: unknown): Promise<IteratorResult<Item | EndItem>> {
    await this.return()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #flush() {
    if (!this.#waiting) return
    const item = this.items.shift()
    if (item === undefined && !this.#ended) return
    const resolve = this.#waiting
    this.#waiting = null
    resolve(item === undefined ? { value: undefined, done: true } : { value: item, done: false })
  }

  #close() {
    this.#ended = true
    this.#flush()
    for (const cleanup of this.#cleanups.splice(0)) cleanup()
  }
}

/** The item itself, unless it is the end that the server made: that is thrown, for the reader to see why. */
export function ended<Item>(item: Item | EndItem): Item {
  if (isEnd(item)) throw new Refusal(item.code)
  return item
}

const isEnd = (item: unknown): item is EndItem => typeof item === 'object' && item !== null && 'kind' in item && item.kind === 'END'
