import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import pLimit from 'p-limit'
import { Refusal } from '../../errors.ts'

/** OWASP's least for argon2id: 19 MiB, two passes, one lane. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 }
const TAG_BYTES = 32
/** Each hash fills memory and a thread of the pool that DNS and files share: two at once, and no endless queue. */
const AT_ONCE = 2
const MOST_WAITING = 50

const argon2id = promisify((parameters: Argon2Parameters, done: (error: Error | null, tag: Buffer) => void) =>
  argon2('argon2id', parameters, done),
)
const queue = pLimit(AT_ONCE)

async function derive(password: string, nonce: Buffer, { memory, passes, parallelism }: typeof COST, tagLength: number): Promise<Buffer> {
  if (queue.pendingCount >= MOST_WAITING) throw new Refusal('RATE_LIMITED')
  return queue(() => argon2id({ message: password.normalize('NFKC'), nonce, memory, passes, parallelism, tagLength }))
}

const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')

export const LONGEST_PASSWORD = 128
const SHORTEST_PASSWORD = 8

/** What is wrong with a new password, if something is. */
export function weakness(password: string): string | null {
  const isFit = password.length >= SHORTEST_PASSWORD && password.length <= LONGEST_PASSWORD
  return isFit ? null : `A password has ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters.`
}

/** An argon2id hash as a PHC string, which carries its own salt and cost. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const tag = await derive(password, salt, COST, TAG_BYTES)
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

/** Whether the password is the one. Without a hash (no such user) it takes as long and says no. */
export async function verifyPassword(password: string, phc: string | null): Promise<boolean> {
  const [, memory, passes, parallelism, salt = '', tag = ''] = PHC.exec(phc ?? NOBODY) ?? []
  const expected = Buffer.from(tag, 'base64')
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const actual = await derive(password, Buffer.from(salt, 'base64'), cost, expected.length)
  return timingSafeEqual(actual, expected) && phc !== null
}

/** A hash of the present cost that belongs to nobody. */
const NOBODY = `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${unpadded(randomBytes(16))}$${unpadded(randomBytes(TAG_BYTES))}`
