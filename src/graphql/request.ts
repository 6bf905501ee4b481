import { badInput, Refusal } from '../errors.ts'

type Values = Readonly<Record<string, unknown>>

/** What a client asks for, whichever transport it came over. The shape is right; nothing else has been looked at. */
export interface GraphQLRequest {
  /** The text of the document; empty: it is named by its id instead. */
  readonly query: string
  /** The SHA-256 of a document that is known in advance. */
  readonly documentId: string | null
  readonly operationName: string | null
  readonly variables: Values
}

/** Of what was JSON: the body of a POST, the parameters of a GET, the payload of a message. */
export function requestOf(body: unknown): GraphQLRequest {
  if (Array.isArray(body)) throw new Refusal('BATCHING_NOT_SUPPORTED')
  if (!isObject(body)) throw malformed('A request is one JSON object.')
  const { query, documentId, operationName, variables, extensions } = body
  if (!isTextOrNothing(query)) throw malformed('The query is a text.')
  if (!isTextOrNothing(documentId)) throw malformed('The documentId is a text.')
  if (!isTextOrNothing(operationName)) throw malformed('The operationName is a text.')
  if (!isObjectOrNothing(variables)) throw malformed('The variables are an object.')
  if (!isObjectOrNothing(extensions)) throw malformed('The extensions are an object.')
  const id = documentId ?? persisted(extensions?.persistedQuery)
  if (!query && id === null) throw malformed('There is no query.')
  return { query: query ?? '', documentId: id, operationName: operationName || null, variables: variables ?? {} }
}

/** As Apollo's clients name a document. */
function persisted(link: unknown): string | null {
  if (link === undefined || link === null) return null
  if (isObject(link) && typeof link.sha256Hash === 'string') return link.sha256Hash
  throw malformed('A persistedQuery has a sha256Hash.')
}

/** The same of an address, where everything is text. */
export function requestOfAddress(parameters: URLSearchParams): GraphQLRequest {
  const said = Object.fromEntries(parameters)
  return requestOf({ ...said, variables: json(said.variables), extensions: json(said.extensions) })
}

/** Addresses are kept in logs and histories: no place for a secret. */
export function refuseTokenInAddress(parameters: URLSearchParams): void {
  for (const name of parameters.keys())
    if (SECRET_NAME.test(name))
      throw new Refusal('UNAUTHENTICATED', { sentence: 'A token belongs into the Authorization header, never into an address.' })
}

const SECRET_NAME = /^(access|refresh|id|auth)?[_-]?(token|authorization|bearer|jwt)$/i

/** Whether PostgreSQL can store it, and every client read it: no NUL, no half of a character. */
export const isStorable = (text: string) => text.isWellFormed() && !text.includes('\u0000')

const DEEPEST_VARIABLE = 20

/** What cannot be stored is refused wherever it stands, or it would be an error of the database's somewhere deep. */
export function refuseUnstorable(variables: Values): void {
  const path = unstorableIn(variables, 0)
  if (path) throw badInput(['variables', ...path], 'A text has only whole characters and no NUL, and values are not nested without end.')
}

/** Where in it; null if all is well. */
function unstorableIn(value: unknown, depth: number): string[] | null {
  if (typeof value === 'string') return isStorable(value) ? null : []
  if (typeof value !== 'object' || value === null) return null
  if (depth === DEEPEST_VARIABLE) return []
  for (const [key, part] of Object.entries(value)) {
    if (!isStorable(key)) return []
    const path = unstorableIn(part, depth + 1)
    if (path) return [key, ...path]
  }
  return null
}

function json(text: string | undefined): unknown {
  if (text === undefined || text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('Variables and extensions are JSON.')
  }
}

const isObject = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value)
const isObjectOrNothing = (value: unknown): value is Values | null | undefined => value === undefined || value === null || isObject(value)
const isTextOrNothing = (value: unknown): value is string | null | undefined =>
  value === undefined || value === null || typeof value === 'string'

export const malformed = (sentence: string) => new Refusal('BAD_REQUEST', { sentence })
