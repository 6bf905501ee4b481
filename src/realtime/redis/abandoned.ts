import type { BurstId, GroupId, SessionId } from '../../ids.ts'
import { QUEUE_LIMIT_MS } from '../engine.ts'

/** A press whose caller was told that it failed, although it may have begun something. */
export interface Attempt {
  readonly groupId: GroupId
  readonly sessionId: SessionId
  readonly burstId: BurstId
}

export interface AbandonedDeps {
  /** Whether it is worth trying. */
  readonly isReachable: () => boolean
  readonly end: (attempt: Attempt) => Promise<unknown>
  /** How long after it failed a press may still come to Redis over its old connection. */
  readonly arrivesWithinMs: number
}

interface Waiting {
  readonly arrivesBy: number
  readonly givenUpAt: number
  /** It was ended once; what came to Redis after that is still to be ended. */
  wasEnded: boolean
}

const RETRY_MS = 100

/**
 * Ends what failed attempts made, as soon as the engine's state can be reached again: nobody knows of such a grant, and nobody would release
 * it. At once, and once more when the press can no longer arrive. Tried for as long as it can live by itself: a queue entry for 30 s.
 */
export class Abandoned implements Disposable {
  readonly #deps: AbandonedDeps
  readonly #waiting = new Map<Attempt, Waiting>()
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(deps: AbandonedDeps) {
    this.#deps = deps
  }

  add(attempt: Attempt): void {
    const now = performance.now()
    this.#waiting.set(attempt, { arrivesBy: now + this.#deps.arrivesWithinMs, givenUpAt: now + QUEUE_LIMIT_MS, wasEnded: false })
    this.#later(0)
  }

  [Symbol.dispose]() {
    this.#closed = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#waiting.clear()
  }

  #later(ms: number) {
    if (this.#closed || this.#waiting.size === 0) return
    this.#timer ??= setTimeout(() => void this.#turn(), ms)
  }

  async #turn() {
    await this.#endAll()
    this.#timer = null
    this.#later(RETRY_MS)
  }

  async #endAll() {
    const now = performance.now()
    const isReachable = this.#deps.isReachable()
    const attempts = [...this.#waiting].map(async ([attempt, waiting]) => {
      if (now > waiting.givenUpAt) this.#waiting.delete(attempt)
      const isLast = now > waiting.arrivesBy
      if (!isReachable || (waiting.wasEnded && !isLast)) return
      try {
        await this.#deps.end(attempt)
        waiting.wasEnded = true
        if (isLast) this.#waiting.delete(attempt)
      } catch {
        // Away again: it is tried again.
      }
    })
    await Promise.all(attempts)
  }
}
