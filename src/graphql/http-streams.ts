import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type ExecutionResult, GraphQLError, type GraphQLSchema } from 'graphql'
import type { Client } from '../client.ts'
import type { Viewer } from '../domains/auth/auth.service.ts'
import { Refusal } from '../errors.ts'
import { type ConnectionId, newId } from '../ids.ts'
import type { Logger } from '../logger.ts'
import type { Heartbeats } from '../transport-variables.ts'
import type { Admission } from './admission.ts'
import { Connection } from './connection.ts'
import type { Context, Identified, Services } from './context.ts'
import { drain } from './drain.ts'
import type { Events, Execution } from './execution.ts'
import type { Admitted, Refused } from './guard.ts'
import { HttpStream } from './http-stream.ts'
import { loggable } from './logged-error.ts'
import type { Places } from './places.ts'
import { toClientError } from './refusals.ts'
import type { Framing } from './stream-framings.ts'

export interface HttpStreamsDeps {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly execution: Execution
  readonly admission: Admission
  /** The open streams of each user. */
  readonly places: Places
  readonly heartbeats: Heartbeats
  /** How long who talks may go on when the server stops. */
  readonly patienceMs: number
  readonly log: Logger
}

/** Who asks for a stream, and from where. */
export interface Asker {
  readonly identity: Identified
  readonly client: Client
}

/** An open stream of somebody. */
interface Reader {
  readonly stream: HttpStream
  readonly viewer: Viewer | null
}

/** How much sooner than due a heartbeat may be, as a part of the time between two of them. */
const EARLINESS = 1 / 8
/** So many are looked at before a press may be served in between. */
const SLICE = 100

/**
 * Subscriptions over plain HTTP, as server-sent events and as Apollo's multipart. Like a WebSocket they write the text that all subscribers of
 * an event share, each at the pace of its own reader.
 */
export class HttpStreams implements AsyncDisposable {
  readonly #deps: HttpStreamsDeps
  readonly #readers = new Set<Reader>()
  readonly #bytes = new WeakMap<ExecutionResult, Map<Framing, Buffer>>()
  readonly #heartbeats: NodeJS.Timeout
  readonly #lookEveryMs: number
  #stopping = false
  #isLooking = false

  constructor(deps: HttpStreamsDeps) {
    this.#deps = deps
    this.#lookEveryMs = Math.min(deps.heartbeats.joinedMs, deps.heartbeats.idleMs) * EARLINESS
    this.#heartbeats = setInterval(() => void this.#beat(), this.#lookEveryMs)
  }

  /** Answers with a stream, also where there is nothing to be told but errors: clients would only repeat what is refused with a status. */
  async serve(response: ServerResponse, framing: Framing, verdict: Admitted | Refused, asker: Asker): Promise<void> {
    const events = 'errors' in verdict ? verdict : await this.#open(verdict, asker, response)
    if (events === null) return
    if (!(Symbol.asyncIterator in events)) {
      const stream = new HttpStream(response, framing)
      return stream.end(framing.result(JSON.stringify(events)) + framing.complete)
    }
    response.once('close', () => void events.return())
    void this.#tell(events, { stream: new HttpStream(response, framing), viewer: asker.identity.viewer })
  }

  /** Null: its reader has left meanwhile, and would leave it open. */
  async #open(admitted: Admitted, asker: Asker, response: ServerResponse): Promise<Events | ExecutionResult | null> {
    await this.#deps.admission.admit()
    if (response.closed) return null
    const events = await this.#subscribe(admitted, asker)
    if (!response.closed || !(Symbol.asyncIterator in events)) return events
    await events.return()
    return null
  }

  #subscribe({ document, variables, operationName }: Admitted, { identity, client }: Asker): Promise<Events | ExecutionResult> {
    const { schema, services, execution, places } = this.#deps
    const { viewer } = identity
    const connection = connectionOf(identity)
    const contextValue = { ...services, ...identity, client, connection, connectionId: connection.id } satisfies Context
    return execution.subscribe(
      { schema, document, variableValues: variables, operationName, contextValue },
      {
        take: () => (viewer ? places.take(viewer.id) : () => undefined),
        onClose: () => {
          // Whom we send away comes back: it keeps the whole of its leases for that.
          if (viewer && !this.#stopping) services.presence.connectionClosed(viewer.sessionId, connection.id)
        },
      },
    )
  }

  /** Until its end, whoever makes it. */
  async #tell(events: Events, reader: Reader): Promise<void> {
    const { stream } = reader
    // Too late to be one of those who leave little by little.
    if (this.#stopping) return this.#sendAway(reader)
    this.#readers.add(reader)
    try {
      for (;;) {
        const { value, done } = await events.next()
        if (done) return stream.end(stream.framing.complete)
        await stream.write(this.#bytesOf(value, stream.framing))
      }
    } catch (error) {
      // No result can say this: who reads asks again.
      this.#deps.log.error({ err: loggable(error) }, 'a stream failed')
      stream.break()
    } finally {
      this.#readers.delete(reader)
    }
  }

  /** Written once for all who share the result. */
  #bytesOf(result: ExecutionResult, framing: Framing): Buffer {
    const known = this.#bytes.get(result)?.get(framing)
    if (known) return known
    const bytes = Buffer.from(framing.result(this.#deps.execution.textOf(result)))
    const ofResult = this.#bytes.get(result) ?? new Map<Framing, Buffer>()
    this.#bytes.set(result, ofResult.set(framing, bytes))
    return bytes
  }

  async #beat() {
    if (this.#isLooking) return
    this.#isLooking = true
    let looked = 0
    for (const { stream, viewer } of this.#readers) {
      stream.beat(this.#everyMs(viewer) - this.#lookEveryMs, performance.now())
      if (++looked % SLICE === 0) await nextTurn()
    }
    this.#isLooking = false
  }

  #everyMs(viewer: Viewer | null): number {
    const { heartbeats, services } = this.#deps
    return viewer && services.presence.isJoined(viewer.sessionId) ? heartbeats.joinedMs : heartbeats.idleMs
  }

  /** Sends all readers away, to come back elsewhere: those who talk last. */
  async [Symbol.asyncDispose]() {
    this.#stopping = true
    const { services, patienceMs } = this.#deps
    await drain(this.#readers, {
      close: (reader) => this.#sendAway(reader),
      isTalking: ({ viewer }) => viewer !== null && services.floor.isTalking(viewer.sessionId),
      patienceMs,
    })
    clearInterval(this.#heartbeats)
  }

  #sendAway({ stream }: Reader) {
    const restarts = new GraphQLError('restarts', { originalError: new Refusal('SERVICE_UNAVAILABLE', { sentence: RESTARTS }) })
    stream.end(stream.framing.sentAway(JSON.stringify({ errors: [toClientError(restarts, this.#deps.log)] })))
  }
}

const RESTARTS = 'This server restarts: ask again.'

/** What is open no longer than the token that it was opened with. */
function connectionOf({ viewer, tokenExpiresAt }: Identified): Connection {
  const isSignedIn = viewer && tokenExpiresAt !== null
  return new Connection(newId<ConnectionId>(), isSignedIn ? { sessionId: viewer.sessionId, expiresAt: tokenExpiresAt } : null)
}
