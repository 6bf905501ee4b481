import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { CloseCode, createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { closeCodes, closeCodeTable, statusTable } from '../../src/graphql/close-codes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8')
const known = new Set(closeCodes.map(({ code }) => code))

test('docs/connections.md has the tables of the code (npm run schema writes them)', () => {
  expect(read('docs/connections.md')).toContain(closeCodeTable())
  expect(read('docs/connections.md')).toContain(statusTable())
})

test('every code with which the server closes a socket is in the table', () => {
  const files = readdirSync(`${root}src/graphql`).filter((file) => file.startsWith('websocket'))
  const source = files.map((file) => read(`src/graphql/${file}`)).join('\n')
  const given = [...source.matchAll(/\b(?:close|closeSoon)\((?:device, )?([^,)]+), /g)].map(([, code]) => code)
  expect(given).toEqual(expect.arrayContaining(['SERVICE_RESTART', 'TRY_AGAIN_LATER', 'BAD_REQUEST', 'SESSION_REVOKED', 'TOKEN_REFUSED']))
  // Names of close-codes.ts, or what is handed on.
  expect(given.filter((code = '') => !/^[A-Z_]+$|^code$|^\{ socket/.test(code))).toEqual([])
  expect(source).not.toMatch(/CloseCode\b/)
})

test('so are those of graphql-ws, and of ws', () => {
  const graphqlWs = readdirSync(`${root}node_modules/graphql-ws/dist`).find((file) => /^server-.*\.js$/.test(file)) ?? ''
  const names = [...read(`node_modules/graphql-ws/dist/${graphqlWs}`).matchAll(/CloseCode\.(\w+)/g)].map(([, name = '']) => name)
  expect(names).toContain('Forbidden')
  const told = names.map((name) => CloseCode[name as keyof typeof CloseCode])
  expect(told.filter((code) => !known.has(code))).toEqual([])
  // The fifth argument of createError, with which a socket is closed.
  const ofReceiver = [...read('node_modules/ws/lib/receiver.js').matchAll(/^ {6,12}(1\d{3}),$/gm)].map(([, code]) => Number(code))
  expect(ofReceiver.length).toBeGreaterThan(10)
  expect(ofReceiver.filter((code) => !known.has(code))).toEqual([])
})

describe('the client of graphql-ws', () => {
  let server: WebSocketServer
  /** With what the first socket of a test is closed once it is open. */
  let closing = 0
  let opened = 0
  beforeAll(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'graphql-transport-ws' })
    await once(server, 'listening')
    server.on('connection', (socket) => {
      const isFirst = ++opened === 1
      socket.on('message', (data: Buffer) => {
        if (!data.includes('connection_init')) return
        socket.send('{"type":"connection_ack"}')
        if (isFirst && closing === 1006) socket.terminate()
        else if (isFirst) socket.close(closing, 'a reason')
      })
    })
  })
  afterAll(() => {
    for (const socket of server.clients) socket.terminate()
    server.close()
  })

  // 1000 is only ever the answer to its own.
  test.for(closeCodes.filter(({ code }) => code !== 1000))('after $code it comes back: $back', async ({ code, back }) => {
    closing = code
    opened = 0
    const { port } = server.address() as AddressInfo
    const reopened = Promise.withResolvers<'yes' | 'no'>()
    const client = createClient({
      url: `ws://127.0.0.1:${port}`,
      retryAttempts: 3,
      retryWait: async () => undefined,
      shouldRetry: () => true,
      on: { connected: () => opened > 1 && reopened.resolve('yes') },
    })
    client.subscribe({ query: '{ me { id } }' }, { next: () => undefined, error: () => reopened.resolve('no'), complete: () => undefined })
    expect(await reopened.promise).toBe(back)
    await client.dispose()
  })
})
