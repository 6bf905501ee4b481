import type { Redis } from 'ioredis'
import { isRefusal } from './health.ts'

interface Subscription {
  acknowledged: PromiseWithResolvers<void>
  state: 'ASKED' | 'ACKNOWLEDGED' | 'REFUSED'
  /** Asks a Redis again that refused: its rules may change. */
  timer: NodeJS.Timeout | null
  hasComplained: boolean
}

const REFUSED_AGAIN_MS = 1_000

/**
 * Stands between graphql-redis-subscriptions and the link, and holds every promise that would otherwise reject with nobody there: of a refused
 * SUBSCRIBE, of an UNSUBSCRIBE while Redis is away. It keeps the wanted channels subscribed through every break of the link.
 */
export class Subscriptions {
  readonly #link: Redis
  readonly #onError: (error: unknown) => void
  readonly #onResumed: () => void
  readonly #wanted = new Map<string, Subscription>()
  /** Which connection this is: what one acknowledged says nothing of the next. */
  #connection = 0

  constructor(link: Redis, onError: (error: unknown) => void, onResumed: () => void) {
    this.#link = link
    this.#onError = onError
    this.#onResumed = onResumed
    link.on('close', this.#onClose)
    link.on('ready', this.#onReady)
  }

  /** Resolves when Redis has acknowledged the channel over the present connection; rejects if it refuses. */
  acknowledged(channel: string): Promise<void> {
    return this.#wanted.get(channel)?.acknowledged.promise ?? Promise.reject(new Error('the subscription was ended'))
  }

  end(): void {
    this.#link.off('close', this.#onClose)
    this.#link.off('ready', this.#onReady)
    for (const channel of this.#wanted.keys()) this.#forget(channel)
  }

  // What graphql-redis-subscriptions calls.

  on(event: string, listener: (...args: unknown[]) => void): void {
    this.#link.on(event as 'messageBuffer', listener)
  }

  /** It is told at once that all is well: the error that it could be told it would tell to nobody as well. Who opens waits for `acknowledged`. */
  subscribe(channel: string, done: (error: null) => void): void {
    const subscription: Subscription = { acknowledged: pending(), state: 'ASKED', timer: null, hasComplained: false }
    this.#wanted.set(channel, subscription)
    void this.#send(channel, subscription)
    done(null)
  }

  unsubscribe(channel: string): void {
    this.#forget(channel)
    // While Redis is away there is nothing to leave.
    this.#link.unsubscribe(channel).catch(() => {})
  }

  /** It is called with every channel, and no pattern is ever used. */
  punsubscribe(): void {}

  // Until here.

  #forget(channel: string) {
    const subscription = this.#wanted.get(channel)
    if (!subscription) return
    this.#wanted.delete(channel)
    if (subscription.timer) clearTimeout(subscription.timer)
    subscription.acknowledged.reject(new Error('the subscription was ended'))
  }

  readonly #onClose = () => {
    this.#connection += 1
    for (const subscription of this.#wanted.values()) askAgain(subscription)
  }

  readonly #onReady = () => void this.#resume()

  async #resume() {
    const connection = this.#connection
    await Promise.all(Array.from(this.#wanted, ([channel, subscription]) => this.#send(channel, subscription)))
    if (connection === this.#connection && connection > 0) this.#onResumed()
  }

  async #send(channel: string, subscription: Subscription) {
    try {
      await this.#link.subscribe(channel)
      subscription.state = 'ACKNOWLEDGED'
      subscription.acknowledged.resolve()
    } catch (error) {
      // Without a connection nothing is lost: it is sent again when there is one.
      if (isRefusal(error) && this.#wanted.get(channel) === subscription) this.#refused(channel, subscription, error)
    }
  }

  #refused(channel: string, subscription: Subscription, error: Error) {
    if (!subscription.hasComplained) this.#onError(new Error(`Redis refuses SUBSCRIBE ${channel}: ${error.message}`))
    subscription.hasComplained = true
    subscription.state = 'REFUSED'
    subscription.acknowledged.reject(error)
    subscription.timer = setTimeout(() => {
      askAgain(subscription)
      void this.#send(channel, subscription)
    }, REFUSED_AGAIN_MS)
  }
}

function askAgain(subscription: Subscription) {
  if (subscription.timer) clearTimeout(subscription.timer)
  subscription.timer = null
  // Who waits already goes on waiting for the same promise.
  if (subscription.state !== 'ASKED') subscription.acknowledged = pending()
  subscription.state = 'ASKED'
}

function pending(): PromiseWithResolvers<void> {
  const acknowledged = Promise.withResolvers<void>()
  // That nobody waits is no fault.
  acknowledged.promise.catch(() => {})
  return acknowledged
}
