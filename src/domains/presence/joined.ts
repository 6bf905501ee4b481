import { LRUCache } from 'lru-cache'
import type { SessionId } from '../../ids.ts'
import { PRESENCE_LEASE_MS } from '../../realtime/engine.ts'
import type { Neighbours } from '../../realtime/neighbours.ts'

/**
 * Which devices are present somewhere, as far as this instance was told within a lease: they are to be heard of more often than others. A
 * device may join over one instance while its socket is open at another, so instances tell each other.
 */
export class Joined {
  readonly #neighbours: Neighbours
  readonly #sessions = new LRUCache<SessionId, true>({ max: 50_000, ttl: PRESENCE_LEASE_MS, ttlResolution: 100 })

  constructor(neighbours: Neighbours) {
    this.#neighbours = neighbours
  }

  async open(): Promise<void> {
    await this.#neighbours.hear('JOINED', (text) => this.#sessions.set(text as SessionId, true))
  }

  has(sessionId: SessionId): boolean {
    return this.#sessions.has(sessionId)
  }

  /** It has just joined, over this instance. */
  add(sessionId: SessionId): void {
    if (!this.has(sessionId)) this.#neighbours.tell('JOINED', sessionId)
    this.#sessions.set(sessionId, true)
  }

  /** A sign of its life has found it present. What found it absent may be older than its joining, so that says nothing. */
  confirm(sessionId: SessionId): void {
    this.#sessions.set(sessionId, true)
  }
}
