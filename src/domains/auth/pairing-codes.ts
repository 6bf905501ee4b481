import { createHash, createHmac, randomBytes, randomInt } from 'node:crypto'

/** A secret of 256 random bits that the device keeps to itself. */
export const newDeviceCode = (): string => randomBytes(32).toString('base64url')

export const deviceCodeHash = (deviceCode: string): string => createHash('sha256').update(deviceCode).digest('base64url')

// RFC 8628, 6.1: no vowels, so no words, and nothing that is misread. 34 bits.
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8

/** What a device shows: XXXX-XXXX. */
export function newUserCode(): string {
  const letters = Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  return `${letters.slice(0, LENGTH / 2)}-${letters.slice(LENGTH / 2)}`
}

/** Of what somebody typed: in any case, with or without the dash. With a key, as all codes of this length can be tried. */
export function userCodeHash(key: Buffer, typed: string): string {
  const letters = typed.toUpperCase().replaceAll(/[\s-]/g, '')
  return createHmac('sha256', key).update(letters).digest('base64url')
}
