import { sleep } from './clock.ts'
import type { Environment } from './environment.ts'
import { asNedaError, closed, NedaError } from './errors.ts'
import type { TokenStore, Tokens } from './tokens.ts'

/** What a refresh brought. */
export interface Refreshed {
  readonly tokens: Tokens
  readonly clockAheadMs: number
}

export interface TokenKeeperDeps {
  readonly environment: Environment
  readonly store: TokenStore
  readonly refresh: (refreshToken: string) => Promise<Refreshed>
}

/** A token is renewed when a fifth of its life is left: over an open socket, before the server closes it. */
const RENEWED_AT = 0.8
/** A life that no server gives shows that one of the clocks is wrong. */
const PLAUSIBLE_MS = { least: 30_000, most: 24 * 60 * 60_000 }
const ASSUMED_MS = 5 * 60_000
/** The server gives the same successor again for 60 s. */
const ATTEMPTS = 8
const RETRY_MS = 5_000
const SIGNED_OUT = new Set(['INVALID_REFRESH_TOKEN', 'REFRESH_TOKEN_REUSED', 'SESSION_REVOKED'])

interface Kept {
  readonly tokens: Tokens
  /** By our clock. */
  readonly renewAt: number
  readonly expiresAt: number
}

/** Keeps a device signed in: one refresh at a time, before it is needed, and with the same token until an answer has come. */
export class TokenKeeper {
  readonly #deps: TokenKeeperDeps
  readonly #listeners = new Set<(tokens: Tokens | null, why: NedaError | null) => void>()
  #kept: Kept | null = null
  #loading: Promise<void> | null = null
  #refreshing: Promise<string> | null = null
  #holders = 0
  #cancelTimer = () => {}
  readonly #closing = new AbortController()

  constructor(deps: TokenKeeperDeps) {
    this.#deps = deps
  }

  /** A token that is good, as far as one can know. Rejects if nobody is signed in. */
  async get(): Promise<string> {
    await this.#load()
    const kept = this.#signedIn()
    const now = this.#deps.environment.clock.now()
    if (now < kept.renewAt) return kept.tokens.accessToken
    const refreshed = this.#refresh()
    if (now >= kept.expiresAt) return refreshed
    // It is good for a while yet: nobody waits for the next one, and who needs it hears why it does not come.
    refreshed.catch(() => undefined)
    return kept.tokens.accessToken
  }

  /** The server did not take this one. */
  async refused(accessToken: string): Promise<string> {
    await this.#load()
    const { tokens } = this.#signedIn()
    return tokens.accessToken === accessToken ? this.#refresh() : tokens.accessToken
  }

  /** Whose tokens they are; null when nobody is signed in. */
  async current(): Promise<Tokens | null> {
    await this.#load()
    return this.#kept?.tokens ?? null
  }

  async set(tokens: Tokens, clockAheadMs = 0): Promise<void> {
    this.#keep(tokens, clockAheadMs)
    await this.#deps.store.save(tokens)
    for (const listen of this.#listeners) listen(tokens, null)
  }

  /** Signed out, and why. */
  async clear(why: NedaError): Promise<void> {
    if (this.#kept === null) return
    this.#kept = null
    this.#cancelTimer()
    for (const listen of this.#listeners) listen(null, why)
    await this.#deps.store.save(null)
  }

  onChange(listener: (tokens: Tokens | null, why: NedaError | null) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** While something is open, tokens are renewed in time although nobody asks for one. */
  hold(): () => void {
    this.#holders += 1
    this.#schedule()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#holders -= 1
      if (this.#holders === 0) this.#cancelTimer()
    }
  }

  close(): void {
    this.#cancelTimer()
    this.#holders = 0
    this.#closing.abort()
    this.#listeners.clear()
  }

  #load(): Promise<void> {
    this.#loading ??= (async () => {
      const tokens = await this.#deps.store.load()
      if (tokens && this.#kept === null) this.#keep(tokens, 0, true)
    })()
    return this.#loading
  }

  #signedIn(): Kept {
    if (this.#kept) return this.#kept
    throw new NedaError('Sign in first.', { code: 'UNAUTHENTICATED' })
  }

  #keep(tokens: Tokens, clockAheadMs: number, isOld = false) {
    const { clock } = this.#deps.environment
    const told = Date.parse(tokens.accessTokenExpiresAt) - clock.wall() - clockAheadMs
    const isPlausible = told <= PLAUSIBLE_MS.most && (isOld || told >= PLAUSIBLE_MS.least)
    const left = isPlausible ? told : ASSUMED_MS
    const now = clock.now()
    this.#kept = { tokens, renewAt: now + left * RENEWED_AT, expiresAt: now + left }
    this.#schedule()
  }

  #schedule() {
    this.#cancelTimer()
    if (this.#holders === 0 || this.#kept === null) return
    const { clock } = this.#deps.environment
    const wait = Math.max(this.#kept.renewAt - clock.now(), 0)
    this.#cancelTimer = clock.after(wait, () => {
      // Whoever needs the token learns why there is none.
      this.#refresh().catch(() => undefined)
    })
  }

  #refresh(): Promise<string> {
    this.#refreshing ??= this.#refreshOnce().finally(() => {
      this.#refreshing = null
    })
    return this.#refreshing
  }

  async #refreshOnce(): Promise<string> {
    const { environment, store, refresh } = this.#deps
    const before = this.#signedIn().tokens
    // Another window of the same app may have been faster.
    const stored = await store.load()
    if (stored && stored.sessionId === before.sessionId && stored.accessToken !== before.accessToken) {
      this.#keep(stored, 0, true)
      return stored.accessToken
    }
    for (let attempt = 1; ; attempt++) {
      try {
        const { tokens, clockAheadMs } = await refresh(before.refreshToken)
        // Signed out, or somebody else signed in, while the answer was on its way.
        if (this.#kept?.tokens !== before) return this.#signedIn().tokens.accessToken
        await this.set(tokens, clockAheadMs)
        return tokens.accessToken
      } catch (thrown) {
        const error = asNedaError(thrown)
        if (SIGNED_OUT.has(error.code)) await this.clear(error)
        if (!error.retryable || attempt === ATTEMPTS) throw error
        const wait = environment.random() * Math.min(RETRY_MS, 500 * 2 ** attempt)
        await sleep(environment.clock, Math.max(wait, error.retryAfterMs ?? 0), this.#closing.signal)
        if (this.#closing.signal.aborted) throw closed()
      }
    }
  }
}
