import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GraphQLError } from 'graphql'
import type { Config } from '../config.ts'
import { Refusal, type RefusalCode, statusOf } from '../errors.ts'
import type { Webhook } from '../integrations/livekit/media-server.ts'
import type { Logger } from '../logger.ts'
import type { OpenStreams } from '../realtime/open-streams.ts'
import { AddressLimit } from './address-limit.ts'
import { Admission } from './admission.ts'
import { originRule, SECURITY_HEADERS } from './browsers.ts'
import { trustedProxies } from './client.ts'
import type { Services } from './context.ts'
import { Execution } from './execution.ts'
import { createGraphiql, type Demo } from './graphiql.ts'
import { Guard } from './guard.ts'
import { serveHttp } from './http.ts'
import { HttpStreams } from './http-streams.ts'
import { Places } from './places.ts'
import { toClientError } from './refusals.ts'
import { readText } from './request-body.ts'
import { schema } from './schema.ts'
import { serveSchemaText } from './schema-text.ts'
import { readTrustedDocuments } from './trusted-documents.ts'
import { serveWebSocket } from './websocket.ts'

export interface ServerDeps {
  readonly config: Pick<Config, 'environment' | 'host' | 'port' | 'publicUrl' | 'allowedOrigins' | 'trustedProxies' | 'transports'>
  readonly services: Services
  readonly streams: OpenStreams
  /** Whether presses are answered now: false while starting, stopping or cut off. */
  readonly ready: () => Promise<boolean>
  /** How long who talks may go on when the server stops: none, if its burst ends with this process. */
  readonly patienceMs: number
  /** Null: there is no media server that could report anything. */
  readonly webhook: Webhook | null
  /** Null: this is no place for demo people. */
  readonly demo: Demo | null
  readonly log: Logger
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string
}

const ENDPOINT = '/graphql'
/** The schema as a file. */
const SCHEMA = '/schema.graphql'
/** Where LiveKit reports what happens in rooms. */
const WEBHOOK = '/webhooks/livekit'
/** How long open requests may take to finish when the server stops. */
const FINISH_WITHIN_MS = 1_000
/** Who sends slowly, or nothing, holds a connection no longer than this: 10 s for the headers, 20 s for the whole. Looked at twice a second. */
const TIMES = { headersTimeout: 9_500, requestTimeout: 19_500, connectionsCheckingInterval: 500 }

/** One HTTP server: GraphQL over POST, streams and WebSocket, GraphiQL for a browser, LiveKit's reports, and two questions for who operates it. */
export async function startServer({
  config,
  services,
  streams,
  ready,
  patienceMs,
  webhook,
  demo,
  log,
}: ServerDeps): Promise<RunningServer> {
  const { transports } = config
  const trusted = await readTrustedDocuments(transports.trustedDocuments, log)
  const hidesSchema = config.environment === 'production'
  const guard = new Guard({ schema, trusted, hidesSchema, log })
  const execution = new Execution(log)
  const admission = new Admission(transports.openingsPerSecond)
  const isAllowedOrigin = originRule(config, () => (server.address() as AddressInfo).port)
  const shared = {
    schema,
    services,
    guard,
    execution,
    addresses: new AddressLimit(transports.requestsPerAddress),
    admission,
    path: ENDPOINT,
    isAllowedOrigin,
    isTrustedProxy: trustedProxies(config.trustedProxies),
    log,
  }
  const graphiql = transports.graphiql ? createGraphiql({ endpoint: ENDPOINT, demo }) : null
  const httpStreams = new HttpStreams({
    ...shared,
    places: new Places(transports.streamsPerUser),
    heartbeats: transports.heartbeats,
    patienceMs,
  })
  const graphql = serveHttp({ ...shared, streams: httpStreams })
  const schemaText = serveSchemaText({ ...shared, hidesSchema })

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    for (const [name, value] of SECURITY_HEADERS) response.setHeader(name, value)
    const address = addressOf(request)
    const { pathname } = address
    if (pathname === '/healthz') return say(response, 200, { status: 'ok' })
    if (pathname === '/readyz')
      return (await ready()) ? say(response, 200, { status: 'ready' }) : say(response, 503, { status: 'not ready' })
    if (pathname === '/' && graphiql) return response.writeHead(302, { location: ENDPOINT }).end()
    if (pathname === WEBHOOK && webhook) return hear(webhook, request, response)
    if (pathname === SCHEMA) return schemaText(request, response)
    if (pathname !== ENDPOINT) throw new Refusal('NOT_FOUND')
    if (graphiql && request.method === 'GET' && request.headers.accept?.includes('text/html')) return graphiql(request, response)
    return graphql(request, response, address)
  }

  const server = createServer(TIMES, (request, response) => {
    answer(request, response).catch((error: unknown) => refuse(request, response, error, log))
  })
  const webSocket = serveWebSocket(server, {
    ...shared,
    streams,
    places: new Places(transports.subscriptionsPerSocket),
    messageRate: transports.messagesPerSocket,
    unknownSockets: transports.unknownSockets,
    heartbeats: transports.heartbeats,
    patienceMs,
  })
  server.listen(config.port, config.host)
  await once(server, 'listening').catch((cause: unknown) => {
    throw new Error(`NEDA cannot listen on ${config.host} port ${config.port} (HOST, PORT): ${String(cause)}`, { cause })
  })

  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      // First whoever watches `readyz` learns it, and nobody who was sent away gets in again. Who talks renews by plain requests meanwhile.
      admission[Symbol.dispose]()
      await Promise.all([httpStreams, webSocket].map((one) => one[Symbol.asyncDispose]()))
      await close(server)
    },
  }
}

/** Stops accepting, lets what is being answered finish, then ends what would go on for ever. */
async function close(server: Server) {
  const closed = once(server, 'close')
  server.close()
  server.closeIdleConnections()
  const deadline = setTimeout(() => server.closeAllConnections(), FINISH_WITHIN_MS)
  await closed
  clearTimeout(deadline)
}

async function hear(webhook: Webhook, request: IncomingMessage, response: ServerResponse) {
  if (request.method !== 'POST') return response.writeHead(405, { allow: 'POST', connection: 'close' }).end()
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/(webhook\+)?json\s*(;|$)/i.test(type)) return response.writeHead(415, { connection: 'close' }).end()
  return response.writeHead(await webhook(await readText(request), request.headers.authorization)).end()
}

function say(response: ServerResponse, status: number, body: object, mediaType = 'application/json') {
  response.writeHead(status, { 'content-type': `${mediaType}; charset=utf-8` }).end(JSON.stringify(body))
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, log: Logger) {
  const told = toClientError(new GraphQLError('refused', { originalError: error as Error }), log)
  if (response.headersSent) return
  const { code, retryAfterMs } = told.extensions as { code: RefusalCode; retryAfterMs?: number }
  // What is left of a body that was not read would be taken for the next request.
  response.setHeader('connection', 'close')
  if (retryAfterMs !== undefined) response.setHeader('retry-after', Math.ceil(retryAfterMs / 1_000))
  say(response, statusOf(code), { errors: [told] }, mediaTypeFor(request))
}

/** Both are JSON; who knows GraphQL over HTTP asks for the second. */
const mediaTypeFor = ({ headers }: IncomingMessage) =>
  headers.accept?.includes('application/graphql-response+json') ? 'application/graphql-response+json' : 'application/json'

/** A request may name anything. */
function addressOf({ url = '/' }: IncomingMessage): URL {
  const address = URL.parse(url, 'http://localhost')
  if (!address) throw new Refusal('NOT_FOUND')
  return address
}
