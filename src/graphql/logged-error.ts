/**
 * An unexpected error as it may be logged. Errors of libraries quote what they were given (a row, a parameter, the JSON that could not be
 * parsed), and somebody's password or name may be in it: kept are the kind of error, its message with whatever is quoted struck out, and
 * the places in the code.
 */
export function loggable(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error }
  const { code } = error as { code?: unknown }
  return {
    type: error.name,
    message: withoutValues(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    stack: placesIn(error),
    ...(error.cause === undefined ? {} : { cause: loggable(error.cause) }),
  }
}

/** From the first quote to the last: what is quoted may have quotes in it. */
const QUOTED = /"[^]*"|'[^]*'|=\([^]*\)|contains \([^]*\)/g
const LONGEST = 500

const withoutValues = (message: string) => message.replace(QUOTED, '…').slice(0, LONGEST)

/** The lines of the stack that are places; those before them are the message again. */
const placesIn = ({ stack = '' }: Error) =>
  stack
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
    .join('\n')
