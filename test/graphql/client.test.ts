import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { clientOf, trustedProxies } from '../../src/graphql/client.ts'

const from = (remoteAddress: string, forwarded?: string, userAgent?: string) =>
  ({
    socket: { remoteAddress },
    headers: { ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }), ...(userAgent ? { 'user-agent': userAgent } : {}) },
  }) as IncomingMessage
const proxies = trustedProxies(['10.0.0.0/8', '192.0.2.1', 'fd00::/8'])

test.each([
  ['who comes directly, whatever they say', '198.51.100.7', '203.0.113.9', '198.51.100.7'],
  ['a device behind a proxy', '10.1.2.3', '203.0.113.9', '203.0.113.9'],
  ['a device that made an address up: what our proxy wrote counts', '10.1.2.3', '127.0.0.1, 203.0.113.9', '203.0.113.9'],
  ['a device behind two of our proxies', '10.1.2.3', '203.0.113.9, 10.9.9.9', '203.0.113.9'],
  ['our own machine', '10.1.2.3', '10.4.4.4', '10.4.4.4'],
  ['a proxy that says nothing', '10.1.2.3', undefined, '10.1.2.3'],
  ['a proxy that says nonsense', '10.1.2.3', 'unknown', '10.1.2.3'],
  ['nonsense before what counts', '10.1.2.3', 'unknown, 203.0.113.9', '203.0.113.9'],
  ['a single trusted address', '192.0.2.1', '203.0.113.9', '203.0.113.9'],
  ['its neighbour', '192.0.2.2', '203.0.113.9', '192.0.2.2'],
  ['IPv4 in IPv6', '::ffff:10.1.2.3', '::ffff:203.0.113.9', '203.0.113.9'],
  ['IPv6', 'fd00::1', '2001:DB8:0:0::9', '2001:db8::9'],
])('the address of %s', (_who, peer, forwarded, address) => {
  expect(clientOf(from(peer, forwarded), proxies).address).toBe(address)
})

test('nobody is trusted by default', () => {
  expect(clientOf(from('127.0.0.1', '203.0.113.9'), trustedProxies([])).address).toBe('127.0.0.1')
})

test('a user agent is kept, but not without end', () => {
  expect(clientOf(from('127.0.0.1'), proxies).userAgent).toBeNull()
  expect(clientOf(from('127.0.0.1', undefined, 'x'.repeat(5_000)), proxies).userAgent).toHaveLength(200)
})
