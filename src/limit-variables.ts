import { z } from 'zod'
import type { LimitSettings } from './domains/auth/limits.ts'

const MINUTE = 60_000
const MOST_WINDOW_MS = 24 * 60 * MINUTE

const count = (usual: number) => {
  const range = 'must be a whole number, 1 to 1000000'
  return z.coerce.number('must be a number').int(range).min(1, range).max(1_000_000, range).default(usual)
}

const window = (usual: number) => {
  const range = 'must be a whole number of milliseconds, 1000 to 86400000'
  return z.coerce.number('must be a number').int(range).min(1_000, range).max(MOST_WINDOW_MS, range).default(usual)
}

/** The variables that say how often what may be tried. */
export const limitVariables = {
  LOGIN_FAILURES_PER_ACCOUNT: count(5),
  LOGIN_FAILURES_PER_ADDRESS: count(30),
  LOGIN_WINDOW_MS: window(15 * MINUTE),
  TOTP_FAILURES: count(5),
  TOTP_WINDOW_MS: window(5 * MINUTE),
  PAIRING_FAILURES: count(5),
  PAIRING_FAILURES_PER_ADDRESS: count(30),
  PAIRINGS_PER_ADDRESS: count(60),
  PAIRING_WINDOW_MS: window(10 * MINUTE),
}

type LimitEnvironment = Readonly<Record<keyof typeof limitVariables, number>>

export const limitSettings = (it: LimitEnvironment): LimitSettings => ({
  PASSWORD_OF_ACCOUNT: { most: it.LOGIN_FAILURES_PER_ACCOUNT, windowMs: it.LOGIN_WINDOW_MS },
  PASSWORD_FROM_ADDRESS: { most: it.LOGIN_FAILURES_PER_ADDRESS, windowMs: it.LOGIN_WINDOW_MS },
  PASSWORD_ON_DEVICE: { most: it.LOGIN_FAILURES_PER_ACCOUNT, windowMs: it.LOGIN_WINDOW_MS },
  SECOND_FACTOR: { most: it.TOTP_FAILURES, windowMs: it.TOTP_WINDOW_MS },
  USER_CODE: { most: it.PAIRING_FAILURES, windowMs: it.PAIRING_WINDOW_MS },
  USER_CODE_FROM_ADDRESS: { most: it.PAIRING_FAILURES_PER_ADDRESS, windowMs: it.PAIRING_WINDOW_MS },
  PAIRING: { most: it.PAIRINGS_PER_ADDRESS, windowMs: it.PAIRING_WINDOW_MS },
})
