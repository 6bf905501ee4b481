import { type ExecutionResult, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { type RefusalCode, statusOf } from '../errors.ts'
import type { Context } from './context.ts'
import type { Execution } from './execution.ts'
import type { Admitted, Refused } from './guard.ts'

/** What Yoga is given with a request: it has been read and looked at already. */
export interface ServerContext {
  readonly verdict: Admitted | Refused
}

/** Leaves to Yoga what is HTTP about a result: media types and statuses. */
export const useExecution = (execution: Execution): Plugin<Context & ServerContext, ServerContext> => ({
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
