import type { Redis } from 'ioredis'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { Refusal } from '../../errors.ts'

/** How often within how long. The time begins with the first, and is over for all of them at once. */
export interface LimitSetting {
  readonly most: number
  readonly windowMs: number
}

/** What is limited. */
export type LimitName =
  /** Wrong passwords for an account, from devices that are not signed in to it. */
  | 'PASSWORD_OF_ACCOUNT'
  /** Wrong passwords, for whichever account, from a network address. */
  | 'PASSWORD_FROM_ADDRESS'
  /** Wrong passwords of its own account from a signed-in device. */
  | 'PASSWORD_ON_DEVICE'
  /** Wrong codes of an account's second factor. */
  | 'SECOND_FACTOR'
  /** Wrong user codes of a pairing, from who approves one. */
  | 'USER_CODE'
  /** The same, from whichever user, from a network address. */
  | 'USER_CODE_FROM_ADDRESS'
  /** Pairings that are begun from a network address. */
  | 'PAIRING'

export type LimitSettings = Readonly<Record<LimitName, LimitSetting>>

export interface LimitsDeps {
  readonly settings: LimitSettings
  /** What all instances share; null: this is the only one. */
  readonly redis: Redis | null
}

/** Every limit of what may be tried how often, counted over all instances. */
export class Limits {
  readonly #deps: LimitsDeps
  readonly #limits = new Map<LimitName, Limit>()

  constructor(deps: LimitsDeps) {
    this.#deps = deps
  }

  of(name: LimitName): Limit {
    const known = this.#limits.get(name)
    if (known) return known
    const limit = new Limit(`limit:${name.toLowerCase()}`, this.#deps.settings[name], this.#deps.redis)
    this.#limits.set(name, limit)
    return limit
  }
}

export class Limit {
  readonly #limiter: RateLimiterMemory | RateLimiterRedis

  constructor(keyPrefix: string, { most, windowMs }: LimitSetting, redis: Redis | null) {
    const options = { keyPrefix, points: most, duration: Math.ceil(windowMs / 1_000) }
    const here = new RateLimiterMemory(options)
    // While Redis is away each instance counts for itself: more is let through than was meant, but never without end.
    this.#limiter = redis
      ? new RateLimiterRedis({ ...options, storeClient: redis, rejectIfRedisNotReady: true, insuranceLimiter: here })
      : here
  }

  /** Counts one; RATE_LIMITED, which counts nothing, when there were too many. */
  async take(whom: string): Promise<void> {
    try {
      await this.#limiter.consume(whom)
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error
      await this.giveBack(whom)
      throw new Refusal('RATE_LIMITED', { retryAfterMs: error.msBeforeNext })
    }
  }

  /** It does not count after all. */
  async giveBack(whom: string): Promise<void> {
    await this.#limiter.reward(whom)
  }
}

/** A limit, and for whom it counts. */
export type Counted = readonly [limit: Limit, whom: string]

/**
 * Lets somebody guess once, unless there were too many wrong guesses. It is counted before it is known to be wrong, so that of many at once no
 * more are tried than may be; a right one, or one that could not be tried, is given back.
 */
export async function guess(counted: readonly Counted[], isRight: () => Promise<boolean>): Promise<boolean> {
  const taken: Counted[] = []
  let wrong = false
  try {
    for (const [limit, whom] of counted) {
      await limit.take(whom)
      taken.push([limit, whom])
    }
    wrong = !(await isRight())
    return !wrong
  } finally {
    if (!wrong) await Promise.all(taken.map(([limit, whom]) => limit.giveBack(whom)))
  }
}
