import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SessionId } from '../../ids.ts'
import { derivedKey } from './sealed.ts'

/** What a refresh token says of itself. */
export interface RefreshClaims {
  readonly sessionId: SessionId
  /** Counts the session's refresh tokens from 1. */
  readonly number: number
}

interface ReadToken extends RefreshClaims {
  readonly mac: Buffer
}

const ID_BYTES = 16
const NUMBER_BYTES = 4
const MAC_BYTES = 32
const BYTES = ID_BYTES + NUMBER_BYTES + MAC_BYTES
const SHAPE = new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((BYTES * 4) / 3)}}$`)
const UUID_HEX = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/

/**
 * Refresh tokens: the session, a number, and a MAC over both with the secret key and a salt that only the session has. None is stored: each
 * can be made again, so a retry gets the same one, and neither the database nor the secret key alone is enough to make any.
 */
export class RefreshTokens {
  readonly #present: Buffer
  readonly #keys: readonly Buffer[]

  constructor(secretKey: string, previousSecretKey: string | null) {
    this.#present = derivedKey(secretKey, 'refresh tokens')
    this.#keys = [this.#present, ...(previousSecretKey === null ? [] : [derivedKey(previousSecretKey, 'refresh tokens')])]
  }

  make(claims: RefreshClaims, salt: string): string {
    const bytes = bytesOf(claims)
    return Buffer.concat([bytes, macOf(this.#present, salt, bytes)]).toString('base64url')
  }

  /** What it says, before it is known to be genuine: only the session has the salt for that. Null: it is no refresh token. */
  read(token: string): ReadToken | null {
    if (!SHAPE.test(token)) return null
    const bytes = Buffer.from(token, 'base64url')
    return {
      sessionId: bytes.toString('hex', 0, ID_BYTES).replace(UUID_HEX, '$1-$2-$3-$4-$5') as SessionId,
      number: bytes.readUInt32BE(ID_BYTES),
      mac: bytes.subarray(ID_BYTES + NUMBER_BYTES),
    }
  }

  /** Whether we made it, with this key or the one before. */
  isGenuine({ mac, ...claims }: ReadToken, salt: string): boolean {
    const bytes = bytesOf(claims)
    return this.#keys.some((key) => timingSafeEqual(macOf(key, salt, bytes), mac))
  }
}

function bytesOf({ sessionId, number }: RefreshClaims): Buffer {
  const bytes = Buffer.alloc(ID_BYTES + NUMBER_BYTES, sessionId.replaceAll('-', ''), 'hex')
  bytes.writeUInt32BE(number, ID_BYTES)
  return bytes
}

/** The salt has one length and the rest too: no two inputs run together. */
const macOf = (key: Buffer, salt: string, bytes: Buffer): Buffer => createHmac('sha256', key).update(salt).update(bytes).digest()
