import type { Redis } from 'ioredis'
import type { Logger } from '../../logger.ts'

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name cannot be looked up',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ECONNRESET: 'it broke the connection',
  EPIPE: 'it broke the connection',
  'Command timed out': 'it does not answer',
}

/**
 * What went wrong, in words that are fit to be shown. Never the error itself: ioredis hangs the command and its arguments on it, and those of
 * AUTH are the password.
 */
export function plainReason(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string }
  return REASONS[code ?? message ?? ''] ?? (message || code || 'for no known reason')
}

/** Redis was reached and said no. */
export const isRefusal = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError'

/** What ioredis says of commands that a break took with it, not of the break. */
export const isAftermath = ({ name, message }: Error): boolean =>
  name === 'MaxRetriesPerRequestError' || message.startsWith("Stream isn't writeable")

/** Says once that Redis is away, whatever is tried meanwhile, and once that it is back. */
export class Health {
  readonly #at: string
  readonly #log: Logger
  readonly #broken = new Set<Redis>()
  #hasEnded = false

  constructor(at: string, log: Logger) {
    this.#at = at
    this.#log = log
  }

  /** From its first connection on a link that is not there is worth a word. */
  follow(link: Redis): void {
    let reason: string | null = null
    let hasBeenReady = false
    link.on('error', (error: Error) => {
      reason = plainReason(error)
      // A refused SELECT would leave the link in another database.
      if (isRefusal(error)) link.disconnect(true)
    })
    link.on('ready', () => {
      reason = null
      hasBeenReady = true
      this.#mended(link)
    })
    link.on('close', () => {
      if (hasBeenReady) this.#broke(link, reason ?? 'it closed the connection')
    })
  }

  end(): void {
    this.#hasEnded = true
  }

  #broke(link: Redis, reason: string) {
    this.#broken.add(link)
    if (this.#broken.size > 1 || this.#hasEnded) return
    this.#log.warn({ reason }, `Redis at ${this.#at} is away`)
  }

  #mended(link: Redis) {
    if (!this.#broken.delete(link) || this.#broken.size > 0 || this.#hasEnded) return
    this.#log.warn(`Redis at ${this.#at} is back`)
  }
}
