import type { ServerResponse } from 'node:http'
import { type ExecutionResult, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { type RefusalCode, statusOf } from '../errors.ts'
import type { Context } from './context.ts'
import type { Execution } from './execution.ts'
import type { Admitted, Refused } from './guard.ts'
import type { Places } from './places.ts'

export interface ExecutionPluginDeps {
  readonly execution: Execution
  /** The open streams of each user. */
  readonly places: Places
}

/** What Yoga is given with a request: it has been read and looked at already. */
export interface ServerContext {
  readonly verdict: Admitted | Refused
  readonly res: ServerResponse
}

/** Leaves to Yoga what is HTTP about a result: media types, statuses, event streams. */
export const useExecution = ({ execution, places }: ExecutionPluginDeps): Plugin<Context & ServerContext, ServerContext> => ({
  onRequestParse: ({ serverContext: { verdict }, setRequestParser }) => {
    const { operationName, variables } = 'errors' in verdict ? NOTHING : verdict
    setRequestParser(() => ({ query: 'prepared', variables, ...(operationName === null ? {} : { operationName }) }))
  },
  onParse: ({ context: { verdict }, setParseFn, setParsedDocument }) => {
    if ('document' in verdict) return setParsedDocument(verdict.document)
    setParseFn(() => {
      throw new AggregateError(verdict.errors.map(withStatus))
    })
  },
  onValidate: ({ setResult }) => setResult([]),
  onExecute: ({ setExecuteFn }) => setExecuteFn(async (args) => withStatuses(await execution.execute(args))),
  onSubscribe: ({ args: { contextValue }, setSubscribeFn }) => {
    const { viewer, connectionId, presence, res } = contextValue
    setSubscribeFn(async (args) => {
      const events = await execution.subscribe(args, {
        take: () => (viewer ? places.take(viewer.id) : () => undefined),
        onClose: () => {
          if (viewer && connectionId) presence.connectionClosed(viewer.sessionId, connectionId)
        },
      })
      if (!('return' in events)) return withStatuses(events)
      // Yoga ends a stream that it has begun to send; a reader who left before that would leave it open.
      const end = () => void events.return()
      if (res.closed) end()
      else res.once('close', end)
      return events
    })
  },
})

const NOTHING = { operationName: null, variables: {} }

/** By the listed status, unless something of the answer is there. */
function withStatuses(result: ExecutionResult): ExecutionResult {
  const hasData = result.data !== null && result.data !== undefined
  return result.errors && !hasData ? { ...result, errors: result.errors.map(withStatus) } : result
}

/** For clients that ask for application/graphql-response+json; 200 for the others (GraphQL over HTTP). */
const withStatus = (error: GraphQLError) =>
  new GraphQLError(error.message, {
    ...(error.nodes ? { nodes: error.nodes } : {}),
    ...(error.path ? { path: error.path } : {}),
    extensions: { ...error.extensions, http: { spec: true, status: statusOf(error.extensions.code as RefusalCode) } },
  })
