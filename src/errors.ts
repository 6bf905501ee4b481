/** Why NEDA refuses: each code with its sentence, whether trying again helps, and its HTTP status where a client asks for one. */
const refusals = {
  UNAUTHENTICATED: { sentence: 'Sign in first: there is no valid access token.', retryable: false, status: 401 },
  INVALID_CREDENTIALS: { sentence: 'The username or the password is wrong.', retryable: false, status: 401 },
  TOTP_REQUIRED: { sentence: 'This account needs a second factor: send its code as totpCode.', retryable: false, status: 401 },
  INVALID_TOTP: { sentence: 'The code of the second factor is wrong, too old, or used.', retryable: false, status: 401 },
  INVALID_RECOVERY_CODE: { sentence: 'The recovery code is wrong or used.', retryable: false, status: 401 },
  INVALID_REFRESH_TOKEN: { sentence: 'The refresh token is unknown or ended: sign in again.', retryable: false, status: 401 },
  REFRESH_TOKEN_REUSED: {
    sentence: 'The refresh token was used before, so somebody else may have it: the session has ended.',
    retryable: false,
    status: 401,
  },
  SESSION_REVOKED: { sentence: 'This device has been signed out.', retryable: false, status: 401 },
  ACCESS_REVOKED: { sentence: 'You are no longer in this group.', retryable: false, status: 403 },
  FORBIDDEN: { sentence: 'You may not do this.', retryable: false, status: 403 },
  CSRF_BLOCKED: { sentence: 'A browser may send this from our own pages alone.', retryable: false, status: 403 },
  INTROSPECTION_DISABLED: { sentence: 'Only admins may ask for the schema here.', retryable: false, status: 400 },
  PERSISTED_QUERY_REQUIRED: { sentence: 'Only documents that are known in advance are executed here.', retryable: false, status: 400 },
  NOT_FOUND: { sentence: 'There is no such thing, or it is not yours to see.', retryable: false, status: 404 },
  METHOD_NOT_ALLOWED: { sentence: 'This method is not for this address.', retryable: false, status: 405 },
  UNSUPPORTED_MEDIA_TYPE: { sentence: 'The body is not of a media type that is understood here.', retryable: false, status: 415 },
  BAD_USER_INPUT: { sentence: 'The input is not valid.', retryable: false, status: 400 },
  BAD_REQUEST: { sentence: 'The request is not a valid GraphQL request.', retryable: false, status: 400 },
  BATCHING_NOT_SUPPORTED: { sentence: 'One request has one operation.', retryable: false, status: 400 },
  GRAPHQL_VALIDATION_FAILED: { sentence: 'The document is not valid for this schema.', retryable: false, status: 400 },
  OPERATION_RESOLUTION_FAILURE: {
    sentence: 'The document has no operation of this name, or several and no name was given.',
    retryable: false,
    status: 400,
  },
  QUERY_TOO_LARGE: { sentence: 'The document is too large.', retryable: false, status: 400 },
  QUERY_TOO_DEEP: { sentence: 'The document is nested too deeply.', retryable: false, status: 400 },
  QUERY_TOO_COMPLEX: { sentence: 'The document asks for too much at once.', retryable: false, status: 400 },
  TOO_MANY_ALIASES: { sentence: 'The document has too many aliases.', retryable: false, status: 400 },
  TOO_MANY_DIRECTIVES: { sentence: 'The document has too many directives.', retryable: false, status: 400 },
  MUTATION_REPEATED: { sentence: 'A request has each mutation once.', retryable: false, status: 400 },
  REQUEST_ENTITY_TOO_LARGE: { sentence: 'The request is too large.', retryable: false, status: 413 },
  LIMIT_EXCEEDED: { sentence: 'There are too many of these at once.', retryable: false, status: 429 },
  RATE_LIMITED: { sentence: 'Too many attempts: wait a moment.', retryable: true, status: 429 },
  GROUP_CLOSED: { sentence: 'The group has been closed.', retryable: false, status: 410 },
  SLOW_CONSUMER: { sentence: 'The stream was not read fast enough: subscribe again.', retryable: true, status: 503 },
  REALTIME_UNAVAILABLE: { sentence: 'Floor control does not answer: nothing was granted, try again.', retryable: true, status: 503 },
  SERVICE_UNAVAILABLE: { sentence: 'A service that this needs does not answer: try again.', retryable: true, status: 503 },
  INTERNAL_SERVER_ERROR: { sentence: 'Unexpected error.', retryable: true, status: 500 },
} as const

export type RefusalCode = keyof typeof refusals

/** The HTTP status of a code, where a client asks for one. */
export const statusOf = (code: RefusalCode): number => refusals[code].status

/** Every HTTP status with its codes. */
export const statusesOfRefusals = (): [status: number, codes: string[]][] => {
  const all = Map.groupBy(Object.entries(refusals), ([, { status }]) => status)
  return [...all].map(([status, of]) => [status, of.map(([code]) => code)] as [number, string[]]).toSorted(([one], [other]) => one - other)
}

/** An expected failure, said to the client by its code. Anything else that is thrown is a bug, and is masked. */
export class Refusal extends Error {
  readonly code: RefusalCode
  /** The input at fault. */
  readonly field: readonly string[] | undefined
  /** When trying again may help. */
  readonly retryAfterMs: number | undefined

  constructor(code: RefusalCode, options: { sentence?: string; field?: readonly string[]; retryAfterMs?: number } = {}) {
    super(options.sentence ?? refusals[code].sentence)
    this.name = 'Refusal'
    this.code = code
    this.field = options.field
    this.retryAfterMs = options.retryAfterMs
  }

  get retryable(): boolean {
    return refusals[this.code].retryable
  }

  get status(): number {
    return refusals[this.code].status
  }
}

/** An input that no retry can make right: says which one, never its value. */
export const badInput = (field: readonly string[], sentence: string) => new Refusal('BAD_USER_INPUT', { field, sentence })

/** The table of codes as it stands in docs/errors.md. */
export const errorTable = (): string =>
  [
    '# Error codes',
    '',
    'What stands in `extensions.code` of a GraphQL error. `retryable` (also in `extensions`): whether the same request may succeed later. What a',
    "stream ends with comes in its last result. Expected failures of administration are no errors: they are a payload's `userErrors`.",
    '',
    '| code | what it says | retryable |',
    '|---|---|---|',
    ...Object.entries(refusals).map(([code, { sentence, retryable }]) => `| \`${code}\` | ${sentence} | ${retryable ? 'yes' : 'no'} |`),
    '',
  ].join('\n')
