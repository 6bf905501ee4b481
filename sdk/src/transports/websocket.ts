import type { Environment } from '../environment.ts'
import { asNedaError, lost } from '../errors.ts'
import { RenewConnectionDocument } from '../generated/operations.ts'
import type { Answer, Operation } from '../http.ts'
import type { Liveness, Sink, StreamRequest, Transport } from './transport.ts'
import { WebSocketLink } from './websocket-link.ts'

export interface WebSocketDeps {
  readonly environment: Environment
  readonly WebSocket: NonNullable<Environment['WebSocket']>
  /** As of POST. */
  readonly url: string
  readonly liveness: Liveness
}

/** The next subscription may come at once: a socket that nobody uses stays open for a moment. */
const LINGER_MS = 2_000

/** One socket for everything that a client watches, opened when it is needed. */
export class WebSocketTransport implements Transport {
  readonly name = 'websocket'
  readonly #deps: WebSocketDeps
  #link: WebSocketLink | null = null
  #cancelLinger = () => {}

  constructor(deps: WebSocketDeps) {
    this.#deps = deps
  }

  open({ query, variables, accessToken }: StreamRequest, sink: Sink): () => void {
    const stopped = new AbortController()
    void this.#subscribe(this.#opened(accessToken), { query, variables }, sink, stopped.signal)
    return () => {
      if (stopped.signal.aborted) return
      stopped.abort()
      this.#linger()
    }
  }

  /** One question over the socket that is open; null when none is: then there is another way. */
  ask(operation: Operation, signal: AbortSignal): Promise<Answer> | null {
    const link = this.#link
    if (!link?.isOpen) return null
    return new Promise((resolve, reject) => {
      let answer: Answer | null = null
      const stop = link.subscribe(operation, {
        opened: () => {},
        next: (next) => {
          answer = next
        },
        ended: (error) => {
          signal.removeEventListener('abort', abort)
          if (answer) resolve(answer)
          else reject(error ?? lost('There is no answer.'))
        },
      })
      const abort = () => {
        stop()
        reject(asNedaError(signal.reason))
      }
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  get isOpen(): boolean {
    return this.#link?.isOpen ?? false
  }

  renew(accessToken: string): void {
    const renewal = { query: RenewConnectionDocument, variables: { input: { accessToken } } }
    // If it fails the socket is closed when its token ends, and opened again.
    this.ask(renewal, new AbortController().signal)?.catch(() => undefined)
  }

  check(): void {
    this.#link?.check()
  }

  close(): void {
    this.#cancelLinger()
    this.#link?.close()
  }

  #opened(accessToken: string): WebSocketLink {
    this.#cancelLinger()
    if (this.#link) return this.#link
    const { environment, WebSocket, url, liveness } = this.#deps
    const link = new WebSocketLink(WebSocket, url.replace(/^http/, 'ws'), accessToken, {
      environment,
      liveness,
      onLost: () => {
        if (this.#link === link) this.#link = null
      },
    })
    this.#link = link
    return link
  }

  async #subscribe(link: WebSocketLink, operation: Operation, sink: Sink, stopped: AbortSignal) {
    try {
      await link.ready
      if (stopped.aborted) return this.#linger()
      const stop = link.subscribe(operation, sink)
      stopped.addEventListener('abort', stop)
      sink.opened()
    } catch (error) {
      if (!stopped.aborted) sink.ended(asNedaError(error))
    }
  }

  #linger() {
    this.#cancelLinger()
    this.#cancelLinger = this.#deps.environment.clock.after(LINGER_MS, () => {
      // One that is being opened is waited for.
      if (this.#link?.isOpen && this.#link.isIdle) this.#link.close()
    })
  }
}
