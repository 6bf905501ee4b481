import { type GraphQLField, type GraphQLSchema, getNamedType, isCompositeType, isLeafType, isObjectType } from 'graphql'
import { TypedDocumentString } from '../generated/operations.ts'
import type { Answer, Client, Socket, Subscription } from '../support/client.ts'

export const TRANSPORTS = ['POST', 'SSE', 'WebSocket'] as const
export type Transport = (typeof TRANSPORTS)[number]

export type Data = Record<string, unknown>
export type Variables = Readonly<Record<string, unknown>>

/** Who asks: a token, and the socket that was opened with it. */
export interface Line {
  readonly client: Client
  readonly socket: Socket
}

export const operation = (text: string) => new TypedDocumentString<Data, Variables>(text)

/** One request over one transport. A socket that is not let in answers by its close code. */
export async function ask(transport: Transport, { client, socket }: Line, text: string, variables: Variables): Promise<Answer<Data>> {
  if (transport === 'POST') return client.ask(operation(text), variables)
  if (transport === 'WebSocket') return socket.ask(operation(text), variables).catch(closed)
  await using stream = await client.subscribeSse(operation(text), variables)
  return await stream.received.next()
}

export const open = (transport: Transport, { client, socket }: Line, text: string, variables: Variables): Promise<Subscription<Data>> =>
  transport === 'SSE' ? client.subscribeSse(operation(text), variables) : Promise.resolve(socket.subscribe(operation(text), variables))

const CLOSED: Readonly<Record<number, string>> = { 4401: 'SESSION_REVOKED', 4403: 'UNAUTHENTICATED' }

function closed(event: unknown): Answer<Data> {
  const { code, reason } = event as { code?: number; reason?: string }
  const message = `closed ${code} ${reason}`
  return { errors: [{ message, extensions: { code: CLOSED[code ?? 0] ?? message } }] }
}

/** Asks for a root field with all its arguments as variables. `part` is the field of its answer that matters, if not the whole. */
export function documentFor(schema: GraphQLSchema, path: string, part?: string): string {
  const [root = '', name = ''] = path.split('.')
  const type = schema.getType(root)
  const field = isObjectType(type) ? type.getFields()[name] : undefined
  if (!field) throw new Error(`there is no ${path}`)
  const defined = field.args.map((argument) => `$${argument.name}: ${String(argument.type)}`).join(', ')
  const given = field.args.map((argument) => `${argument.name}: $${argument.name}`).join(', ')
  const brackets = (text: string) => (text ? `(${text})` : '')
  return `${root.toLowerCase()} ${brackets(defined)} { ${name}${brackets(given)} ${selection(field, part)} }`
}

/** All fields of a type, without what is in them. */
export function fieldsOf(schema: GraphQLSchema, typeName: string): string {
  const type = schema.getType(typeName)
  if (!isObjectType(type)) throw new Error(`there is no type ${typeName}`)
  return Object.values(type.getFields())
    .map((field) => `${field.name} ${selection(field)}`)
    .join(' ')
}

function selection(field: Pick<GraphQLField<unknown, unknown>, 'type'>, part?: string): string {
  const type = getNamedType(field.type)
  if (isLeafType(type)) return ''
  const fields = isObjectType(type) ? type.getFields() : {}
  const wanted = ['edges', 'userErrors', ...(part ? [part] : [])].flatMap((name) => fields[name] ?? [])
  return `{ __typename ${wanted.map((it) => `${it.name} ${isCompositeType(getNamedType(it.type)) ? '{ __typename }' : ''}`).join(' ')} }`.replace(
    'userErrors { __typename }',
    'userErrors { code }',
  )
}

/** What an answer comes to, in the words of the table, for the value at a path such as `talkBursts.edges.0.node.id`. */
export function verdict({ data, errors }: Answer<Data>, path: string): string {
  const parts = path.split('.')
  // The error of the value itself, or of what it would stand in, or of the whole request.
  const error = errors?.find(({ path: at = [] }) => at.every((part, index) => String(part) === parts[index]))
  if (error) return error.extensions?.code ?? `an error without code: ${error.message}`
  let value: unknown = data
  for (const part of parts) {
    value = (value as Data | null | undefined)?.[part]
    if (value === null) return 'NULL'
  }
  if (value === undefined) return 'MISSING'
  const { edges, userErrors } = value as { edges?: unknown; userErrors?: readonly { code: string }[] }
  return userErrors?.[0]?.code ?? (isEmpty(edges) || isEmpty(value) ? 'EMPTY' : 'OK')
}

const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0
