// Runs on the audio thread and tells when something begins and ceases to be audible, to the ten milliseconds in which Chromium renders.
const AUDIBLE = 0.03
/** A tone that is silent for shorter has a hole, and has not ended. */
const HOLE_MS = 30

registerProcessor(
  'meter',
  class extends AudioWorkletProcessor {
    #isAudible = false
    #lastAt = 0

    process([[samples] = []]) {
      // There is no finer clock here that pages and Node have too.
      const now = Date.now()
      const isLoud = samples !== undefined && Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length) > AUDIBLE
      if (isLoud) this.#lastAt = now
      if (isLoud !== this.#isAudible && (isLoud || now - this.#lastAt > HOLE_MS)) {
        this.#isAudible = isLoud
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port has none
        this.port.postMessage({ isAudible: isLoud, at: this.#lastAt })
      }
      return true
    }
  },
)
