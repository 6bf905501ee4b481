import { destination, type Logger, pino } from 'pino'
import type { Config } from './config.ts'

export type { Logger }

/** One log of JSON lines on standard error; what must never be in it is not handed to it, and these paths are struck out all the same. */
export const createLogger = ({ environment }: Pick<Config, 'environment'>): Logger =>
  pino(
    {
      level: environment === 'production' ? 'info' : 'warn',
      redact: ['*.password', '*.token', '*.accessToken', '*.refreshToken', '*.secretKey', '*.apiSecret', '*.authorization'],
    },
    destination({ fd: 2, sync: true }),
  )

const SELDOM_MS = 1_000

/** Logs errors of one kind that may come by the thousand while something is away: one in a second, and how many there were since the last. */
export function seldom(log: Logger, message: string): (error: unknown) => void {
  let until = 0
  let unsaid = 0
  return (error) => {
    unsaid += 1
    if (performance.now() < until) return
    until = performance.now() + SELDOM_MS
    log.error({ err: withoutCommand(error), times: unsaid }, message)
    unsaid = 0
  }
}

/** ioredis hangs the command on its errors, with all that it was given: a password, somebody's name. */
const withoutCommand = (error: unknown) => (error instanceof Error && 'command' in error ? new Error(error.message) : error)
