import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWithAdmin } from '../support/people.ts'
import { openRawSocket } from '../support/raw-requests.ts'

/** In this order: the last one leaves a crowd at the door. */
describe('many who want in', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  beforeAll(async () => {
    neda = await startWithAdmin({ OPENINGS_PER_SECOND: '20', UNKNOWN_SOCKETS: '5' })
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  /** Sends the beginning of a WebSocket, and nothing more. */
  const knock = async (path = '/graphql'): Promise<Socket> => {
    const { hostname, port } = new URL(neda.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => undefined) // it may be broken off on purpose
    await once(socket, 'connect')
    const headers = ['Host: x', 'Connection: upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']
    socket.write(`GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`)
    return socket
  }

  test('whoever opens sockets and does not say who they are pushes out others of that kind, and nobody else', async () => {
    const strangers = [await openRawSocket(neda.url), await openRawSocket(neda.url, {})]
    await using known = await openRawSocket(neda.url, { authorization: `Bearer ${neda.admin.accessToken}` })
    while (strangers.length < 6) strangers.push(await openRawSocket(neda.url, {}))
    const [first, second] = strangers
    expect(await first?.closed).toEqual({ code: 1013, reason: 'Too many sockets that nobody signed in over' })
    const again = await openRawSocket(neda.url, {})
    expect((await second?.closed)?.code).toBe(1013)
    known.send({ id: '1', type: 'subscribe', payload: { query: '{ me { id } }' } })
    expect(JSON.stringify(await known.next())).toContain('"id":"')
    await Promise.all([...strangers.slice(2), again].map((socket) => socket[Symbol.asyncDispose]()))
  })

  test('an upgrade that is broken off while it is refused, or while it waits, ends nothing but itself', async () => {
    for (const path of ['/elsewhere', '/graphql', '/elsewhere', '/graphql']) {
      const some = await Promise.all(Array.from({ length: 20 }, () => knock(path)))
      for (const socket of some) socket.resetAndDestroy()
    }
    expect((await fetch(`${neda.url}/healthz`)).status).toBe(200)
    expect((await neda.admin.post({ query: '{ me { id } }' })).status).toBe(200)
  })

  test('who would wait too long is answered 503 at once, with when to come back; requests are answered as ever', async () => {
    const crowd = await Promise.all(Array.from({ length: 150 }, () => knock()))
    const answers: string[] = []
    const answered = crowd.map(async (socket) => {
      const [data] = (await once(socket, 'data')) as [Buffer]
      answers.push(data.toString())
    })
    expect((await neda.admin.post({ query: '{ me { id } }' })).status).toBe(200)
    // The last one does not even wait.
    await answered.at(-1)
    const refused = answers.filter((answer) => answer.startsWith('HTTP/1.1 503 '))
    expect(refused.length).toBeGreaterThan(20)
    for (const answer of refused) expect(answer).toMatch(/\r\nRetry-After: [1-6]\r\n/)
    expect(new Set(refused).size).toBeGreaterThan(2)
    for (const socket of crowd) socket.destroy()
  })
})
