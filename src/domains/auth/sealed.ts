import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

/** A key for one purpose alone, made from the secret key (HKDF, RFC 5869). */
export const derivedKey = (secretKey: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secretKey, '', `neda ${purpose}`, 32))

interface SealKey {
  /** Says which key opens a sealed text, and nothing of the key. */
  readonly id: string
  readonly key: Buffer
}

const sealKey = (secretKey: string): SealKey => ({
  id: derivedKey(secretKey, 'seal id').toString('hex', 0, 4),
  key: derivedKey(secretKey, 'seal'),
})

const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * Encrypts what is stored and must be read again (AES-256-GCM). Bound to what it belongs to: moved to another row it does not open. A former
 * secret key opens what was sealed with it; such a text is to be sealed anew.
 */
export class Seals {
  readonly #present: SealKey
  readonly #former: SealKey | null

  constructor(secretKey: string, previousSecretKey: string | null) {
    this.#present = sealKey(secretKey)
    this.#former = previousSecretKey === null ? null : sealKey(previousSecretKey)
  }

  seal(text: string, owner: string): string {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#present.key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(owner))
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return `${this.#present.id}.${sealed.toString('base64url')}`
  }

  /** Throws when it is another's, was altered, or was sealed with a key that is not here. */
  open(sealed: string, owner: string): string {
    const [id = '', body = ''] = sealed.split('.')
    const known = [this.#present, this.#former].find((key) => key?.id === id)
    if (!known) throw new Error('a stored secret cannot be read: it was sealed with neither SECRET_KEY nor SECRET_KEY_PREVIOUS')
    const bytes = Buffer.from(body, 'base64url')
    const decipher = createDecipheriv('aes-256-gcm', known.key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(owner))
      .setAuthTag(bytes.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8')
  }

  /** Whether the former key opens it, which will be forgotten. */
  isStale(sealed: string): boolean {
    return this.#former !== null && sealed.startsWith(`${this.#former.id}.`)
  }
}
