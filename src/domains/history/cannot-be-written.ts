/** PostgreSQL will never take this entry of the record, however often it is asked. */
export class CannotBeWritten extends Error {
  override readonly name = 'CannotBeWritten'

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : 'it is no entry', { cause })
  }
}

/** SQLSTATE classes that are about the data: a value that is none, or one that contradicts others. */
const ABOUT_THE_DATA = /^2[123]/

/**
 * Whether PostgreSQL refuses the data itself. Everything else may pass: it is away, its disk is full, it is a standby that takes no writes. Then
 * an entry is as good as any other, and waits.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error && 'meta' in error)) return false
  const { driverAdapterError } = (error.meta ?? {}) as { driverAdapterError?: { cause?: { originalCode?: string } } }
  return ABOUT_THE_DATA.test(driverAdapterError?.cause?.originalCode ?? '')
}
