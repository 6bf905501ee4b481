import type { Duplex } from 'node:stream'
import { GraphQLError, type GraphQLSchema } from 'graphql'
import { MessageType, makeServer } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Client } from '../client.ts'
import type { Refusal } from '../errors.ts'
import type { SessionId } from '../ids.ts'
import type { Logger } from '../logger.ts'
import type { OpenStreams } from '../realtime/open-streams.ts'
import { pause } from '../realtime/pause.ts'
import type { AddressLimit } from './address-limit.ts'
import { SESSION_REVOKED, TOKEN_REFUSED, TRY_AGAIN_LATER } from './close-codes.ts'
import type { Connection, TokenOfConnection } from './connection.ts'
import { type Context, type Identity, identify, type Services } from './context.ts'
import type { Events, Execution } from './execution.ts'
import type { Guard } from './guard.ts'
import type { Pinged } from './pings.ts'
import type { Places } from './places.ts'
import { toClientError } from './refusals.ts'
import { requestOf } from './request.ts'

export interface ProtocolDeps {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly streams: OpenStreams
  readonly guard: Guard
  readonly execution: Execution
  readonly addresses: AddressLimit
  /** The subscriptions of each socket. */
  readonly places: Places
  readonly signedIn: (device: Device) => void
  readonly log: Logger
}

/** What we know of one socket. */
export interface Device extends Pinged {
  readonly socket: WebSocket
  /** What the socket writes to. */
  readonly raw: Duplex
  readonly connection: Connection
  readonly client: Client
  /** Proved when the socket was opened. */
  sessionId: SessionId | null
}

/** Why a token is refused is told to nobody: most often this is it. */
const TOKEN_EXPIRED = 'Token expired or not valid'

const INIT_WITHIN_MS = 3_000
const LAST_WORDS_MS = 50
const ANSWERS_WITHIN_MS = 500

/** What an operation over a socket knows of it. */
type Asked = Context & { readonly connection: Connection }

/** The protocol between a socket and the operations. */
export function graphqlProtocol(deps: ProtocolDeps) {
  const { schema, services, guard, execution, addresses, places, log } = deps
  return makeServer<{ authorization?: unknown; Authorization?: unknown }, Device>({
    connectionInitWaitTimeout: INIT_WITHIN_MS,
    execute: (args) => (args.contextValue as Asked).connection.answer(execution.execute(args)),
    subscribe: (args) => execution.subscribe(args, { take: () => places.take((args.contextValue as Asked).connection.id) }),
    onOperation: ({ extra: device }, id, _payload, _args, result) =>
      isEvents(result) ? writeEvents(result, id, device, execution) : undefined,
    // Whatever is thrown here would close the socket with 4500, after which clients never come back.
    onConnect: async ({ extra: device, connectionParams }) => {
      try {
        const authorization = connectionParams?.authorization ?? connectionParams?.Authorization
        const { viewer, refusal, tokenExpiresAt } = await identify(services, typeof authorization === 'string' ? authorization : null)
        // Closed meanwhile: nobody would clean up after it, and its timer would keep the process for as long as the token lasts.
        if (device.socket.readyState !== device.socket.OPEN) return false
        device.sessionId = viewer?.sessionId ?? null
        if (viewer) deps.signedIn(device)
        if (viewer) closeWithSession(viewer.sessionId, device, deps)
        if (viewer && tokenExpiresAt !== null) closeWithToken({ sessionId: viewer.sessionId, expiresAt: tokenExpiresAt }, device)
        if (!refusal) return true
        const code = closeCodeOf(refusal)
        device.socket.close(code, code === TOKEN_REFUSED ? TOKEN_EXPIRED : refusal.message)
      } catch (err) {
        log.error({ err }, 'a socket could not be opened')
        device.socket.close(TRY_AGAIN_LATER, 'Try again later')
      }
      return false
    },
    onSubscribe: async ({ extra: device }, _id, payload) => {
      try {
        const identified = identityOf(device, services)
        const identity = identified instanceof Promise ? await identified : identified
        if (!identity.viewer) await addresses.admit(device.client.address)
        const admitted = guard.admit(requestOf(payload), identity)
        if ('errors' in admitted) return admitted.errors
        return {
          schema,
          document: admitted.document,
          variableValues: admitted.variables,
          operationName: admitted.operationName,
          contextValue: {
            ...services,
            ...identity,
            client: device.client,
            connection: device.connection,
            connectionId: device.connection.id,
          },
        }
      } catch (error) {
        return [toClientError(new GraphQLError('not prepared', { originalError: asError(error) }), log)]
      }
    },
  })
}

const FROM_CLIENTS: ReadonlySet<unknown> = new Set([
  MessageType.ConnectionInit,
  MessageType.Ping,
  MessageType.Pong,
  MessageType.Subscribe,
  MessageType.Complete,
])

/** What is no message that a client may send is null. The rest of it is looked at by graphql-ws, which takes what is parsed already. */
export function readMessage(text: string): string | null {
  try {
    const message = JSON.parse(text) as { type?: unknown; payload?: { query?: unknown } | null } | null
    if (!FROM_CLIENTS.has(message?.type)) return null
    // A document may be named by its hash instead; graphql-ws insists on a text.
    if (message?.type === MessageType.Subscribe && message.payload) message.payload.query ??= ''
    return message as unknown as string
  } catch {
    // It is not JSON, or its payload is nothing that could have a query.
    return null
  }
}

/** A socket ends with the session that opened it. */
function closeWithSession(sessionId: SessionId, device: Device, { streams, services: { auth } }: ProtocolDeps) {
  const lost = () => (auth.isSignedIn(sessionId) ? null : 'SESSION_REVOKED')
  const end = () => void closeSoon(device, SESSION_REVOKED, 'This device has been signed out')
  device.socket.once('close', streams.add({ lost, end }))
}

/** And with the access token, unless the device sends the next one in time (renewConnection). */
function closeWithToken(token: TokenOfConnection, device: Device) {
  device.connection.begin(token)
  const end = () => void closeSoon(device, TOKEN_REFUSED, TOKEN_EXPIRED)
  device.socket.once('close', device.connection.onExpiry(end))
}

/** When what it asked has been answered, such as that it is signed out, and what it watched has been told why; in any case soon. */
async function closeSoon({ socket, connection }: Device, code: number, reason: string) {
  const closed = new AbortController()
  socket.once('close', () => closed.abort())
  const { signal } = closed
  await Promise.race([connection.answered(), pause(ANSWERS_WITHIN_MS, signal)])
  await pause(LAST_WORDS_MS, signal)
  closed.abort()
  socket.close(code, reason)
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

/**
 * Resolves when the socket has taken the text; one that is closed takes anything. So does one that fails: it is about to close, which ends its
 * streams. An error instead would make graphql-ws forget the stream without ending it.
 */
export function write(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve()
    socket.send(text, () => resolve())
  })
}
