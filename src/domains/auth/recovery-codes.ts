import { createHash, randomBytes } from 'node:crypto'

// Crockford's base 32: no I, L, O and U, which are misread.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const LENGTH = 16
const SHAPE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`)
const HOW_MANY = 10

/** Ten codes of 80 random bits, as they are shown: XXXX-XXXX-XXXX-XXXX. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: HOW_MANY }, () => {
    // 32 divides 256: every letter is as likely as the other.
    const letters = Array.from(randomBytes(LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
    return letters.replaceAll(/(.{4})(?!$)/g, '$1-')
  })
}

/** The hash of what somebody typed, in any case, with or without dashes; null when it cannot be a recovery code. Random, so no salt is needed. */
export function recoveryCodeHash(typed: string): string | null {
  const letters = typed.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')
  return SHAPE.test(letters) ? createHash('sha256').update(letters).digest('base64url') : null
}
