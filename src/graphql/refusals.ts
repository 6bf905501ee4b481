import { PothosValidationError } from '@pothos/core'
import { GraphQLError } from 'graphql'
import { isOutage } from '../database/outages.ts'
import { Refusal } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** What a client may know of a failure: its code, whether a retry helps, and never more of an unexpected one than that it happened. */
export function toClientError(error: GraphQLError, log: Logger): GraphQLError {
  const refusal = asRefusal(error, log)
  const { code, retryable, field } = refusal
  return new GraphQLError(refusal.message, {
    ...(error.nodes ? { nodes: error.nodes } : {}),
    ...(error.path ? { path: error.path } : {}),
    extensions: { code, retryable, ...(field ? { field } : {}) },
  })
}

function asRefusal(error: GraphQLError, log: Logger): Refusal {
  const cause = rootOf(error)
  if (cause instanceof Refusal) return cause
  // Before its cause is looked at: that one quotes the value too.
  const variable = VARIABLE.exec(error.message)?.groups
  if (variable) return ofVariable(variable, error.message)
  if (cause instanceof PothosValidationError) return new Refusal('BAD_USER_INPUT', { sentence: cause.message })
  if (cause instanceof GraphQLError) return new Refusal('BAD_REQUEST', { sentence: cause.message.replace(/ ?Did you mean .*$/s, '') })
  if (isOutage(cause)) {
    log.warn({ err: cause, path: error.path }, 'a service did not answer')
    return new Refusal('SERVICE_UNAVAILABLE')
  }
  log.error({ err: cause, path: error.path }, 'unexpected error')
  return new Refusal('INTERNAL_SERVER_ERROR')
}

function rootOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? rootOf(error.originalError) : error
}

const VARIABLE = /^Variable "\$(?<name>\w+)"(?: got invalid value .*? at "(?<path>[^"]+)")?/s

/** What graphql-js says of variables quotes the value, which may be a password: only the path is kept. */
function ofVariable({ name, path }: Record<string, string | undefined>, message: string): Refusal {
  const missing = /was not provided|of required type/.test(message)
  return new Refusal('BAD_USER_INPUT', {
    sentence: missing ? `Variable $${name} is missing a value at ${path ?? name}.` : `Variable $${name} is not valid at ${path ?? name}.`,
  })
}
