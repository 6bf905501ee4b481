import { jwtVerify, SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { Refusal } from '../../errors.ts'
import type { SessionId, UserId } from '../../ids.ts'

/** Short, because between two refreshes only the session's standing ends a token early. */
const LIFETIME_MS = 15 * 60_000
const REMEMBERED = 20_000

const TYPE = 'at+jwt'
const ISSUER = 'neda'
const AUDIENCE = 'neda-api'

export interface AccessClaims {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** Signs access tokens (JWT, HS256) and verifies each of them once: a verified token is remembered until it expires. */
export class AccessTokens {
  readonly #key: Uint8Array
  readonly #verified = new LRUCache<string, AccessClaims>({ max: REMEMBERED })

  constructor(secretKey: string) {
    this.#key = new TextEncoder().encode(secretKey)
  }

  async mint({ userId, sessionId }: AccessClaims): Promise<{ token: string; expiresAt: Date }> {
    const expiresAt = new Date(Math.floor((Date.now() + LIFETIME_MS) / 1_000) * 1_000)
    const token = await new SignJWT({ sid: sessionId })
      .setProtectedHeader({ alg: 'HS256', typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime(expiresAt)
      .sign(this.#key)
    return { token, expiresAt }
  }

  /** The claims of a valid token; throws UNAUTHENTICATED for any other, whatever is wrong with it. */
  async verify(token: string): Promise<AccessClaims> {
    const known = this.#verified.get(token)
    if (known) return known
    try {
      const { payload } = await jwtVerify(token, this.#key, { algorithms: ['HS256'], typ: TYPE, issuer: ISSUER, audience: AUDIENCE })
      const { sub, sid, exp } = payload
      if (typeof sub !== 'string' || typeof sid !== 'string' || exp === undefined) throw new Refusal('UNAUTHENTICATED')
      const claims = { userId: sub as UserId, sessionId: sid as SessionId }
      this.#verified.set(token, claims, { ttl: Math.max(1, exp * 1_000 - Date.now()) })
      return claims
    } catch {
      throw new Refusal('UNAUTHENTICATED')
    }
  }
}
