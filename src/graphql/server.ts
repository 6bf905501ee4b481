import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createYoga } from 'graphql-yoga'
import type { Config } from '../config.ts'
import { Refusal } from '../errors.ts'
import { type ConnectionId, newId } from '../ids.ts'
import type { Webhook } from '../integrations/livekit/media-server.ts'
import type { Logger } from '../logger.ts'
import type { OpenStreams } from '../realtime/open-streams.ts'
import { identify, type Services } from './context.ts'
import { Documents } from './documents.ts'
import { Execution } from './execution.ts'
import { useExecution } from './execution-plugin.ts'
import { createGraphiql, type Demo } from './graphiql.ts'
import { readJson, readText } from './request-body.ts'
import { schema } from './schema.ts'
import { serveWebSocket } from './websocket.ts'

export interface ServerDeps {
  readonly config: Pick<Config, 'host' | 'port' | 'publicUrl' | 'allowedOrigins'>
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
/** Where LiveKit reports what happens in rooms. */
const WEBHOOK = '/webhooks/livekit'
/** How long open requests may take to finish when the server stops. */
const FINISH_WITHIN_MS = 1_000

/** One HTTP server: GraphQL over POST, SSE and WebSocket, GraphiQL for a browser, LiveKit's reports, and two questions for who operates it. */
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
  const documents = new Documents(schema)
  const execution = new Execution(log)
  const graphiql = createGraphiql({ endpoint: ENDPOINT, demo })
  const isAllowedOrigin = originRule(config, () => (server.address() as AddressInfo).port)

  const yoga = createYoga<{ req: IncomingMessage }>({
    schema,
    graphqlEndpoint: ENDPOINT,
    plugins: [useExecution({ documents, execution, log })],
    context: async ({ request }) => ({
      ...services,
      ...(await identify(services, request.headers.get('authorization'))),
      connectionId: request.headers.get('accept')?.includes('text/event-stream') ? newId<ConnectionId>() : null,
    }),
    cors: (request) => {
      const origin = request.headers.get('origin')
      return origin !== null && isAllowedOrigin(origin) ? { origin, methods: ['GET', 'POST'], maxAge: 600 } : false
    },
    // The body has been read and counted, errors are for clients already, documents are cached: nothing of it twice.
    maxRequestBodySize: false,
    multipart: false,
    batching: false,
    maskedErrors: false,
    parserAndValidationCache: false,
    graphiql: false,
    landingPage: false,
    logging: false,
  })

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/healthz') return say(response, 200, { status: 'ok' })
    if (pathname === '/readyz')
      return (await ready()) ? say(response, 200, { status: 'ready' }) : say(response, 503, { status: 'not ready' })
    if (pathname === '/') return response.writeHead(302, { location: ENDPOINT }).end()
    if (pathname === WEBHOOK && webhook) return hear(webhook, request, response)
    if (pathname !== ENDPOINT) return refuse(response, new Refusal('NOT_FOUND'))
    if (request.method === 'GET' && request.headers.accept?.includes('text/html')) return graphiql(request, response)
    if (request.method === 'POST') Object.assign(request, { body: await readJson(request) })
    response.setHeader('x-accel-buffering', 'no')
    return yoga(request, response)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!(error instanceof Refusal)) log.error({ err: error }, 'a request could not be answered')
      if (!response.headersSent) refuse(response, error instanceof Refusal ? error : new Refusal('INTERNAL_SERVER_ERROR'))
    })
  })
  const webSocket = serveWebSocket(server, {
    schema,
    services,
    streams,
    documents,
    execution,
    path: ENDPOINT,
    isAllowedOrigin,
    patienceMs,
    log,
  })
  server.listen(config.port, config.host)
  await once(server, 'listening').catch((cause: unknown) => {
    throw new Error(`NEDA cannot listen on ${config.host} port ${config.port} (HOST, PORT): ${String(cause)}`, { cause })
  })

  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = close(server)
      await webSocket[Symbol.asyncDispose]()
      await closed
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

/** Browsers come from our own pages or from an allowed origin; watches and phones send no origin at all. */
function originRule({ publicUrl, allowedOrigins, host }: ServerDeps['config'], port: () => number): (origin: string) => boolean {
  const own = new URL(publicUrl).origin
  const names = ['localhost', '127.0.0.1', '[::1]', host]
  return (origin) => origin === own || allowedOrigins.includes(origin) || names.some((name) => origin === `http://${name}:${port()}`)
}

async function hear(webhook: Webhook, request: IncomingMessage, response: ServerResponse) {
  if (request.method !== 'POST') return response.writeHead(405, { allow: 'POST', connection: 'close' }).end()
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/(webhook\+)?json\s*(;|$)/i.test(type)) return response.writeHead(415, { connection: 'close' }).end()
  return response.writeHead(await webhook(await readText(request), request.headers.authorization)).end()
}

function say(response: ServerResponse, status: number, body: object) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}

function refuse(response: ServerResponse, { status, message, code, retryable }: Refusal) {
  // What is left of a body that was not read would be taken for the next request.
  response.setHeader('connection', 'close')
  say(response, status, { errors: [{ message, extensions: { code, retryable } }] })
}
