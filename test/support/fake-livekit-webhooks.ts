import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AccessToken, WebhookEvent } from 'livekit-server-sdk'
import { newId } from '../../src/ids.ts'
import type { Happened } from './fake-livekit-rooms.ts'
import type { Keys } from './fake-livekit-tokens.ts'

export interface WebhooksDeps extends Keys {
  readonly urls: readonly string[]
  /** The wait before the second attempt; each is twice the one before. */
  readonly retryMs: number
  /** Resolves when the server runs, and is not stopped. */
  readonly running: () => Promise<void>
}

/** One attempt to tell. */
interface Attempt {
  readonly url: string
  readonly event: string
  readonly room: string
  readonly identity: string
  /** Null: nobody answered. */
  readonly status: number | null
}

interface Queue {
  tail: Promise<void>
  depth: number
}

const ATTEMPTS = 5
/** What has waited longer for its turn is not told any more. */
const OLDEST_MS = 30_000
const DEEPEST = 200
const SIGNED_FOR_S = 300

/** How LiveKit signs what it tells: the hash of the body in a token, in a header without "Bearer". */
export async function signature(body: string, { apiKey, apiSecret }: Keys, ttl: number | string = SIGNED_FOR_S): Promise<string> {
  const token = new AccessToken(apiKey, apiSecret, { ttl })
  token.sha256 = createHash('sha256').update(body).digest('base64')
  return token.toJwt()
}

/** Tells each address of what happens: of one room in order, one after the other, each again until it is taken. */
export class FakeWebhooks implements AsyncDisposable {
  readonly attempts: Attempt[] = []
  readonly #deps: WebhooksDeps
  readonly #queues = new Map<string, Queue>()
  readonly #end = new AbortController()

  constructor(deps: WebhooksDeps) {
    this.#deps = deps
  }

  tell(happened: Happened): void {
    const createdAt = BigInt(Math.floor(Date.now() / 1_000))
    // Assigned, as the constructor of the SDK forgets the name of the event.
    const event = Object.assign(new WebhookEvent(), happened, { id: `EV_${newId()}`, createdAt })
    const since = performance.now()
    for (const url of this.#deps.urls) {
      const key = `${url} ${happened.room.name}`
      const queue = this.#queues.get(key) ?? { tail: Promise.resolve(), depth: 0 }
      this.#queues.set(key, queue)
      if (queue.depth >= DEEPEST) continue
      queue.depth += 1
      queue.tail = this.#inTurn(queue, () => (performance.now() - since < OLDEST_MS ? this.#deliver(url, event) : Promise.resolve()))
    }
  }

  /** Resolves when all that has happened until now is told, or given up. */
  async settled(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ tail }) => tail))
  }

  async [Symbol.asyncDispose]() {
    this.#end.abort()
    await this.settled()
  }

  async #inTurn(queue: Queue, deliver: () => Promise<void>): Promise<void> {
    await queue.tail
    await deliver()
    queue.depth -= 1
  }

  async #deliver(url: string, event: WebhookEvent): Promise<void> {
    const body = event.toJsonString()
    const authorization = await signature(body, this.#deps)
    for (let attempt = 0; attempt < ATTEMPTS && !this.#end.signal.aborted; attempt++) {
      if (attempt > 0) await this.#pause(this.#deps.retryMs * 2 ** (attempt - 1))
      await Promise.race([this.#deps.running(), aborted(this.#end.signal)])
      const status = await this.#post(url, body, authorization)
      this.attempts.push({ url, event: event.event, room: event.room?.name ?? '', identity: event.participant?.identity ?? '', status })
      if (!isWorthAnother(status)) return
    }
  }

  async #post(url: string, body: string, authorization: string): Promise<number | null> {
    const headers = { 'content-type': 'application/webhook+json', authorization }
    try {
      const answer = await fetch(url, { method: 'POST', body, headers, signal: this.#end.signal })
      await answer.arrayBuffer()
      return answer.status
    } catch {
      // Nobody there, or the end of the test: the caller tries again, or does not.
      return null
    }
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#end.signal })
    } catch {
      // The end: the loop sees it.
    }
  }
}

/** Of a refusal LiveKit thinks that it has arrived. */
const isWorthAnother = (status: number | null) => status === null || status === 429 || (status >= 500 && status !== 501)

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
