export interface NedaErrorOptions {
  readonly code: string
  readonly retryable?: boolean
  readonly retryAfterMs?: number | undefined
  readonly field?: readonly string[] | undefined
  readonly cause?: unknown
}

/**
 * Why something could not be done. The codes are those of NEDA (docs/errors.md), and two of this side: NETWORK when no answer came, CLOSED
 * when the client or what was asked for was closed.
 */
export class NedaError extends Error {
  override readonly name = 'NedaError'
  readonly code: string
  /** Whether the same may succeed later. */
  readonly retryable: boolean
  /** When it may, if the server said so. */
  readonly retryAfterMs: number | undefined
  /** The input at fault. */
  readonly field: readonly string[] | undefined

  constructor(message: string, { code, retryable = false, retryAfterMs, field, cause }: NedaErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retryable = retryable
    this.retryAfterMs = retryAfterMs
    this.field = field
  }
}

/** A GraphQL error as NEDA writes it. */
export interface GraphQLErrorBody {
  readonly message: string
  readonly extensions?: {
    readonly code?: string
    readonly retryable?: boolean
    readonly retryAfterMs?: number
    readonly field?: readonly string[]
  }
}

export function fromGraphQL({ message, extensions = {} }: GraphQLErrorBody): NedaError {
  const { code = 'INTERNAL_SERVER_ERROR', retryable = false, retryAfterMs, field } = extensions
  return new NedaError(message, { code, retryable, retryAfterMs, field })
}

export const lost = (sentence: string, options: { retryAfterMs?: number | undefined; cause?: unknown } = {}): NedaError =>
  new NedaError(sentence, { code: 'NETWORK', retryable: true, ...options })

export const closed = (): NedaError => new NedaError('This was closed.', { code: 'CLOSED' })

/** Whatever was thrown: what is none of ours came from the network underneath. */
export const asNedaError = (thrown: unknown): NedaError =>
  thrown instanceof NedaError ? thrown : lost('There is no answer.', { cause: thrown })

/** The access token is not good any more; the refresh token may be. */
export const needsToken = ({ code }: NedaError): boolean => code === 'UNAUTHENTICATED'
