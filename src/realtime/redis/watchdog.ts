import type { Redis } from 'ioredis'

const TICK_MS = 100
const ASK_EVERY_MS = 500
/** A server that takes a connection and then says nothing at all: the next attempt may reach one that does. */
const HANDSHAKE_MS = 450

/**
 * Notices that a connection is half open: TCP says nothing when the other side has gone without a word. It asks twice a second, and breaks
 * the connection when nothing at all came for `silenceMs` after the question; ioredis makes a new one then.
 */
export class Watchdog implements Disposable {
  readonly #link: Redis
  readonly #silenceMs: number
  readonly #timer: NodeJS.Timeout
  #seen: { readonly stream: unknown; readonly bytes: number | undefined; readonly status: string } | null = null
  #askedAt = 0
  #waitingSince: number | null = null

  constructor(link: Redis, silenceMs: number) {
    this.#link = link
    this.#silenceMs = silenceMs
    // Where this process stood still, timers are due before it has read what came meanwhile: it reads first.
    this.#timer = setInterval(() => setImmediate(() => this.#tick()), TICK_MS)
  }

  [Symbol.dispose]() {
    clearInterval(this.#timer)
  }

  #tick() {
    const now = performance.now()
    if (this.#hasHeard()) this.#waitingSince = null
    const { status } = this.#link
    if (status === 'connect') this.#wait(now, HANDSHAKE_MS)
    else if (status === 'ready') this.#askAndWait(now)
  }

  #askAndWait(now: number) {
    if (this.#waitingSince === null) {
      if (now - this.#askedAt < ASK_EVERY_MS) return
      this.#askedAt = now
      // Whatever comes back counts, a refusal too; and that nothing comes is seen below.
      this.#link.ping().catch(() => {})
    }
    this.#wait(now, this.#silenceMs)
  }

  #wait(now: number, silenceMs: number) {
    this.#waitingSince ??= now
    if (now - this.#waitingSince >= silenceMs) this.#link.stream.destroy(new Error('it does not answer'))
  }

  #hasHeard(): boolean {
    const { stream, status } = this.#link as { stream?: Redis['stream']; status: string }
    const seen = { stream, bytes: stream?.bytesRead, status }
    const before = this.#seen
    this.#seen = seen
    return before === null || before.stream !== seen.stream || before.bytes !== seen.bytes || before.status !== seen.status
  }
}
