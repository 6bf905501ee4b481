interface Sample {
  /** Engine time minus `performance.now()`. */
  readonly offset: number
  /** How wrong the offset can be at most: half the round trip. */
  readonly error: number
}

const KEPT = 8
/** Clocks drift, and numbers are rounded: less than this is no setting. */
const DRIFT_MS = 1

/**
 * Redis TIME as seen from here. Redis read its clock somewhere between sending and receiving, so of the last samples the one with the
 * shortest round trip is the best. Two samples that exclude each other say that the server's clock was set anew: the later one is right.
 */
export class RedisClock {
  #samples: readonly Sample[] = []
  #best: Sample | null = null

  /** `micros` is Redis TIME; the instants are of `performance.now()`. */
  sample(micros: number, sentAt: number, receivedAt: number): void {
    const sample = { offset: micros / 1000 - (sentAt + receivedAt) / 2, error: (receivedAt - sentAt) / 2 }
    const best = this.#best
    const wasSetAnew = best !== null && Math.abs(sample.offset - best.offset) > sample.error + best.error + DRIFT_MS
    this.#samples = wasSetAnew ? [sample] : [...this.#samples.slice(1 - KEPT), sample]
    this.#best = this.#samples.reduce((one, other) => (other.error < one.error ? other : one))
  }

  /** Engine time in ms. */
  now(): number {
    return this.#best ? performance.now() + this.#best.offset : Date.now()
  }
}
