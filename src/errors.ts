/** Why NEDA refuses: each code with its sentence, whether trying again helps, and its HTTP status where a client asks for one. */
const refusals = {
  UNAUTHENTICATED: { sentence: 'Sign in first: there is no valid access token.', retryable: false, status: 401 },
  INVALID_CREDENTIALS: { sentence: 'The username or the password is wrong.', retryable: false, status: 401 },
  INVALID_REFRESH_TOKEN: { sentence: 'The refresh token is unknown, used or ended: sign in again.', retryable: false, status: 401 },
  SESSION_REVOKED: { sentence: 'This device has been signed out.', retryable: false, status: 401 },
  ACCESS_REVOKED: { sentence: 'You are no longer in this group.', retryable: false, status: 403 },
  FORBIDDEN: { sentence: 'You may not do this.', retryable: false, status: 403 },
  NOT_FOUND: { sentence: 'There is no such thing, or it is not yours to see.', retryable: false, status: 404 },
  BAD_USER_INPUT: { sentence: 'The input is not valid.', retryable: false, status: 400 },
  BAD_REQUEST: { sentence: 'The request is not a valid GraphQL request.', retryable: false, status: 400 },
  LIMIT_EXCEEDED: { sentence: 'The request is too large.', retryable: false, status: 413 },
  RATE_LIMITED: { sentence: 'Too many attempts: wait a moment.', retryable: true, status: 429 },
  GROUP_CLOSED: { sentence: 'The group has been closed.', retryable: false, status: 410 },
  SLOW_CONSUMER: { sentence: 'The stream was not read fast enough: subscribe again.', retryable: true, status: 503 },
  REALTIME_UNAVAILABLE: { sentence: 'Floor control does not answer: nothing was granted, try again.', retryable: true, status: 503 },
  SERVICE_UNAVAILABLE: { sentence: 'A service that this needs does not answer: try again.', retryable: true, status: 503 },
  INTERNAL_SERVER_ERROR: { sentence: 'Unexpected error.', retryable: true, status: 500 },
} as const

export type RefusalCode = keyof typeof refusals

/** An expected failure, said to the client by its code. Anything else that is thrown is a bug, and is masked. */
export class Refusal extends Error {
  readonly code: RefusalCode
  /** The input at fault. */
  readonly field: readonly string[] | undefined

  constructor(code: RefusalCode, options: { sentence?: string; field?: readonly string[] } = {}) {
    super(options.sentence ?? refusals[code].sentence)
    this.name = 'Refusal'
    this.code = code
    this.field = options.field
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
