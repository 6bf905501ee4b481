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
/** By then a full queue is worked off. */
const RETRY_AFTER_MS = 2_000

const argon2id = promisify((parameters: Argon2Parameters, done: (error: Error | null, tag: Buffer) => void) =>
  argon2('argon2id', parameters, done),
)
const queue = pLimit(AT_ONCE)

async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  if (queue.pendingCount >= MOST_WAITING) throw new Refusal('RATE_LIMITED', { retryAfterMs: RETRY_AFTER_MS })
  return queue(work)
}

/** Spelt the one way in which the same password is typed on every keyboard; nothing of it is cut off. */
const derive = (password: string, nonce: Buffer, { memory, passes, parallelism }: typeof COST, tagLength: number): Promise<Buffer> =>
  argon2id({ message: password.normalize('NFKC'), nonce, memory, passes, parallelism, tagLength })

const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')

/** An argon2id hash as a PHC string, which carries its own salt and cost. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const tag = await inTurn(() => derive(password, salt, COST, TAG_BYTES))
  return `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/

function parse(phc: string) {
  const [, memory, passes, parallelism, salt = '', tag = ''] = PHC.exec(phc) ?? []
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  return { cost, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

/** Counts a guess and may refuse it, and answers what the check did. It is called when it is this guess's turn, so few are counted at once. */
export type Counting = (isRight: () => Promise<boolean>) => Promise<boolean>

/** Whether the password is the one. Without a hash (no such user) it takes as long and says no. */
export async function verifyPassword(password: string, phc: string | null, counting: Counting): Promise<boolean> {
  const { cost, salt, tag } = parse(phc ?? NOBODY)
  return inTurn(() => counting(async () => timingSafeEqual(await derive(password, salt, cost, tag.length), tag) && phc !== null))
}

/** Whether a hash was made when less was asked for: who signs in with its password gets a new one. */
export function isOutdated(phc: string): boolean {
  const { cost } = parse(phc)
  return cost.memory < COST.memory || cost.passes < COST.passes || cost.parallelism < COST.parallelism
}

/** A hash of the present cost that belongs to nobody. */
const NOBODY = `$argon2id$v=19$m=${COST.memory},t=${COST.passes},p=${COST.parallelism}$${unpadded(randomBytes(16))}$${unpadded(randomBytes(TAG_BYTES))}`
