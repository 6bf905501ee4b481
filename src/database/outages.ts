import { Prisma } from '../../prisma/generated/client/client.ts'

/** Prisma's and Node's codes, and PostgreSQL's (SQLSTATE): away, too slow, or changes that stood in each other's way. */
const CODES = new Set(
  'P1001 P1002 P1008 P1017 P2024 P2028 P2034 ECONNREFUSED ECONNRESET ETIMEDOUT EPIPE EAI_AGAIN ENOTFOUND EHOSTUNREACH ENETUNREACH 40001 40P01 53300 55P03 57014 57P01 57P02 57P03'.split(
    ' ',
  ),
)
/** What Prisma's adapter makes of them in a raw query, whose own code says only that it failed. */
const KINDS = new Set(['ConnectionClosed', 'DatabaseNotReachable', 'SocketTimeout', 'TooManyConnections', 'TransactionWriteConflict'])
/** Errors of pg that have no code: a connection of its pool and one of its own say late in different words. */
const WORDS =
  /timeout exceeded when trying to connect|^timeout expired$|Query read timeout|Connection terminated|Client has encountered a connection error/

interface Cause {
  readonly kind?: string
  readonly originalCode?: string
}

/** Whether this says that PostgreSQL could not do it now, rather than that we asked it something wrong: trying again may help. */
export function isOutage(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientInitializationError) return true
  if (!(error instanceof Error)) return false
  if ('code' in error && CODES.has(String(error.code))) return true
  const { kind, originalCode } = causeOf(error)
  return (kind !== undefined && KINDS.has(kind)) || (originalCode !== undefined && CODES.has(originalCode)) || WORDS.test(error.message)
}

function causeOf(error: Error): Cause {
  if (!('meta' in error)) return {}
  const { driverAdapterError } = (error.meta ?? {}) as { driverAdapterError?: { cause?: Cause } }
  return driverAdapterError?.cause ?? {}
}
