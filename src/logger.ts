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
