import { isIP } from 'node:net'
import type { RedisOptions } from 'ioredis'

/** Where Redis is, as ioredis wants it, and what it may be called aloud: without the password. */
export interface Address {
  readonly at: string
  readonly options: Pick<RedisOptions, 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'>
}

const SHAPE = 'REDIS_URL is not of the form redis://[user:password@]host[:port][/number], or rediss:// for TLS'

/**
 * Reads REDIS_URL. ioredis would read it too, but takes any option from its query, and what it throws at a wrong one contains the password.
 */
export function readAddress(text: string): Address {
  const url = URL.parse(text)
  const database = /^\/?(\d*)$/.exec(url?.pathname ?? '')
  if (!url?.hostname || !database || !['redis:', 'rediss:'].includes(url.protocol)) throw new Error(SHAPE)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = Number(url.port || 6379)
  const login = { username: decoded(url.username), password: decoded(url.password) }
  return {
    at: `${url.hostname}:${port}`,
    options: {
      host,
      port,
      db: Number(database[1]),
      ...(login.username && { username: login.username }),
      ...((login.username || login.password) && { password: login.password }),
      // Node names a server in the TLS handshake only if told to; a name is not an address.
      ...(url.protocol === 'rediss:' && { tls: isIP(host) ? {} : { servername: host } }),
    },
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    // A stray % is meant as it stands.
    return part
  }
}
