import type { Environment, SocketLike } from '../environment.ts'
import { closed, fromGraphQL, type GraphQLErrorBody, lost, NedaError } from '../errors.ts'
import type { Answer, Operation } from '../http.ts'
import { type Liveness, OPEN_WITHIN_MS, PONG_WITHIN_MS, pingEveryMs, type Sink } from './transport.ts'

export interface LinkDeps {
  readonly environment: Environment
  readonly liveness: Liveness
  /** Told once: it can be used no more. */
  readonly onLost: () => void
}

const PROTOCOL = 'graphql-transport-ws'
const SIGNED_OUT = 4401
const TOKEN_REFUSED = 4403
const NORMAL = 1000
/** The server has too much to do: not at once. */
const TRY_AGAIN_LATER = 1013

interface Message {
  readonly type: string
  readonly id?: string
  readonly payload?: unknown
}

/** One socket that speaks graphql-transport-ws, from its handshake to its end. It is never opened again. */
export class WebSocketLink {
  readonly #deps: LinkDeps
  readonly #socket: SocketLike
  readonly #sinks = new Map<string, Sink>()
  /** Resolves when the server has taken the access token. */
  readonly ready: Promise<void>
  #settle: { readonly resolve: () => void; readonly reject: (error: NedaError) => void }
  #isReady = false
  #isLost = false
  #lastId = 0
  #heardAt: number
  #cancelTimer: () => void

  constructor(WebSocket: NonNullable<Environment['WebSocket']>, url: string, accessToken: string, deps: LinkDeps) {
    const { clock } = deps.environment
    this.#deps = deps
    this.#settle = { resolve: () => {}, reject: () => {} }
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // Whoever waits for it hears it; who has stopped waiting need not.
    this.ready.catch(() => undefined)
    this.#heardAt = clock.now()
    this.#cancelTimer = clock.after(OPEN_WITHIN_MS, () => this.#end(lost('The socket did not open in time.')))
    this.#socket = new WebSocket(url, PROTOCOL)
    this.#socket.addEventListener('open', () =>
      this.#send({ type: 'connection_init', payload: { authorization: `Bearer ${accessToken}` } }),
    )
    this.#socket.addEventListener('message', ({ data }) => this.#hear(data))
    this.#socket.addEventListener('close', ({ code, reason }) => this.#end(whyClosed(code, reason)))
    // A close event follows.
    this.#socket.addEventListener('error', () => {})
  }

  get isOpen(): boolean {
    return this.#isReady && !this.#isLost
  }

  get isIdle(): boolean {
    return this.#sinks.size === 0
  }

  subscribe(operation: Operation, sink: Sink): () => void {
    if (this.#isLost) {
      sink.ended(lost('The socket has been closed.'))
      return () => {}
    }
    const id = String(++this.#lastId)
    this.#sinks.set(id, sink)
    this.#send({ type: 'subscribe', id, payload: { query: operation.query, variables: operation.variables } })
    return () => {
      if (this.#sinks.delete(id)) this.#send({ type: 'complete', id })
    }
  }

  /** Asks the server for a sign of life. Without one in time the socket is lost, whatever TCP believes. */
  check(): void {
    if (!this.isOpen) return
    const { clock } = this.#deps.environment
    const askedAt = clock.now()
    this.#send({ type: 'ping' })
    this.#cancelTimer()
    this.#cancelTimer = clock.after(PONG_WITHIN_MS, () => {
      if (this.#heardAt < askedAt) this.#end(lost('The server is silent.'))
      else this.#watch()
    })
  }

  close(): void {
    this.#end(closed())
  }

  #watch() {
    const { environment, liveness } = this.#deps
    this.#cancelTimer()
    this.#cancelTimer = environment.clock.after(pingEveryMs(liveness), () => this.check())
  }

  #hear(data: unknown) {
    if (this.#isLost) return
    this.#heardAt = this.#deps.environment.clock.now()
    const message = typeof data === 'string' ? parsed(data) : null
    if (message?.type === 'connection_ack') {
      this.#isReady = true
      this.#watch()
      this.#settle.resolve()
    } else if (message?.type === 'ping') this.#send({ type: 'pong' })
    else if (message?.id !== undefined) this.#tell(message.id, message)
  }

  #tell(id: string, { type, payload }: Message) {
    const sink = this.#sinks.get(id)
    if (!sink) return
    if (type === 'next') return sink.next(payload as Answer)
    this.#sinks.delete(id)
    const [error] = type === 'error' ? (payload as GraphQLErrorBody[]) : []
    sink.ended(error ? fromGraphQL(error) : null)
  }

  #send(message: object) {
    // What is said to a socket that has just gone is lost, as the close event is about to tell.
    if (!this.#isLost && this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message))
  }

  /** Nothing is waited for: a network that is gone answers no close either. */
  #end(error: NedaError) {
    if (this.#isLost) return
    this.#isLost = true
    this.#cancelTimer()
    this.#deps.onLost()
    this.#socket.close(NORMAL)
    this.#settle.reject(error)
    const sinks = [...this.#sinks.values()]
    this.#sinks.clear()
    for (const sink of sinks) sink.ended(error)
  }
}

function parsed(text: string): Message | null {
  try {
    return JSON.parse(text) as Message
  } catch {
    // Not of this protocol: a proxy that is no friend of WebSockets. It shows by its silence.
    return null
  }
}

/** All but one of the codes mean: come back. */
function whyClosed(code: number, reason: string): NedaError {
  if (code === SIGNED_OUT) return new NedaError(reason || 'This device has been signed out.', { code: 'SESSION_REVOKED' })
  if (code === TOKEN_REFUSED) return new NedaError(reason || 'The access token has ended.', { code: 'UNAUTHENTICATED', retryable: true })
  return lost(`The socket was closed with ${code} ${reason}`.trim(), code === TRY_AGAIN_LATER ? { retryAfterMs: 1_000 } : {})
}
