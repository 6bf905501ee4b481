import { setTimeout as sleep } from 'node:timers/promises'
import { Stopwatch } from './machine.ts'

const LOOK_MS = 100

/** Keeps everything that came, so that no test can miss what happened before it looked. */
export class Received<Item> {
  readonly items: Item[] = []
  #ended = false
  #taken = 0
  #changed = Promise.withResolvers<void>()

  add(item: Item): void {
    this.items.push(item)
    this.#wake()
  }

  end(_error?: unknown): void {
    this.#ended = true
    this.#wake()
  }

  /** The next one that was not taken yet; fails when none comes in time. */
  async next(withinMs = 10_000): Promise<Item> {
    await this.#until(() => this.items.length > this.#taken || this.#ended, withinMs)
    const item = this.items[this.#taken]
    if (item === undefined) throw new Error('the stream ended')
    this.#taken += 1
    return item
  }

  /** The next one that is meant, past others. */
  async find(meant: (item: Item) => boolean, withinMs = 10_000): Promise<Item> {
    for (;;) {
      const item = await this.next(withinMs)
      if (meant(item)) return item
    }
  }

  /** Waits for the end. */
  async ended(withinMs = 10_000): Promise<void> {
    await this.#until(() => this.#ended, withinMs)
  }

  async #until(isTrue: () => boolean, withinMs: number): Promise<void> {
    if (isTrue()) return
    const watch = new Stopwatch()
    while (!isTrue()) {
      // Whoever is late because the machine is busy gets another look.
      if (watch.isPast(withinMs)) throw new Error(`nothing came within ${withinMs} ms, of ${this.items.length} in all`)
      await Promise.race([this.#changed.promise, sleep(LOOK_MS)])
    }
  }

  #wake() {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}
