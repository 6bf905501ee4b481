import type { IncomingMessage } from 'node:http'
import ipaddr from 'ipaddr.js'
import type { Client } from '../client.ts'

/** Whether `X-Forwarded-For` is believed when it comes from this address. */
export type TrustedProxies = (address: string) => boolean

const LONGEST_USER_AGENT = 200

/** Of a request or of an upgrade to a WebSocket. */
export function clientOf({ socket, headers }: IncomingMessage, isTrusted: TrustedProxies): Client {
  const forwarded = headers['x-forwarded-for']
  const chain = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',')
  return {
    address: beyondProxies(plain(socket.remoteAddress ?? ''), chain, isTrusted),
    userAgent: headers['user-agent']?.slice(0, LONGEST_USER_AGENT) ?? null,
  }
}

/** From the right, where our own proxies write: the first address that is none of theirs. What is left of it anybody can have made up. */
function beyondProxies(peer: string, chain: string[], isTrusted: TrustedProxies): string {
  let address = peer
  for (const said of chain.toReversed()) {
    const next = said.trim()
    if (!isTrusted(address) || !ipaddr.isValid(next)) break
    address = plain(next)
  }
  return address
}

/** The one way to write an address: an IPv4 address that came in through IPv6 is an IPv4 address. */
const plain = (address: string) => (ipaddr.isValid(address) ? ipaddr.process(address).toString() : address)

/** Networks as `10.0.0.0/8`, or single addresses. */
export function trustedProxies(networks: readonly string[]): TrustedProxies {
  const ranges = networks.map(rangeOf)
  return (address) => {
    if (!ipaddr.isValid(address)) return false
    const parsed = ipaddr.process(address)
    return ranges.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits))
  }
}

type Range = ReturnType<typeof ipaddr.parseCIDR>

/** Throws on what is no network. */
function rangeOf(network: string): Range {
  if (network.includes('/')) return ipaddr.parseCIDR(network)
  const address = ipaddr.process(network)
  return [address, address.kind() === 'ipv4' ? 32 : 128]
}
