import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWithAdmin } from '../support/people.ts'

describe.concurrent('A53 who sends slowly', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  beforeAll(async () => {
    neda = await startWithAdmin()
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  /** Opens a connection, sends this and then a piece every half second, and answers how long it was let. */
  const letFor = async (begin: string, piece: string) => {
    const { hostname, port } = new URL(neda.url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const began = performance.now()
    socket.on('error', () => undefined)
    socket.resume()
    if (begin) socket.write(begin)
    const pieces = setInterval(() => piece && socket.write(piece), 500)
    await once(socket, 'close')
    clearInterval(pieces)
    return performance.now() - began
  }

  test.for([
    ['headers', 'POST /graphql HTTP/1.1\r\nHost: x\r\n', 'x-a: b\r\n', 10_000],
    ['nothing', '', '', 10_000],
    ['a body', 'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n', ' ', 20_000],
  ] as const)('%s', async ([, begin, piece, limit]) => {
    const times = await Promise.all(Array.from({ length: 50 }, () => letFor(begin, piece)))
    // What a busy machine needs to notice is not the server's.
    expect(Math.max(...times)).toBeLessThan(limit + 8_000)
    expect(Math.min(...times)).toBeGreaterThan(limit - 2_000)
  })

  test('others are answered meanwhile', async () => {
    for (let n = 0; n < 50; n++) expect((await neda.admin.post({ query: '{ me { id } }' })).status).toBe(200)
  })
})
