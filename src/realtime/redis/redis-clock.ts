interface Sample {
  /** Engine time minus `performance.now()`. */
  readonly offset: number
  /** How wrong the offset can be at most: half the round trip. */
  readonly error: number
  /** In `performance.now()`. */
  readonly at: number
}

/** Two good clocks drift apart by no more than this share of the time, and a little more where they are read in whole units. */
const DRIFT = 0.0005
const READ_MS = 1

/**
 * Redis TIME as seen from here. Redis read its clock somewhere between sending and receiving, so a short round trip says more than a long one,
 * and is kept until another says as much: of a process that stood still all round trips are long. Two samples that exclude each other say that
 * the server's clock was set anew: the later one is right.
 */
export class RedisClock {
  #best: Sample | null = null

  /** `micros` is Redis TIME; the instants are of `performance.now()`. */
  sample(micros: number, sentAt: number, receivedAt: number): void {
    const sample = { offset: micros / 1000 - (sentAt + receivedAt) / 2, error: (receivedAt - sentAt) / 2, at: receivedAt }
    const best = this.#best
    const bound = best ? best.error + (receivedAt - best.at) * DRIFT : Number.POSITIVE_INFINITY
    const wasSetAnew = best !== null && Math.abs(sample.offset - best.offset) > sample.error + bound + READ_MS
    if (wasSetAnew || sample.error <= bound) this.#best = sample
  }

  /** Engine time in ms. */
  now(): number {
    return this.#best ? performance.now() + this.#best.offset : Date.now()
  }
}
