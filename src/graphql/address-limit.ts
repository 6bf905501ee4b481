import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { networkOf } from '../client.ts'
import { Refusal } from '../errors.ts'

/**
 * How much each network address may ask for without being signed in. Looked at before anything is read or parsed, so that refusing costs
 * next to nothing. Of this process alone: exact limits are where there is something to guess.
 */
export class AddressLimit {
  readonly #requests: RateLimiterMemory

  constructor(perSecond: number) {
    this.#requests = new RateLimiterMemory({ points: perSecond, duration: 1 })
  }

  async admit(address: string): Promise<void> {
    try {
      await this.#requests.consume(networkOf(address))
    } catch (spent) {
      if (!(spent instanceof RateLimiterRes)) throw spent
      throw new Refusal('RATE_LIMITED', { sentence: 'Too many requests from this network address.', retryAfterMs: spent.msBeforeNext })
    }
  }
}
