import type { Environment } from './environment.ts'
import { asNedaError, fromGraphQL, type GraphQLErrorBody, lost, NedaError } from './errors.ts'

export interface Operation {
  readonly query: string
  readonly variables: unknown
}

export interface Answer {
  readonly data?: Readonly<Record<string, unknown>> | null
  readonly errors?: readonly GraphQLErrorBody[]
}

interface PostOptions {
  readonly accessToken: string | null
  readonly accept: string
  readonly signal: AbortSignal
}

/** Rejects with a NedaError, and never with what `fetch` throws. */
export async function post({ fetch }: Environment, url: string, operation: Operation, options: PostOptions): Promise<Response> {
  const { accessToken, accept, signal } = options
  const headers = {
    'content-type': 'application/json',
    accept,
    ...(accessToken === null ? {} : { authorization: `Bearer ${accessToken}` }),
  }
  try {
    return await fetch(url, { method: 'POST', headers, body: JSON.stringify(operation), signal })
  } catch (error) {
    throw asNedaError(error)
  }
}

/** The one JSON answer of an operation. Its errors are in it; what is no answer of GraphQL is thrown. */
export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text().catch((error: unknown) => Promise.reject(asNedaError(error)))
  const answer = parsed(text)
  if (answer) return answer
  const { status } = response
  throw new NedaError(`The server answered with status ${status}.`, {
    code: status === 401 ? 'UNAUTHENTICATED' : 'NETWORK',
    // A proxy on the way said this, or a page that is no NEDA.
    retryable: status >= 500 || status === 429 || status === 408,
    retryAfterMs: retryAfterMs(response),
  })
}

function parsed(text: string): Answer | null {
  try {
    const answer = JSON.parse(text) as Answer | null
    return answer && typeof answer === 'object' && ('data' in answer || 'errors' in answer) ? answer : null
  } catch {
    // Not JSON: a proxy's page.
    return null
  }
}

/** In seconds or as a date. */
function retryAfterMs({ headers }: Response): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return ms >= 0 ? ms : undefined
}

/** Why there is nothing in an answer; null if there is something. */
export function refusalIn({ data, errors }: Answer): NedaError | null {
  const [error] = errors ?? []
  if (!error) return data ? null : lost('The answer has no data.')
  const hasData = data && Object.values(data).some((value) => value !== null)
  return hasData ? null : fromGraphQL(error)
}

/** How far the server's clock is ahead of ours, where its answers may be looked at; 0 where not. */
export function clockAheadMs({ headers }: Response, wall: number): number {
  const at = Date.parse(headers.get('date') ?? '')
  return Number.isNaN(at) ? 0 : at - wall
}
