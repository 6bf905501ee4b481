import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { GraphQLError, type GraphQLSchema } from 'graphql'
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Refusal } from '../errors.ts'
import { type ConnectionId, newId, type SessionId } from '../ids.ts'
import type { Logger } from '../logger.ts'
import { HEARTBEAT_EVERY_MS } from '../realtime/engine.ts'
import type { OpenStreams } from '../realtime/open-streams.ts'
import { type Identity, identify, type Services } from './context.ts'
import type { Documents } from './documents.ts'
import { drain } from './drain.ts'
import type { Events, Execution } from './execution.ts'
import { toClientError } from './refusals.ts'

export interface WebSocketDeps {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly streams: OpenStreams
  readonly documents: Documents
  readonly execution: Execution
  readonly path: string
  readonly isAllowedOrigin: (origin: string) => boolean
  /** How long who talks may go on when the server stops. */
  readonly patienceMs: number
  readonly log: Logger
}

/** What we know of one socket. */
interface Device {
  readonly socket: WebSocket
  /** What the socket writes to. */
  readonly raw: Duplex
  readonly connectionId: ConnectionId
  /** Proved when the socket was opened. */
  sessionId: SessionId | null
  /** Pings that were not answered yet. */
  unanswered: number
}

/** Close codes that clients understand: the first two are final or retried by graphql-ws, the others are retried. */
const SESSION_REVOKED = 4401
const TOKEN_REFUSED = 4403
const TRY_AGAIN_LATER = 1013
const SERVICE_RESTART = 1012

const LONGEST_MESSAGE = 64 * 1024
const INIT_WITHIN_MS = 10_000
const FINISH_WITHIN_MS = 1_000
const MOST_UNANSWERED = 2
const LAST_WORDS_MS = 50
const MOST_BUFFERED = 64 * 1024

/** GraphQL over WebSocket by the graphql-transport-ws protocol, with a ping that keeps joined devices present. */
export function serveWebSocket(server: Server, deps: WebSocketDeps): AsyncDisposable {
  const devices = new Set<Device>()
  const sockets = new WebSocketServer({ noServer: true, maxPayload: LONGEST_MESSAGE, perMessageDeflate: false, handleProtocols })
  const protocol = graphqlProtocol(deps)
  let stopping = false

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { origin } = request.headers
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== deps.path) return refuseUpgrade(socket, '404 Not Found')
    if (origin !== undefined && !deps.isAllowedOrigin(origin)) return refuseUpgrade(socket, '403 Forbidden')
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const device: Device = { socket: webSocket, raw: socket, connectionId: newId<ConnectionId>(), sessionId: null, unanswered: 0 }
      devices.add(device)
      webSocket.once('close', () => {
        devices.delete(device)
        // Whom we send away comes back: it keeps the whole of its leases for that.
        if (device.sessionId && !stopping) deps.services.presence.connectionClosed(device.sessionId, device.connectionId)
      })
      talk(device, protocol, deps)
    })
  }
  server.on('upgrade', upgrade)

  // Every device that is signed in: it may have joined over another connection, and a ping is what keeps it present.
  const pings = setInterval(() => {
    for (const device of devices) ping(device)
  }, HEARTBEAT_EVERY_MS)

  return {
    async [Symbol.asyncDispose]() {
      stopping = true
      server.off('upgrade', upgrade)
      const closed = [...devices].map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)))
      await drain(devices, {
        close: ({ socket }) => socket.close(SERVICE_RESTART, 'The server restarts'),
        isTalking: ({ connectionId }) => deps.services.floor.isTalking(connectionId),
        patienceMs: deps.patienceMs,
      })
      clearInterval(pings)
      const deadline = setTimeout(() => {
        for (const { socket } of devices) socket.terminate()
      }, FINISH_WITHIN_MS)
      await Promise.all(closed)
      clearTimeout(deadline)
      sockets.close()
    },
  }
}

/** One that answers no ping is gone, though TCP may not know it for minutes. */
function ping(device: Device) {
  if (!device.sessionId) return
  if (device.unanswered >= MOST_UNANSWERED) return device.socket.terminate()
  device.unanswered += 1
  device.socket.ping()
}

/** Resolves when the socket has taken the text; one that is closed takes anything. */
function write(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.readyState !== socket.OPEN) return resolve()
    socket.send(text, (error) => (error ? reject(error) : resolve()))
  })
}

/** An answer is two messages, `next` and `complete`: they leave together, as does whatever else is answered in the same turn. */
function answer(device: Device, text: string): Promise<void> | undefined {
  const { socket, raw } = device
  // Who does not read is not written to without end.
  if (socket.bufferedAmount > MOST_BUFFERED) return write(socket, text)
  if (socket.readyState !== socket.OPEN) return undefined
  raw.cork()
  process.nextTick(() => raw.uncork())
  socket.send(text)
  return undefined
}

