import type { IncomingMessage, ServerResponse } from 'node:http'
import { type GraphQLSchema, OperationTypeNode } from 'graphql'
import { createYoga } from 'graphql-yoga'
import { Refusal } from '../errors.ts'
import type { AddressLimit } from './address-limit.ts'
import { isPreflighted, refuseForeignPages } from './browsers.ts'
import { clientOf, type TrustedProxies } from './client.ts'
import { type Identified, identify, type Services } from './context.ts'
import type { Execution } from './execution.ts'
import { type ServerContext, useExecution } from './execution-plugin.ts'
import type { Admitted, Guard, Refused } from './guard.ts'
import type { HttpStreams } from './http-streams.ts'
import { refuseTokenInAddress, requestOf, requestOfAddress } from './request.ts'
import { readJson } from './request-body.ts'
import { type Framing, framingFor, framingPreferred } from './stream-framings.ts'

export interface HttpDeps {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly guard: Guard
  readonly execution: Execution
  readonly addresses: AddressLimit
  readonly streams: HttpStreams
  readonly path: string
  readonly isAllowedOrigin: (origin: string) => boolean
  readonly isTrustedProxy: TrustedProxies
}

/** GraphQL over POST, GET and streams. Throws the refusals that are answered before there is a GraphQL result. */
export function serveHttp(deps: HttpDeps) {
  const { services, guard, addresses, streams, isAllowedOrigin, isTrustedProxy } = deps
  const yoga = yogaFor(deps)

  return async (request: IncomingMessage, response: ServerResponse, address: URL): Promise<void> => {
    // What a browser asks before it sends.
    if (request.method === 'OPTIONS') return yoga(request, response)
    if (request.method !== 'POST' && request.method !== 'GET') throw notAllowed(response, 'GET, POST')
    refuseForeignPages(request, isAllowedOrigin)
    letPageRead(request, response)
    refuseTokenInAddress(address.searchParams)
    const client = clientOf(request, isTrustedProxy)
    const identity = await identify(services, request.headers.authorization ?? null)
    // Who cannot be known while something is away is no stranger.
    if (!identity.viewer && !identity.refusal?.retryable) await addresses.admit(client.address)
    const asked = request.method === 'POST' ? requestOf(await readJson(request)) : requestOfAddress(address.searchParams)
    const verdict = guard.admit(asked, identity)
    if (request.method === 'GET') refuseByAddress(request, response, verdict)
    const framing = framingOf(request, verdict)
    if (framing) return streams.serve(response, framing, verdict, { identity, client })
    return yoga(request, response, { verdict, identity, client })
  }
}

/** Refusals and streams too, and whatever the page says of credentials: none of ours is a cookie. */
function letPageRead({ headers: { origin } }: IncomingMessage, response: ServerResponse) {
  response.setHeader('vary', 'origin')
  if (origin === undefined) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-allow-credentials', 'true')
}

/** An address can be sent by a link: it changes nothing, and the sender has shown that it is no link. */
function refuseByAddress(request: IncomingMessage, response: ServerResponse, verdict: Admitted | Refused) {
  if ('kind' in verdict && verdict.kind === OperationTypeNode.MUTATION) throw notAllowed(response, 'POST')
  if (!isPreflighted(request))
    throw new Refusal('CSRF_BLOCKED', { sentence: 'A GET needs a bearer token, a header x-neda-csrf, or content-type: application/json.' })
}

/** As which stream it is answered; null: as one answer. What goes on and on has no place in that. */
function framingOf({ headers: { accept } }: IncomingMessage, verdict: Admitted | Refused): Framing | null {
  if ('errors' in verdict) return framingPreferred(accept)
  if (verdict.kind !== OperationTypeNode.SUBSCRIPTION) return null
  const framing = framingFor(accept)
  if (!framing) throw new Refusal('BAD_REQUEST', { sentence: WAYS_TO_SUBSCRIBE })
  return framing
}

const WAYS_TO_SUBSCRIBE =
  'A subscription needs a WebSocket (graphql-transport-ws), accept: text/event-stream, or accept: multipart/mixed;subscriptionSpec=1.0.'

function notAllowed(response: ServerResponse, methods: string): Refusal {
  response.setHeader('allow', methods)
  return new Refusal('METHOD_NOT_ALLOWED')
}

type Given = Pick<ServerContext, 'verdict'> & { readonly identity: Identified; readonly client: ReturnType<typeof clientOf> }

/** What is answered once: queries, mutations, and what is wrong with a request. */
function yogaFor({ schema, services, execution, path, isAllowedOrigin }: HttpDeps) {
  return createYoga<{ req: IncomingMessage; res: ServerResponse } & Given>({
    schema,
    graphqlEndpoint: path,
    plugins: [useExecution(execution)],
    context: ({ identity, client }) => ({ ...services, ...identity, client, connection: null, connectionId: null }),
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
}
