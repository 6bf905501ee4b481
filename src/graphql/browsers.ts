import type { IncomingMessage } from 'node:http'
import type { Config } from '../config.ts'
import { Refusal } from '../errors.ts'

/** Browsers come from our own pages or from an allowed origin; watches and phones send no origin at all. */
export function originRule(
  { publicUrl, allowedOrigins, host }: Pick<Config, 'publicUrl' | 'allowedOrigins' | 'host'>,
  port: () => number,
): (origin: string) => boolean {
  const own = new URL(publicUrl).origin
  const names = ['localhost', '127.0.0.1', '[::1]', host]
  return (origin) => origin === own || allowedOrigins.includes(origin) || names.some((name) => origin === `http://${name}:${port()}`)
}

/** What a page of somebody else's made a browser send. Nothing here is proved by a cookie, yet an answer may be worth measuring. */
export function refuseForeignPages({ headers }: IncomingMessage, isAllowedOrigin: (origin: string) => boolean): void {
  const { origin } = headers
  const isForeign = origin === undefined ? headers['sec-fetch-site'] === 'cross-site' : !isAllowedOrigin(origin)
  if (isForeign) throw new Refusal('CSRF_BLOCKED')
}

/** With one of these a browser asks first whether it may send: a link or a picture cannot. */
export const isPreflighted = ({ headers }: IncomingMessage): boolean =>
  'x-neda-csrf' in headers ||
  'apollo-require-preflight' in headers ||
  (headers['content-type'] ?? '').startsWith('application/json') ||
  // Other kinds a browser may add by itself.
  /^bearer /i.test(headers.authorization ?? '')

/** For every answer: it is data, not to be kept, guessed at, framed or executed. GraphiQL brings its own. */
export const SECURITY_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['referrer-policy', 'no-referrer'],
  ['cache-control', 'no-store'],
]
