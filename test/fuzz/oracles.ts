import { readFileSync } from 'node:fs'
import type { Reply } from './transports.ts'

const DOCUMENTED = new Set(
  [...readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8').matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code),
)
/** Nothing that a request could be the reason for. */
const OURS = new Set(['INTERNAL_SERVER_ERROR', 'SERVICE_UNAVAILABLE', 'REALTIME_UNAVAILABLE'])
/** Too large a message, one that is none, too many, a session that ended. */
const MAY_CLOSE = new Set([1009, 4400, 4401, 4403])

const TELLTALES: readonly (readonly [what: string, form: RegExp])[] = [
  ['a suggestion', /did you mean/i],
  ['a stack', /\n\s*at |\bat [\w.<>]+ \(|:\d+:\d+\)/],
  ['a path', /node_modules|file:\/\/|\.(ts|js|sql|lua)\b|\/(tmp|home|root|usr|var)\//],
  ['SQL', /\bSELECT\b|\bINSERT INTO\b|\bDELETE FROM\b|\bWHERE\b|::uuid|\b[Pp]risma|[Pp]ostgres/],
  ['the inside of a library', /TypeError|ReferenceError|undefined is not|Cannot read propert|Invalid `|graphql-js|pothos/i],
]

interface Told {
  readonly message: string
  readonly extensions?: { readonly code?: string }
}

/** What is wrong with a reply; nothing, as a rule. */
export function complaints({ text, status, closed }: Reply, secrets: readonly string[]): string[] {
  const errors = errorsIn(text)
  return [
    ...(status !== null && status >= 500 ? [`the status is ${status}`] : []),
    ...(closed !== null && !MAY_CLOSE.has(closed) ? [`the socket was closed with ${closed}`] : []),
    ...(status !== null && status >= 400 && errors.length === 0 ? [`there is no error with the status ${status}`] : []),
    ...errors.flatMap(complaintsOf),
    ...secretsIn(text, secrets).map((at) => `secret number ${at} is in the answer`),
  ]
}

function complaintsOf({ message, extensions }: Told): string[] {
  const code = extensions?.code
  const whole = JSON.stringify({ message, extensions })
  return [
    ...(code === undefined || !DOCUMENTED.has(code) ? [`the code ${code} is not in docs/errors.md: ${message}`] : []),
    ...(code !== undefined && OURS.has(code) ? [`${code}: ${message}`] : []),
    ...TELLTALES.filter(([, form]) => form.test(message) || form.test(whole)).map(([what]) => `there is ${what} in: ${whole}`),
  ]
}

/** Of a body, of the events of a stream, or of the messages of a socket. */
function errorsIn(text: string): Told[] {
  const found: Told[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { errors, type, payload } = value as { errors?: unknown; type?: unknown; payload?: unknown }
    if (Array.isArray(errors)) found.push(...(errors as Told[]))
    else if (type === 'error' && Array.isArray(payload)) found.push(...(payload as Told[]))
    else if (type === 'next') visit(payload)
  }
  for (const line of text.split('\n')) {
    try {
      visit(JSON.parse(line.replace(/^data: /, '')))
    } catch {
      // A line of the stream's own, or of a page.
    }
  }
  return found
}

/** Which of the secrets stand in a text, as they are or as JSON writes them. */
export const secretsIn = (text: string, secrets: readonly string[]): number[] =>
  secrets.flatMap((secret, at) => (text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1)) ? [at] : []))
