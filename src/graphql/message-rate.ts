/** Counts what comes over one socket, a second at a time. */
export class MessageRate {
  readonly #most: number
  #since = performance.now()
  #count = 0

  constructor(most: number) {
    this.#most = most
  }

  /** To be asked once for each message. */
  isExceeded(): boolean {
    const now = performance.now()
    if (now - this.#since >= 1_000) {
      this.#since = now
      this.#count = 0
    }
    this.#count += 1
    return this.#count > this.#most
  }
}
