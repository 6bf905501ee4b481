import { isBlocked } from './password-blocklist.ts'

const LONGEST = 128
/** With a second factor a password is not all that keeps others out (NIST SP 800-63B-4, 3.1.1.2). */
const SHORTEST_WITH_SECOND_FACTOR = 8

/** Whose password it will be. */
export interface PasswordOwner {
  readonly username: string
  readonly displayName: string
  /** Since when a second factor is asked for. */
  readonly totpSince: Date | null
}

/** What a new password must be like: long enough, and none that others try first. No rule asks for this or that character. */
export class PasswordRules {
  readonly #shortest: number

  constructor({ shortest }: { readonly shortest: number }) {
    this.#shortest = shortest
  }

  /** What is wrong with it, if something is. */
  weakness(password: string, { username, displayName, totpSince }: PasswordOwner): string | null {
    const shortest = totpSince === null ? this.#shortest : Math.min(this.#shortest, SHORTEST_WITH_SECOND_FACTOR)
    const length = lengthOf(password)
    if (length < shortest || length > LONGEST) return `A password has ${shortest} to ${LONGEST} characters.`
    if (isBlocked(password, [username, displayName]))
      return `This password is among the first that others try: take another of ${shortest} to ${LONGEST} characters, such as four words.`
    return null
  }
}

/** Nobody has a password like this. */
export const isTooLong = (password: string): boolean => lengthOf(password) > LONGEST

/** As many as one sees, whatever they are made of. */
const lengthOf = (password: string) => Array.from(password.normalize('NFKC')).length
