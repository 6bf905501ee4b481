/** Gathers what is asked at about the same time, so that many devices cost few commands: at once when idle, then every so often. */
export class Batch<Item, Result> implements Disposable {
  readonly #run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly #everyMs: number
  #waiting: { readonly item: Item; readonly asked: PromiseWithResolvers<Result> }[] = []
  #lastAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null

  constructor(everyMs: number, run: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#run = run
    this.#everyMs = everyMs
  }

  ask(item: Item): Promise<Result> {
    const asked = Promise.withResolvers<Result>()
    this.#waiting.push({ item, asked })
    this.#timer ??= setTimeout(() => void this.#flush(), Math.max(0, this.#lastAt + this.#everyMs - performance.now()))
    return asked.promise
  }

  [Symbol.dispose]() {
    if (this.#timer) clearTimeout(this.#timer)
    for (const { asked } of this.#waiting.splice(0)) asked.reject(new Error('the engine has stopped'))
  }

  async #flush() {
    const batch = this.#waiting
    this.#waiting = []
    this.#timer = null
    this.#lastAt = performance.now()
    try {
      const results = await this.#run(batch.map(({ item }) => item))
      for (const [n, { asked }] of batch.entries()) asked.resolve(results[n] as Result)
    } catch (error) {
      for (const { asked } of batch) asked.reject(error)
    }
  }
}
