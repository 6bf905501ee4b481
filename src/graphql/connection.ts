import { Refusal } from '../errors.ts'
import type { ConnectionId, SessionId } from '../ids.ts'

/** Whose access token opened a connection, and how long that is good. */
export interface TokenOfConnection {
  readonly sessionId: SessionId
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/**
 * One socket, or one open HTTP stream. It is open no longer than the access token that it was opened with is good, unless its device sends the
 * next one over it in time.
 */
export class Connection {
  readonly id: ConnectionId
  #token: TokenOfConnection | null
  #timer: NodeJS.Timeout | undefined
  readonly #followers = new Set<() => void>()
  readonly #asked = new Set<Promise<unknown>>()

  /** Without a token there is nothing that could end: whoever is not signed in gets nothing over it. */
  constructor(id: ConnectionId, token: TokenOfConnection | null) {
    this.id = id
    this.#token = token
  }

  /** A socket learns whose it is with its first message. */
  begin(token: TokenOfConnection): void {
    this.#token = token
    this.#wait()
  }

  /** It stays open as long as this token is good. FORBIDDEN for the token of another session. */
  renew(token: TokenOfConnection): void {
    if (token.sessionId !== this.#token?.sessionId)
      throw new Refusal('FORBIDDEN', {
        sentence: 'This access token is of another session than this connection.',
        field: ['input', 'accessToken'],
      })
    // An answer that was late must not shorten what a later token gave.
    if (token.expiresAt > this.#token.expiresAt) this.begin(token)
  }

  get expiresAt(): Date | null {
    return this.#token && new Date(this.#token.expiresAt)
  }

  /** Tells once that the token has run out. The result calls it off; the timer runs only while somebody waits for it. */
  onExpiry(tell: () => void): () => void {
    this.#followers.add(tell)
    this.#wait()
    return () => {
      this.#followers.delete(tell)
      if (this.#followers.size === 0) clearTimeout(this.#timer)
    }
  }

  /** Notes what is asked over it until it is answered. */
  async answer<Result>(work: Promise<Result>): Promise<Result> {
    this.#asked.add(work)
    try {
      return await work
    } finally {
      this.#asked.delete(work)
    }
  }

  /** Resolves when everything has been answered that was asked before. */
  async answered(): Promise<void> {
    await Promise.allSettled(this.#asked)
  }

  #wait() {
    clearTimeout(this.#timer)
    if (this.#token === null || this.#followers.size === 0) return
    this.#timer = setTimeout(() => this.#look(), Math.max(0, this.#token.expiresAt - Date.now()))
  }

  /** A timer may fire a millisecond early, and the clock may have been set. */
  #look() {
    if (this.#token !== null && this.#token.expiresAt > Date.now()) return this.#wait()
    const followers = [...this.#followers]
    this.#followers.clear()
    for (const tell of followers) tell()
  }
}
