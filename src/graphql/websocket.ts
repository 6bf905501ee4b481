import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { CloseCode, GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws'
import { WebSocketServer } from 'ws'
import { Refusal } from '../errors.ts'
import { type ConnectionId, newId } from '../ids.ts'
import { HEARTBEAT_EVERY_MS } from '../realtime/engine.ts'
import { clientOf, type TrustedProxies } from './client.ts'
import { Connection } from './connection.ts'
import { drain } from './drain.ts'
import { MessageRate } from './message-rate.ts'
import { refuseTokenInAddress } from './request.ts'
import { type Device, graphqlProtocol, type ProtocolDeps, readMessage, write } from './websocket-protocol.ts'

export interface WebSocketDeps extends ProtocolDeps {
  readonly path: string
  readonly isAllowedOrigin: (origin: string) => boolean
  readonly isTrustedProxy: TrustedProxies
  /** Messages per second and socket. */
  readonly messageRate: number
  /** How long who talks may go on when the server stops. */
  readonly patienceMs: number
}

const SERVICE_RESTART = 1012
const POLICY_VIOLATION = 1008

const LONGEST_MESSAGE = 64 * 1024
const FINISH_WITHIN_MS = 1_000
const MOST_UNANSWERED = 2
const MOST_BUFFERED = 64 * 1024

/** GraphQL over WebSocket by the graphql-transport-ws protocol, with a ping that keeps joined devices present. */
export function serveWebSocket(server: Server, deps: WebSocketDeps): AsyncDisposable {
  const devices = new Set<Device>()
  const sockets = new WebSocketServer({ noServer: true, maxPayload: LONGEST_MESSAGE, perMessageDeflate: false, handleProtocols })
  const protocol = graphqlProtocol(deps)
  let stopping = false

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = whyNot(request, deps)
    if (refusal) return refuseUpgrade(socket, refusal)
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const client = clientOf(request, deps.isTrustedProxy)
      const device: Device = {
        socket: webSocket,
        raw: socket,
        connection: new Connection(newId<ConnectionId>(), null),
        client,
        sessionId: null,
        unanswered: 0,
      }
      devices.add(device)
      webSocket.once('close', () => {
        devices.delete(device)
        // Whom we send away comes back: it keeps the whole of its leases for that.
        if (device.sessionId && !stopping) deps.services.presence.connectionClosed(device.sessionId, device.connection.id)
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
        isTalking: ({ connection }) => deps.services.floor.isTalking(connection.id),
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

function refuseUpgrade(socket: Duplex, { status }: Refusal) {
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** Whoever speaks another protocol only is let in to be told so: a failed handshake says nothing. */
const handleProtocols = (offered: Set<string>) =>
  offered.has(GRAPHQL_TRANSPORT_WS_PROTOCOL) ? GRAPHQL_TRANSPORT_WS_PROTOCOL : ([...offered][0] ?? false)

/** One that answers no ping is gone, though TCP may not know it for minutes. */
function ping(device: Device) {
  if (!device.sessionId) return
  if (device.unanswered >= MOST_UNANSWERED) return device.socket.terminate()
  device.unanswered += 1
  device.socket.ping()
}

/** Connects a socket with the protocol, and notes every sign of life. */
function talk(device: Device, protocol: ReturnType<typeof graphqlProtocol>, { services, messageRate, log }: WebSocketDeps) {
  const { socket } = device
  socket.on('error', (err) => log.info({ err }, 'a socket failed'))
  socket.on('pong', () => {
    device.unanswered = 0
    if (device.sessionId) services.presence.signOfLife(device.sessionId)
  })
  if (socket.protocol !== GRAPHQL_TRANSPORT_WS_PROTOCOL)
    return socket.close(CloseCode.SubprotocolNotAcceptable, `Speak ${GRAPHQL_TRANSPORT_WS_PROTOCOL}`)
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
          if (isBinary) return socket.close(CloseCode.BadRequest, 'Only text is understood')
          if (rate.isExceeded()) return socket.close(POLICY_VIOLATION, 'Too many messages')
          const message = readMessage(data.toString('utf8'))
          if (message === null) return socket.close(CloseCode.BadRequest, 'Not a message of graphql-transport-ws')
          receive(message).catch((err: unknown) => {
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
