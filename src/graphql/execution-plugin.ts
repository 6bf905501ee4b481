import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Logger } from '../logger.ts'
import type { Context } from './context.ts'
import type { Documents } from './documents.ts'
import type { Execution } from './execution.ts'
import { toClientError } from './refusals.ts'

export interface ExecutionPluginDeps {
  readonly documents: Documents
  readonly execution: Execution
  readonly log: Logger
}

/** Makes Yoga parse, validate and execute as every other transport does. */
export const useExecution = ({ documents, execution, log }: ExecutionPluginDeps): Plugin<Context> => ({
  onParse: ({ params, setParseFn, setParsedDocument }) => {
    const prepared = documents.prepare(String(params.source))
    if ('document' in prepared) return setParsedDocument(prepared.document)
    setParseFn(() => {
      throw new AggregateError(prepared.errors.map((error) => withStatus(toClientError(error, log))))
    })
  },
  onValidate: ({ setResult }) => setResult([]),
  onExecute: ({ setExecuteFn }) => setExecuteFn(execution.execute),
  onSubscribe: ({ args, setSubscribeFn }) => {
    const { viewer, connectionId, presence } = args.contextValue as Context
    setSubscribeFn((toSubscribe) =>
      execution.subscribe(toSubscribe, () => {
        if (viewer && connectionId) presence.connectionClosed(viewer.sessionId, connectionId)
      }),
    )
  },
})

/** 400 for clients that ask for application/graphql-response+json; 200 for the others (GraphQL over HTTP). */
const withStatus = (error: GraphQLError) =>
  new GraphQLError(error.message, {
    ...(error.nodes ? { nodes: error.nodes } : {}),
    extensions: { ...error.extensions, http: { spec: true, status: 400 } },
  })
