import type { Environment } from '../environment.ts'
import { multipart, sse, unsupported } from './framing.ts'
import { HttpStreamTransport } from './http-stream.ts'
import type { Liveness, Transport, TransportName } from './transport.ts'
import { WebSocketTransport } from './websocket.ts'

export interface TransportsDeps {
  readonly environment: Environment
  readonly url: string
  readonly liveness: Liveness
  readonly wanted: TransportName | 'auto'
  /** Whether the server answers at all. */
  readonly isReachable: () => Promise<boolean>
}

/** So many openings in a row fail before the next one is tried. */
const PATIENCE = 3

/**
 * The way in use. WebSocket where there is one, else server-sent events; and when one cannot be opened at all, although the server answers a
 * plain request, the next: there are proxies that let no WebSocket through, and such that hold an event stream back.
 */
export class Transports {
  readonly #deps: TransportsDeps
  readonly #ways: readonly [Transport, ...Transport[]]
  readonly #socket: WebSocketTransport | null
  #index = 0
  #failures = 0
  #isLooking = false

  constructor(deps: TransportsDeps) {
    const { environment, wanted } = deps
    this.#deps = deps
    const { WebSocket } = environment
    const socket = WebSocket && new WebSocketTransport({ ...deps, WebSocket })
    const streams = [new HttpStreamTransport('sse', sse, deps), new HttpStreamTransport('multipart', multipart, deps)]
    const [first, ...others] = [...(socket ? [socket] : []), ...streams].filter(({ name }) => wanted === 'auto' || wanted === name)
    if (!first) throw unsupported('There is no WebSocket here: give one, or choose another transport.')
    this.#ways = [first, ...others]
    this.#socket = socket
  }

  get current(): Transport {
    return this.#ways[this.#index] ?? this.#ways[0]
  }

  /** The socket, if it is the way in use and open. */
  get openSocket(): WebSocketTransport | null {
    return this.current === this.#socket && this.#socket.isOpen ? this.#socket : null
  }

  worked(): void {
    this.#failures = 0
  }

  /** One could not be opened. */
  async failed(transport: Transport): Promise<void> {
    if (transport !== this.current || this.#ways.length === 1) return
    this.#failures += 1
    if (this.#failures < PATIENCE || this.#isLooking) return
    this.#isLooking = true
    const isReachable = await this.#deps.isReachable()
    this.#isLooking = false
    if (!isReachable || transport !== this.current) return
    this.#failures = 0
    this.#index = (this.#index + 1) % this.#ways.length
  }

  close(): void {
    for (const way of this.#ways) way.close()
  }
}
