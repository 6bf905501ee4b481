import { type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { Refusal } from '../../errors.ts'
import type { SessionId, UserId } from '../../ids.ts'
import { derivedKey } from './sealed.ts'

/** Short, because between two refreshes only the session's standing ends a token early. */
const LIFETIME_MS = 10 * 60_000
const REMEMBERED = 20_000
/** Ours have less than half of that: longer ones are not even taken apart. */
const LONGEST = 1_000
/** Instances' clocks differ a little. */
const CLOCKS_DIFFER_S = 30

const TYPE = 'at+jwt'
const ISSUER = 'neda'
const AUDIENCE = 'neda-api'

interface SigningKey {
  /** Names the key in a token's header, and says nothing of it. */
  readonly id: string
  readonly key: Uint8Array
}

export interface AccessClaims {
  readonly userId: UserId
  readonly sessionId: SessionId
}

export interface VerifiedToken extends AccessClaims {
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/**
 * Signs access tokens (JWT, HS256; typed as RFC 9068 says) and verifies each of them once: a verified token is remembered until it expires.
 * The secret key signs; the one before it still verifies.
 */
export class AccessTokens {
  readonly #present: SigningKey
  readonly #keys: ReadonlyMap<string, Uint8Array>
  readonly #lifetimeMs: number
  readonly #verified = new LRUCache<string, VerifiedToken>({ max: REMEMBERED })

  constructor(secretKey: string, previousSecretKey: string | null, lifetimeMs = LIFETIME_MS) {
    this.#present = signingKey(secretKey)
    const keys = [...(previousSecretKey === null ? [] : [signingKey(previousSecretKey)]), this.#present]
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]))
    this.#lifetimeMs = lifetimeMs
  }

  async mint({ userId, sessionId }: AccessClaims): Promise<{ token: string; expiresAt: Date }> {
    const expiresAt = new Date(Math.floor((Date.now() + this.#lifetimeMs) / 1_000) * 1_000)
    const token = await new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: 'HS256', typ: TYPE, kid: this.#present.id })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime(expiresAt)
      .sign(this.#present.key)
    return { token, expiresAt }
  }

  /** What a valid token says; throws UNAUTHENTICATED for any other, whatever is wrong with it. */
  async verify(token: string): Promise<VerifiedToken> {
    const known = this.#verified.get(token)
    if (known) return known
    if (token.length > LONGEST) throw new Refusal('UNAUTHENTICATED')
    try {
      const options = { algorithms: ['HS256'], typ: TYPE, issuer: ISSUER, audience: AUDIENCE, requiredClaims: ['iat', 'exp'] }
      const { payload } = await jwtVerify(token, (header: JWTHeaderParameters) => this.#keyOf(header), options)
      const { sub, sid, exp = 0, iat = 0 } = payload
      const isFromLater = iat > Date.now() / 1_000 + CLOCKS_DIFFER_S
      if (typeof sub !== 'string' || typeof sid !== 'string' || isFromLater) throw new Refusal('UNAUTHENTICATED')
      const verified = { userId: sub as UserId, sessionId: sid as SessionId, expiresAt: exp * 1_000 }
      this.#verified.set(token, verified, { ttl: Math.max(1, verified.expiresAt - Date.now()) })
      return verified
    } catch {
      // Which of all these checks it failed helps nobody but who makes tokens up.
      throw new Refusal('UNAUTHENTICATED')
    }
  }

  #keyOf({ kid }: JWTHeaderParameters): Uint8Array {
    const key = kid === undefined ? undefined : this.#keys.get(kid)
    if (!key) throw new Refusal('UNAUTHENTICATED')
    return key
  }
}

const signingKey = (secretKey: string): SigningKey => ({
  id: derivedKey(secretKey, 'access tokens, key id').toString('base64url', 0, 6),
  key: derivedKey(secretKey, 'access tokens'),
})
