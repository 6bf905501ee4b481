import type { Shard } from './keys.ts'

export interface SweeperDeps {
  readonly shards: readonly Shard[]
  /** Lets fall what is due; answers in how many ms the next is. Rejects while Redis is away. */
  readonly sweep: (shard: Shard) => Promise<number | null>
  /** For tests that move time themselves. */
  readonly isManual: boolean
}

/** What was set by an instance that died is noticed by any other within this. */
const EVERY_MS = 250

/**
 * Lets deadlines fall in time. Every instance sweeps all shards now and then, and wakes for those deadlines that it has heard of itself; it
 * may wake for nothing, and several for the same.
 */
export class Sweeper implements AsyncDisposable {
  readonly #deps: SweeperDeps
  readonly #wakings = new Map<Shard, { readonly at: number; readonly timer: NodeJS.Timeout }>()
  readonly #everything: NodeJS.Timeout | undefined
  #sweeping: Promise<unknown> | null = null

  constructor(deps: SweeperDeps) {
    this.#deps = deps
    if (!deps.isManual) this.#everything = setInterval(() => this.#sweepAll(), EVERY_MS)
  }

  wake(shard: Shard, inMs: number): void {
    if (inMs >= EVERY_MS || this.#deps.isManual) return
    const at = performance.now() + inMs
    const known = this.#wakings.get(shard)
    if (known && known.at <= at) return
    if (known) clearTimeout(known.timer)
    // A timer may fire a little early, and there is the way to Redis: one that comes before its time would have to come again.
    const timer = setTimeout(() => {
      this.#wakings.delete(shard)
      void this.#sweepOne(shard)
    }, inMs + 1)
    this.#wakings.set(shard, { at, timer })
  }

  /** Sweeps until nothing is due any more. */
  async sweep(): Promise<void> {
    await Promise.all(
      this.#deps.shards.map(async (shard) => {
        while ((await this.#deps.sweep(shard)) === 0) {
          // more was due than one script takes
        }
      }),
    )
  }

  async [Symbol.asyncDispose]() {
    clearInterval(this.#everything)
    for (const { timer } of this.#wakings.values()) clearTimeout(timer)
    this.#wakings.clear()
    await this.#sweeping
  }

  #sweepAll() {
    this.#sweeping ??= Promise.all(this.#deps.shards.map((shard) => this.#sweepOne(shard))).finally(() => {
      this.#sweeping = null
    })
  }

  async #sweepOne(shard: Shard) {
    try {
      const inMs = await this.#deps.sweep(shard)
      if (inMs !== null) this.wake(shard, inMs)
    } catch {
      // Redis is away, which the link says; whoever can reach it sweeps, and so do we when it is back.
    }
  }
}
