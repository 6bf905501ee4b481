import type { Environment } from '../environment.ts'
import { asNedaError, lost, type NedaError } from '../errors.ts'
import { post, readAnswer, refusalIn } from '../http.ts'
import { type Framing, unsupported } from './framing.ts'
import {
  type Liveness,
  OPEN_WITHIN_MS,
  type Sink,
  type StreamRequest,
  silentForMs,
  type Transport,
  type TransportName,
} from './transport.ts'

export interface HttpStreamDeps {
  readonly environment: Environment
  readonly url: string
  readonly liveness: Liveness
}

/** Each subscription is one POST whose answer goes on: for whatever has no WebSocket, or a proxy that lets none through. */
export class HttpStreamTransport implements Transport {
  readonly name: TransportName
  readonly #framing: Framing
  readonly #deps: HttpStreamDeps
  readonly #open = new Set<HttpStream>()

  constructor(name: TransportName, framing: Framing, deps: HttpStreamDeps) {
    this.name = name
    this.#framing = framing
    this.#deps = deps
  }

  open(request: StreamRequest, sink: Sink): () => void {
    const stream = new HttpStream(this.#deps, this.#framing, sink)
    this.#open.add(stream)
    void stream.run(request).finally(() => this.#open.delete(stream))
    return () => stream.stop()
  }

  /** A stream cannot be renewed: it ends UNAUTHENTICATED, and is opened again with its cursor. */
  renew(): void {}

  /** It hears of the server at each heartbeat, or ends. */
  check(): void {
    for (const stream of this.#open) stream.check()
  }

  close(): void {
    for (const stream of this.#open) stream.stop()
  }
}

class HttpStream {
  readonly #deps: HttpStreamDeps
  readonly #framing: Framing
  readonly #sink: Sink
  readonly #abort = new AbortController()
  #heardAt: number
  #isOver = false
  #isComplete = false
  #cancelTimer = () => {}

  constructor(deps: HttpStreamDeps, framing: Framing, sink: Sink) {
    this.#deps = deps
    this.#framing = framing
    this.#sink = sink
    this.#heardAt = deps.environment.clock.now()
  }

  async run(request: StreamRequest): Promise<void> {
    try {
      this.#watch(OPEN_WITHIN_MS)
      this.#end(await this.#read(request))
    } catch (error) {
      this.#end(asNedaError(error))
    }
  }

  stop(): void {
    this.#isOver = true
    this.#cancelTimer()
    this.#abort.abort()
  }

  /** While a device slept no timer woke. */
  check(): void {
    const { environment, liveness } = this.#deps
    if (environment.clock.now() - this.#heardAt > silentForMs(liveness)) this.#end(lost('The server is silent.'))
  }

  /** Until it ends. Null: the server has said that it is complete. */
  async #read({ query, variables, accessToken }: StreamRequest): Promise<NedaError | null> {
    const { environment, url } = this.#deps
    const { accept, mediaType } = this.#framing
    const options = { accept, accessToken, signal: this.#abort.signal }
    const response = await post(environment, url, { query, variables }, options)
    const contentType = response.headers.get('content-type') ?? ''
    if (!contentType.startsWith(mediaType))
      return refusalIn(await readAnswer(response)) ?? unsupported(`The server does not answer with ${mediaType}.`)
    if (!response.body) return unsupported('There is no streaming in this fetch.')
    this.#sink.opened()
    return this.#readBody(response.body, contentType)
  }

  async #readBody(body: ReadableStream<Uint8Array>, contentType: string): Promise<NedaError | null> {
    const parse = this.#framing.parser(contentType, {
      next: (answer) => {
        if (!this.#isOver) this.#sink.next(answer)
      },
      complete: () => {
        this.#isComplete = true
      },
    })
    const decoder = new TextDecoder()
    const reader = body.getReader()
    while (!this.#isComplete) {
      this.#watch(silentForMs(this.#deps.liveness))
      const { value, done } = await reader.read()
      if (done) return lost('The stream has ended.')
      this.#heardAt = this.#deps.environment.clock.now()
      parse(decoder.decode(value, { stream: true }))
    }
    return null
  }

  #watch(ms: number) {
    this.#cancelTimer()
    this.#cancelTimer = this.#deps.environment.clock.after(ms, () => this.#end(lost('The server is silent.')))
  }

  #end(error: NedaError | null) {
    if (this.#isOver) return
    this.stop()
    this.#sink.ended(error)
  }
}
