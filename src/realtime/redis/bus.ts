import { RedisPubSub } from 'graphql-redis-subscriptions'
import type { Redis } from 'ioredis'
import { inTime } from '../in-time.ts'
import type { Links } from './links.ts'
import { Subscriptions } from './subscriptions.ts'

interface Channel {
  readonly listeners: Set<(text: string) => void>
  /** The number under which graphql-redis-subscriptions knows it. */
  readonly id: Promise<number>
}

/** Redis has not acknowledged a subscription by then: whoever asked is told within 600 ms. */
const ACKNOWLEDGED_WITHIN_MS = 400

/**
 * What instances say to each other. One subscription per channel and process, however many listen. It loses what is said while the link is
 * broken, as publish and subscribe of Redis does: `onReconnect` tells that this may have happened.
 */
export class Bus implements AsyncDisposable {
  readonly #links: Pick<Links, 'commands' | 'subscriber'>
  readonly #onError: (error: unknown) => void
  readonly #subscriptions: Subscriptions
  readonly #pubSub: RedisPubSub
  readonly #channels = new Map<string, Channel>()
  readonly #reconnectListeners = new Set<() => void>()
  #hasEnded = false

  constructor(links: Pick<Links, 'commands' | 'subscriber'>, onError: (error: unknown) => void) {
    this.#links = links
    this.#onError = onError
    this.#subscriptions = new Subscriptions(links.subscriber, onError, () => this.#tellReconnect())
    this.#pubSub = new RedisPubSub({
      subscriber: this.#subscriptions as unknown as Redis,
      publisher: links.commands,
      messageEventName: 'messageBuffer',
      pmessageEventName: 'pmessageBuffer',
      serializer: String,
      deserializer: String,
    })
  }

  /** Resolves when Redis has acknowledged: from then on the listener gets what is published. The result ends it. */
  async open(channel: string, listener: (text: string) => void): Promise<() => void> {
    if (this.#hasEnded) throw new Error('the bus was closed')
    // Its own, so that the same function can listen twice.
    const told = (text: string) => listener(text)
    this.#listen(channel).listeners.add(told)
    const end = () => this.#leave(channel, told)
    try {
      await inTime(this.#subscriptions.acknowledged(channel), ACKNOWLEDGED_WITHIN_MS, 'Redis does not acknowledge a subscription')
    } catch (error) {
      end()
      throw error
    }
    return end
  }

  /** Rejects if Redis did not take it. */
  publish(channel: string, text: string): Promise<void> {
    return this.#pubSub.publish(channel, text)
  }

  /** The link was broken and every channel is subscribed again: what was said meanwhile may be lost. */
  onReconnect(listener: () => void): () => void {
    const told = () => listener()
    this.#reconnectListeners.add(told)
    return () => this.#reconnectListeners.delete(told)
  }

  /** Everything that was published before has been handed to the listeners. */
  async settled(): Promise<void> {
    await this.#links.subscriber.ping()
  }

  async [Symbol.asyncDispose]() {
    this.#hasEnded = true
    this.#reconnectListeners.clear()
    for (const [name, channel] of this.#channels) this.#close(name, channel)
    this.#subscriptions.end()
  }

  #listen(name: string): Channel {
    const known = this.#channels.get(name)
    if (known) return known
    const listeners = new Set<(text: string) => void>()
    const id = this.#pubSub.subscribe(name, (text: string) => this.#tell(listeners, text))
    const channel = { listeners, id }
    this.#channels.set(name, channel)
    return channel
  }

  #leave(name: string, listener: (text: string) => void) {
    const channel = this.#channels.get(name)
    if (channel?.listeners.delete(listener) && channel.listeners.size === 0) this.#close(name, channel)
  }

  #close(name: string, { id }: Channel) {
    this.#channels.delete(name)
    void id.then((known) => this.#pubSub.unsubscribe(known))
  }

  #tell(listeners: ReadonlySet<(text: string) => void>, text: string) {
    for (const listener of listeners) this.#guarded(() => listener(text))
  }

  #tellReconnect() {
    for (const listener of this.#reconnectListeners) this.#guarded(listener)
  }

  /** What a listener throws must reach neither the next listener nor ioredis, which would lose its place in what Redis sends. */
  #guarded(tell: () => void) {
    try {
      tell()
    } catch (error) {
      this.#onError(error)
    }
  }
}
