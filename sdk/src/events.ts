import type { NedaError } from './errors.ts'
import type { Observer } from './subscription.ts'

type Step<Result> = IteratorResult<Result, undefined>

/** A subscription to be read with `for await`. What is not read yet waits; to stop reading is to stop watching. */
export class Events<Result> implements AsyncIterableIterator<Result, undefined> {
  readonly #waiting: Result[] = []
  readonly #stop: () => void
  #reader: { readonly resolve: (step: Step<Result>) => void; readonly reject: (error: NedaError) => void } | null = null
  #failure: NedaError | null = null
  #isDone = false

  constructor(watch: (observer: Observer<Result>) => () => void) {
    this.#stop = watch({
      next: (value) => {
        if (this.#reader) this.#take().resolve({ value, done: false })
        else this.#waiting.push(value)
      },
      ended: (error) => {
        // Who closes the client knows it.
        if (error.code !== 'CLOSED') this.#failure = error
        this.#end()
      },
    })
  }

  /** One reads at a time, as `for await` does. */
  next(): Promise<Step<Result>> {
    const [value] = this.#waiting.splice(0, 1)
    if (value !== undefined) return Promise.resolve({ value, done: false })
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      if (this.#isDone) this.#end()
    })
  }

  async return(): Promise<Step<Result>> {
    this.#waiting.length = 0
    this.#failure = null
    this.#stop()
    this.#end()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #end() {
    this.#isDone = true
    if (!this.#reader) return
    const { resolve, reject } = this.#take()
    if (this.#failure === null) return resolve(DONE)
    reject(this.#failure)
    this.#failure = null
  }

  #take() {
    const reader = this.#reader ?? { resolve: () => undefined, reject: () => undefined }
    this.#reader = null
    return reader
  }
}

const DONE = { value: undefined, done: true } as const
