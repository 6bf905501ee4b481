import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import { Refusal } from '../errors.ts'
import { type ConnectionId, newId } from '../ids.ts'
import type { Heartbeats } from '../transport-variables.ts'
import type { Admission } from './admission.ts'
import { clientOf, type TrustedProxies } from './client.ts'
import { BAD_REQUEST, OTHER_PROTOCOL, SERVICE_RESTART, TRY_AGAIN_LATER } from './close-codes.ts'
import { Connection } from './connection.ts'
import { drain } from './drain.ts'
import { MessageRate } from './message-rate.ts'
import { keepPinging } from './pings.ts'
import { refuseTokenInAddress } from './request.ts'
import { type Device, graphqlProtocol, type ProtocolDeps, readMessage, write } from './websocket-protocol.ts'

export interface WebSocketDeps extends Omit<ProtocolDeps, 'signedIn'> {
  readonly path: string
  readonly isAllowedOrigin: (origin: string) => boolean
  readonly isTrustedProxy: TrustedProxies
  readonly admission: Admission
  /** Messages per second and socket. */
  readonly messageRate: number
  /** How many sockets there may be over which nobody signed in. */
  readonly unknownSockets: number
  readonly heartbeats: Heartbeats
  /** How long who talks may go on when the server stops. */
  readonly patienceMs: number
}

const LONGEST_MESSAGE = 64 * 1024
const FINISH_WITHIN_MS = 1_000
const MOST_BUFFERED = 64 * 1024

/** Whoever speaks another protocol only is let in to be told so: a failed handshake says nothing. */
const handleProtocols = (offered: Set<string>) =>
  offered.has(GRAPHQL_TRANSPORT_WS_PROTOCOL) ? GRAPHQL_TRANSPORT_WS_PROTOCOL : ([...offered][0] ?? false)

/** `closeTimeout`, which the types do not know yet: who is sent away and does not say goodbye is cut off. */
const OPTIONS = { noServer: true, maxPayload: LONGEST_MESSAGE, perMessageDeflate: false, closeTimeout: 3_000, handleProtocols }

/** GraphQL over WebSocket by the graphql-transport-ws protocol, with a ping that keeps joined devices present. */
export function serveWebSocket(server: Server, deps: WebSocketDeps): AsyncDisposable {
  const devices = new Set<Device>()
  /** Those over which nobody has signed in, the oldest first. */
  const unknown = new Set<Device>()
  const sockets = new WebSocketServer(OPTIONS)
  const protocol = graphqlProtocol({ ...deps, signedIn: (device) => unknown.delete(device) })
  let stopping = false

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Its peer may break it off at any moment, and until it is a WebSocket nobody else listens to that.
    socket.on('error', () => socket.destroy())
    const refusal = whyNot(request, deps)
    if (refusal) return refuseUpgrade(socket, refusal)
    deps.admission.admit().then(
      () => open(request, socket, head),
      (refusal: Refusal) => refuseUpgrade(socket, refusal),
    )
  }
  const open = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const client = clientOf(request, deps.isTrustedProxy)
      const device: Device = {
        socket: webSocket,
        raw: socket,
        connection: new Connection(newId<ConnectionId>(), null),
        client,
        sessionId: null,
        pingedAt: performance.now(),
        unanswered: 0,
      }
      devices.add(device)
      unknown.add(device)
      makeRoom(unknown, deps.unknownSockets)
      webSocket.once('close', () => {
        devices.delete(device)
        unknown.delete(device)
        // Whom we send away comes back: it keeps the whole of its leases for that.
        if (device.sessionId && !stopping) deps.services.presence.connectionClosed(device.sessionId, device.connection.id)
      })
      talk(device, protocol, deps)
    })
  }
  server.on('upgrade', upgrade)

  const pings = keepPinging(devices, { heartbeats: deps.heartbeats, presence: deps.services.presence })

  return {
    async [Symbol.asyncDispose]() {
      stopping = true
      const closed = [...devices].map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)))
      await drain(devices, {
        close: ({ socket }) => socket.close(SERVICE_RESTART, 'The server restarts'),
        isTalking: ({ connection }) => deps.services.floor.isTalking(connection.id),
        patienceMs: deps.patienceMs,
      })
      pings[Symbol.dispose]()
      const deadline = setTimeout(() => {
        for (const { socket } of devices) socket.terminate()
      }, FINISH_WITHIN_MS)
      await Promise.all(closed)
      clearTimeout(deadline)
      server.off('upgrade', upgrade)
      sockets.close()
    },
  }
}

/** Who opens sockets and says nothing pushes out others of that kind: an honest device has said who it is long before its turn comes. */
function makeRoom(unknown: Set<Device>, most: number) {
  for (const device of unknown) {
    if (unknown.size <= most) return
    unknown.delete(device)
    device.socket.close(TRY_AGAIN_LATER, 'Too many sockets that nobody signed in over')
  }
}

/** Before it is a WebSocket: a browser does not ask whether a foreign page may open one. Watches and phones send no origin. */
function whyNot({ url = '/', headers: { origin } }: IncomingMessage, { path, isAllowedOrigin }: WebSocketDeps): Refusal | null {
  try {
    const address = new URL(url, 'http://localhost')
    if (address.pathname !== path) return new Refusal('NOT_FOUND')
    if (origin !== undefined && !isAllowedOrigin(origin)) return new Refusal('CSRF_BLOCKED')
    refuseTokenInAddress(address.searchParams)
    return null
  } catch (error) {
    // What is no address at all.
    return error instanceof Refusal ? error : new Refusal('BAD_REQUEST')
  }
}

function refuseUpgrade(socket: Duplex, { status, retryAfterMs }: Refusal) {
  const retryAfter = retryAfterMs === undefined ? '' : `Retry-After: ${Math.ceil(retryAfterMs / 1_000)}\r\n`
  const text = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${retryAfter}Connection: close\r\nContent-Length: 0\r\n\r\n`
  // Whether the peer ends its half or not.
  socket.end(text, () => socket.destroy())
}

/** Connects a socket with the protocol, and notes every sign of life. */
function talk(device: Device, protocol: ReturnType<typeof graphqlProtocol>, { services, messageRate, log }: WebSocketDeps) {
  const { socket } = device
  socket.on('error', (err) => log.info({ err }, 'a socket failed'))
  socket.on('pong', () => {
    device.unanswered = 0
    if (device.sessionId) services.presence.signOfLife(device.sessionId)
  })
  if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL) return socket.close(OTHER_PROTOCOL, `Speak ${GRAPHQL_TRANSPORT_WS_PROTOCOL}`)
  const rate = new MessageRate(messageRate)
  const closed = protocol.opened(
    {
      protocol: socket.protocol,
      send: (data) => answer(device, data),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (receive) => {
        socket.on('message', (data: Buffer, isBinary: boolean) => {
          // What had already come in when the socket was closed.
          if (socket.readyState !== socket.OPEN) return
          if (isBinary) return socket.close(BAD_REQUEST, 'Only text is understood')
          if (rate.isExceeded()) return socket.close(TRY_AGAIN_LATER, 'Too many messages')
          const message = readMessage(data.toString('utf8'))
          if (message === null) return socket.close(BAD_REQUEST, 'Not a message of graphql-transport-ws')
          receive(message).catch((err: unknown) => {
            log.error({ err }, 'a message could not be handled')
            // Not 4500, after which clients never come back.
            socket.close(TRY_AGAIN_LATER, 'Unexpected error')
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
