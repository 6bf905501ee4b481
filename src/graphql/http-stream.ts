import type { ServerResponse } from 'node:http'
import type { Framing } from './stream-framings.ts'

/** So many heartbeats may wait for a reader before it is taken for gone. */
const MOST_UNTAKEN = 2

/** Nothing on the way may keep, change or hold back what is written. The connection is not used again: it ends with the stream. */
const HEADERS = {
  'cache-control': 'no-cache, no-store, no-transform',
  'x-accel-buffering': 'no',
  connection: 'close',
}

/** One response that goes on and on. */
export class HttpStream {
  readonly #response: ServerResponse
  readonly #framing: Framing
  #wroteAt = performance.now()
  #untaken = 0
  /** Wakes who waits until the reader has taken what was written. */
  #taken: (() => void) | null = null

  constructor(response: ServerResponse, framing: Framing) {
    this.#response = response
    this.#framing = framing
    const wake = () => {
      this.#untaken = 0
      this.#taken?.()
      this.#taken = null
    }
    // It closes after an error, which is all that matters here.
    response.on('error', () => undefined)
    response.on('drain', wake)
    response.once('close', wake)
    response.writeHead(200, { ...HEADERS, 'content-type': framing.mediaType })
    response.write(framing.opening)
  }

  get framing(): Framing {
    return this.#framing
  }

  get isOpen(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded
  }

  /** Resolves when more may be written, so that what waits for a slow reader is bounded; at once when it may be already. */
  write(bytes: Buffer): Promise<void> | undefined {
    if (!this.isOpen) return undefined
    this.#wroteAt = performance.now()
    if (this.#response.write(bytes)) return undefined
    return new Promise((resolve) => {
      this.#taken = resolve
    })
  }

  /** Writes a sign of life where nothing was written for so long, and ends with a reader that took none of the last ones. */
  beat(everyMs: number, now: number): void {
    if (now - this.#wroteAt < everyMs) return
    if (this.#untaken >= MOST_UNTAKEN) return void this.#response.destroy()
    this.#wroteAt = now
    this.#untaken += 1
    // What waits already says the same.
    if (this.#taken !== null || !this.isOpen) return
    this.#response.write(this.#framing.heartbeat, () => {
      this.#untaken = 0
    })
  }

  /** The last words, and the end. */
  end(words: string): void {
    if (this.isOpen) this.#response.end(words)
  }

  /** Ends in the middle of it: whoever reads takes it for a fault of the network. */
  break(): void {
    this.#response.destroy()
  }
}
