import { ApolloClient, ApolloLink, CombinedGraphQLErrors, CombinedProtocolErrors, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createSocketClient } from 'graphql-ws'
import type { TypedDocumentString } from '../generated/operations.ts'
import type { Answer, Client, Subscription } from './client.ts'
import { Received } from './received.ts'

/** The clients that people use, as their documentation sets them up, and how each of them subscribes. */
export const CLIENTS = ['Apollo over HTTP', 'Apollo over WebSocket', 'graphql-sse', 'graphql-ws'] as const
export type ClientName = (typeof CLIENTS)[number]
export const OVER_HTTP = ['Apollo over HTTP', 'graphql-sse'] as const

export interface Subscribed<Result> extends Subscription<Result> {
  /** What the client itself says is wrong: not an answer, but that none comes. */
  readonly faults: unknown[]
}

type Device = Pick<Client, 'url' | 'accessToken'>

interface Sink<Result> {
  readonly next: (answer: Answer<Result>) => void
  readonly error: (fault: unknown) => void
  readonly complete: () => void
}

export function subscribeWith<Result, Variables extends object>(
  name: ClientName,
  device: Device,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Subscribed<Result> {
  const received = new Received<Answer<Result>>()
  const faults: unknown[] = []
  const sink: Sink<Result> = {
    next: (answer) => received.add(answer),
    error: (fault) => {
      faults.push(fault)
      received.end()
    },
    complete: () => received.end(),
  }
  const stop = SUBSCRIBE[name](device, document.toString(), { ...variables } as Record<string, unknown>, sink as Sink<unknown>)
  return { received, faults, [Symbol.asyncDispose]: async () => stop() }
}

type Subscribe = (device: Device, query: string, variables: Record<string, unknown>, sink: Sink<unknown>) => () => void

const authorizationOf = ({ accessToken }: Device) => (accessToken === null ? {} : { authorization: `Bearer ${accessToken}` })
const socketUrlOf = ({ url }: Device) => url.replace('http', 'ws')

const SUBSCRIBE: Readonly<Record<ClientName, Subscribe>> = {
  'Apollo over HTTP': (device, query, variables, sink) =>
    apollo(new HttpLink({ uri: device.url, headers: authorizationOf(device) }), query, variables, sink),
  'Apollo over WebSocket': (device, query, variables, sink) => {
    const socket = createSocketClient({ url: socketUrlOf(device), connectionParams: authorizationOf(device), retryAttempts: 0 })
    const stop = apollo(new GraphQLWsLink(socket), query, variables, sink)
    return () => {
      stop()
      void socket.dispose()
    }
  },
  'graphql-sse': (device, query, variables, { next, error, complete }) => {
    const client = createSseClient({ url: device.url, headers: authorizationOf(device), retryAttempts: 0 })
    client.subscribe({ query, variables }, { next: (answer) => next(answer as Answer<unknown>), error, complete })
    return () => client.dispose()
  },
  'graphql-ws': (device, query, variables, { next, error, complete }) => {
    const client = createSocketClient({ url: socketUrlOf(device), connectionParams: authorizationOf(device), retryAttempts: 0 })
    client.subscribe(
      { query, variables },
      {
        next: (answer) => next(answer as Answer<unknown>),
        // What is wrong with the request comes as a list of errors; all else is the socket's.
        error: (fault) => {
          if (!Array.isArray(fault)) return error(fault)
          next({ errors: fault })
          complete()
        },
        complete,
      },
    )
    return () => void client.dispose()
  },
}

function apollo(link: ApolloLink, query: string, variables: Record<string, unknown>, sink: Sink<unknown>): () => void {
  const client = new ApolloClient({ link, cache: new InMemoryCache() })
  const subscription = client.subscribe({ query: gql(query), variables, fetchPolicy: 'no-cache', errorPolicy: 'all' }).subscribe({
    next: ({ data, error }) => {
      if (CombinedProtocolErrors.is(error)) return sink.error(error)
      const errors = CombinedGraphQLErrors.is(error) ? (error.errors as NonNullable<Answer<unknown>['errors']>) : null
      if (error && !errors) return sink.error(error)
      sink.next({ data, ...(errors ? { errors } : {}) })
    },
    error: sink.error,
    complete: sink.complete,
  })
  return () => {
    subscription.unsubscribe()
    client.stop()
  }
}
