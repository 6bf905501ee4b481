import { PothosValidationError } from '@pothos/core'
import { GraphQLError } from 'graphql'
import { isOutage } from '../database/outages.ts'
import { Refusal } from '../errors.ts'
import { newId } from '../ids.ts'
import type { Logger } from '../logger.ts'
import { loggable } from './logged-error.ts'

/** What a client may know of a failure: its code, whether a retry helps, and never more of an unexpected one than that it happened. */
export function toClientError(error: GraphQLError, log: Logger): GraphQLError {
  const refusal = asRefusal(error)
  const requestId = refusal ? null : logged(error, log)
  const { message, code, retryable, field, retryAfterMs } = refusal ?? (isOutage(rootOf(error)) ? OUTAGE : UNEXPECTED)
  return new GraphQLError(message, {
    ...(error.nodes ? { nodes: error.nodes } : {}),
    ...(error.path ? { path: error.path } : {}),
    extensions: {
      code,
      retryable,
      ...(field ? { field } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(requestId === null ? {} : { requestId }),
    },
  })
}

const OUTAGE = new Refusal('SERVICE_UNAVAILABLE')
const UNEXPECTED = new Refusal('INTERNAL_SERVER_ERROR')

/** Answers the id by which who asks about it finds it again. */
function logged(error: GraphQLError, log: Logger): string {
  const requestId = newId()
  const cause = rootOf(error)
  if (isOutage(cause)) log.warn({ err: loggable(cause), path: error.path, requestId }, 'a service did not answer')
  else log.error({ err: loggable(cause), path: error.path, requestId }, 'unexpected error')
  return requestId
}

/** Null: nobody expected this. */
function asRefusal(error: GraphQLError): Refusal | null {
  const cause = rootOf(error)
  if (cause instanceof Refusal) return cause
  // Before its cause is looked at: that one quotes the value too.
  const variable = VARIABLE.exec(error.message)?.groups
  if (variable) return ofVariable(variable, error.message)
  if (cause instanceof PothosValidationError) return new Refusal('BAD_USER_INPUT', { sentence: cause.message.replace(/: .*$/s, '.') })
  if (cause instanceof GraphQLError) return ofArgument(cause.message)
  return null
}

function rootOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootOf(error.originalError) : error
}

const VARIABLE = /^Variable "\$(?<name>\w+)"(?: got invalid value .*? at "(?<path>[\w.[\]]+)")?/s

/** What graphql-js says of variables quotes the value, which may be a password: only the path is kept. */
function ofVariable({ name, path }: Record<string, string | undefined>, message: string): Refusal {
  const missing = /was not provided|of required type/.test(message)
  return new Refusal('BAD_USER_INPUT', {
    sentence: missing ? `Variable $${name} is missing a value at ${path ?? name}.` : `Variable $${name} is not valid at ${path ?? name}.`,
  })
}

const ARGUMENT = /^Argument "(?<name>\w+)"/

/** And so does what it says of arguments. What else it says is of our own making. */
function ofArgument(message: string): Refusal | null {
  if (message.startsWith('Too many errors processing variables')) return new Refusal('BAD_USER_INPUT')
  const { name } = ARGUMENT.exec(message)?.groups ?? {}
  return name === undefined ? null : new Refusal('BAD_USER_INPUT', { sentence: `Argument ${name} is not valid.` })
}