/** Connects a socket with the protocol, and notes every sign of life. */
function talk(device: Device, protocol: ReturnType<typeof graphqlProtocol>, { services, log }: WebSocketDeps) {
  const { socket } = device
  socket.on('error', (err) => log.info({ err }, 'a socket failed'))
  socket.on('pong', () => {
    device.unanswered = 0
    if (device.sessionId) services.presence.signOfLife(device.sessionId)
  })
  const closed = protocol.opened(
    {
      protocol: socket.protocol,
      send: (data) => answer(device, data),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (receive) => {
        socket.on('message', (data: Buffer, isBinary: boolean) => {
          if (isBinary) return socket.close(CloseCode.BadRequest, 'Only text is understood')
          receive(data.toString('utf8')).catch((err: unknown) => {
            log.error({ err }, 'a message could not be handled')
            socket.close(CloseCode.InternalServerError, 'Internal server error')
          })
        })
      },
    },
    device,
  )
  socket.once('close', (code, reason) => {
    Promise.resolve(closed(code, reason.toString())).catch((err: unknown) => log.error({ err }, 'a socket could not be cleaned up'))
  })
}

function graphqlProtocol(deps: WebSocketDeps) {
  const { schema, services, documents, execution, log } = deps
  return makeServer<{ authorization?: unknown; Authorization?: unknown }, Device>({
    connectionInitWaitTimeout: INIT_WITHIN_MS,
    execute: execution.execute,
    subscribe: (args) => execution.subscribe(args),
    onOperation: ({ extra: device }, id, _payload, _args, result) =>
      isEvents(result) ? writeEvents(result, id, device, execution) : undefined,
    // Whatever is thrown here would close the socket with 4500, after which clients never come back.
    onConnect: async ({ extra: device, connectionParams }) => {
      try {
        const authorization = connectionParams?.authorization ?? connectionParams?.Authorization
        const { viewer, refusal } = await identify(services, typeof authorization === 'string' ? authorization : null)
        device.sessionId = viewer?.sessionId ?? null
        if (viewer) closeWithSession(viewer.sessionId, device, deps)
        if (!refusal) return true
        device.socket.close(closeCodeOf(refusal), refusal.message)
      } catch (err) {
        log.error({ err }, 'a socket could not be opened')
        device.socket.close(TRY_AGAIN_LATER, 'Try again later')
      }
      return false
    },
    onSubscribe: async ({ extra: device }, _id, { query, variables, operationName }) => {
      try {
        const prepared = documents.prepare(query)
        if ('errors' in prepared) return prepared.errors.map((error) => toClientError(error, log))
        const identity = identityOf(device, services)
        return {
          schema,
          document: prepared.document,
          variableValues: variables ?? {},
          operationName: operationName ?? null,
          contextValue: { ...services, ...(identity instanceof Promise ? await identity : identity), connectionId: device.connectionId },
        }
      } catch (error) {
        return [toClientError(new GraphQLError('not prepared', { originalError: asError(error) }), log)]
      }
    },
  })
}

/** A socket ends with the session that opened it, when what it watched has been told why. */
function closeWithSession(sessionId: SessionId, { socket }: Device, { streams, services: { auth } }: WebSocketDeps) {
  const lost = () => (auth.isSignedIn(sessionId) ? null : 'SESSION_REVOKED')
  const end = () => {
    const last = setTimeout(() => socket.close(SESSION_REVOKED, 'This device has been signed out'), LAST_WORDS_MS)
    socket.once('close', () => clearTimeout(last))
  }
  socket.once('close', streams.add({ lost, end }))
}

const isEvents = (result: unknown): result is Events => typeof result === 'object' && result !== null && Symbol.asyncIterator in result

/**
 * Yields nothing to graphql-ws, which would serialise each event anew for each socket: writes the text that all subscribers share, and waits
 * for the socket to take it, so that a slow one is slow to itself alone.
 */
function writeEvents(events: Events, id: string, device: Device, execution: Execution): Events {
  const head = `{"id":${JSON.stringify(id)},"type":"next","payload":`
  return {
    async next() {
      for (;;) {
        const { value, done } = await events.next()
        if (done) return { value: undefined, done: true }
        await write(device.socket, `${head}${execution.textOf(value)}}`)
      }
    },
    return: () => events.return(),
    throw: (error) => events.throw(error),
    [Symbol.asyncIterator]() {
      return this
    },
    [Symbol.asyncDispose]: () => events[Symbol.asyncDispose](),
  }
}

/** At once for a session that is known: then operations begin in the order in which they came. */
function identityOf({ sessionId }: Device, { auth, presence }: Services): Identity | Promise<Identity> {
  if (sessionId === null) return { viewer: null, refusal: null }
  presence.signOfLife(sessionId)
  const viewer = auth.viewerOfSession(sessionId)
  return viewer instanceof Promise ? viewer.then((viewer) => ({ viewer, refusal: null })) : { viewer, refusal: null }
}

const closeCodeOf = ({ code, retryable }: Refusal) =>
  code === 'SESSION_REVOKED' ? SESSION_REVOKED : retryable ? TRY_AGAIN_LATER : TOKEN_REFUSED

const asError = (thrown: unknown) => (thrown instanceof Error ? thrown : new Error(String(thrown)))

function refuseUpgrade(socket: Duplex, status: string) {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
