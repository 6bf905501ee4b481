import { Secret, TOTP } from 'otpauth'
import { note } from '../../database/audit-log.ts'
import type { Database } from '../../database/client.ts'
import { Refusal } from '../../errors.ts'
import type { UserId } from '../../ids.ts'
import { guess, type Limits } from './limits.ts'
import { recoveryCodeHash } from './recovery-codes.ts'
import type { Seals } from './sealed.ts'

export interface SecondFactorDeps {
  readonly db: Database
  readonly seals: Seals
  readonly limits: Limits
}

/** What an account has of it. */
export interface Factor {
  readonly id: UserId
  readonly totpSecret: string | null
  readonly totpSince: Date | null
}

const PERIOD_S = 30
/** A code of the step before or after is good too: clocks differ, and typing takes time. */
const WINDOW = 1

/** One-time codes of an app (TOTP, RFC 6238), and recovery codes for who has lost it. */
export class SecondFactor {
  readonly #deps: SecondFactorDeps

  constructor(deps: SecondFactorDeps) {
    this.#deps = deps
  }

  /**
   * Lets through who shows a code of this account, or a recovery code; each counts once. TOTP_REQUIRED without one, INVALID_TOTP or
   * INVALID_RECOVERY_CODE for a wrong one, RATE_LIMITED after too many. Only for who has proved the first factor, so that no stranger can use
   * the tries up.
   */
  async demand(user: Factor, code: string | null, address: string | null = null): Promise<void> {
    const { id, totpSecret, totpSince } = user
    if (totpSecret === null || totpSince === null) return
    if (code === null) throw new Refusal('TOTP_REQUIRED')
    // Of 80 random bits nothing is guessed, so they take no tries.
    const hash = recoveryCodeHash(code)
    if (hash !== null) return this.#useRecoveryCode(id, hash, address)
    const tries = this.#deps.limits.of('SECOND_FACTOR')
    if (!(await guess([[tries, id]], () => this.#useCode({ id, totpSecret, totpSince }, code)))) throw new Refusal('INVALID_TOTP')
  }

  async #useCode({ id, totpSecret, totpSince }: { id: UserId; totpSecret: string; totpSince: Date }, code: string): Promise<boolean> {
    const { db, seals } = this.#deps
    const secret = seals.open(totpSecret, id)
    const step = stepOf(secret, code)
    if (step === null) return false
    // Of any number who show the same code at once, one moves the step on. `totpSince` fails for a code of a factor that was replaced meanwhile.
    const { count } = await db.user.updateMany({
      where: { id, totpSince, OR: [{ totpLastStep: null }, { totpLastStep: { lt: step } }] },
      data: { totpLastStep: step, ...(seals.isStale(totpSecret) ? { totpSecret: seals.seal(secret, id) } : {}) },
    })
    return count > 0
  }

  async #useRecoveryCode(userId: UserId, codeHash: string, address: string | null): Promise<void> {
    await this.#deps.db.$transaction(async (tx) => {
      const { count } = await tx.recoveryCode.updateMany({ where: { userId, codeHash, usedAt: null }, data: { usedAt: new Date() } })
      if (count === 0) throw new Refusal('INVALID_RECOVERY_CODE')
      await note(tx, { action: 'RECOVERY_CODE_USED', actor: { userId, sessionId: null, address }, target: { kind: 'USER', id: userId } })
    })
  }
}

/** 160 bits, as RFC 4226 recommends. In base 32, as apps read it. */
export const newSecret = (): string => new Secret({ size: 20 }).base32

/** What an app scans. SHA-1, six digits, 30 s: some apps know no other. */
export const otpauthUri = (secret: string, username: string): string => totp(secret, username).toString()

/** The time step whose code this is; null for any other. */
export function stepOf(secret: string, code: string): number | null {
  const now = Date.now()
  const off = totp(secret, '').validate({ token: code.replaceAll(/\s/g, ''), timestamp: now, window: WINDOW })
  return off === null ? null : Math.floor(now / 1_000 / PERIOD_S) + off
}

const totp = (secret: string, label: string) =>
  new TOTP({ issuer: 'NEDA', label, algorithm: 'SHA1', digits: 6, period: PERIOD_S, secret: Secret.fromBase32(secret) })
