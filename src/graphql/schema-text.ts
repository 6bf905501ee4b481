import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type GraphQLSchema, printSchema } from 'graphql'
import { Refusal } from '../errors.ts'
import type { AddressLimit } from './address-limit.ts'
import { refuseForeignPages } from './browsers.ts'
import { clientOf, type TrustedProxies } from './client.ts'
import { identify, type Services } from './context.ts'

export interface SchemaTextDeps {
  readonly schema: GraphQLSchema
  readonly services: Services
  readonly addresses: AddressLimit
  readonly isAllowedOrigin: (origin: string) => boolean
  readonly isTrustedProxy: TrustedProxies
  /** In production the schema is for admins alone, whichever way it is asked for. */
  readonly hidesSchema: boolean
}

/** The schema as a file, so that who generates an SDK needs no introspection. Printed at the first question: most processes are never asked. */
export function serveSchemaText(deps: SchemaTextDeps) {
  let printed: { readonly text: string; readonly etag: string } | undefined

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      throw new Refusal('METHOD_NOT_ALLOWED')
    }
    await admit(request, deps)
    printed ??= print(deps.schema)
    const headers = { etag: printed.etag, 'cache-control': 'private, no-cache', vary: 'authorization' }
    if (knows(request, printed.etag)) return void response.writeHead(304, headers).end()
    response.writeHead(200, { ...headers, 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(printed.text) })
    response.end(printed.text)
  }
}

/** As an introspection is admitted; who sent a token that is not good is told so, for a new one may be all that is missing. */
async function admit(request: IncomingMessage, deps: SchemaTextDeps) {
  const { services, addresses, isAllowedOrigin, isTrustedProxy, hidesSchema } = deps
  refuseForeignPages(request, isAllowedOrigin)
  const { viewer, refusal } = await identify(services, request.headers.authorization ?? null)
  if (!viewer && !refusal?.retryable) await addresses.admit(clientOf(request, isTrustedProxy).address)
  if (hidesSchema && viewer?.systemRole !== 'ADMIN') throw refusal ?? new Refusal('INTROSPECTION_DISABLED')
}

function print(schema: GraphQLSchema) {
  const text = `${printSchema(schema)}\n`
  return { text, etag: `"${createHash('sha256').update(text).digest('base64url')}"` }
}

/** Proxies that compress make an ETag a weak one. */
const knows = ({ headers }: IncomingMessage, etag: string): boolean =>
  (headers['if-none-match'] ?? '').split(',').some((known) => known.trim().replace(/^W\//, '') === etag)
