import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { openRawSocket } from '../support/raw-requests.ts'

const ORIGIN = 'https://console.example.org'
const WATCH = 'subscription ($groupId: ID!) { speakerChanged(groupId: $groupId) { kind } }'

describe.concurrent('WebSocket', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let authorization: string
  beforeAll(async () => {
    neda = await startWithAdmin({ ALLOWED_ORIGINS: ORIGIN, SUBSCRIPTIONS_PER_SOCKET: '5', MESSAGES_PER_SOCKET: '100' })
    authorization = `Bearer ${neda.admin.accessToken}`
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  /** The HTTP status with which an upgrade is answered. */
  const upgrade = (headers: Record<string, string>, path = '/graphql') =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${neda.url}${path}`, {
        headers: {
          connection: 'upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          'sec-websocket-protocol': 'graphql-transport-ws',
          ...headers,
        },
      })
        .on('response', ({ statusCode }) => resolve(statusCode))
        .on('upgrade', ({ statusCode }, socket) => {
          socket.destroy()
          resolve(statusCode)
        })
        .on('error', reject)
        .end()
    })

  test('A44 a foreign page opens no socket, our own and none do', async () => {
    expect(await upgrade({ origin: 'https://evil.example.org', cookie: 'session=x' })).toBe(403)
    for (const origin of ['null', `${ORIGIN}.evil.example.org`, ORIGIN.replace('//', '//evil-')])
      expect(await upgrade({ origin })).toBe(403)
    expect(await upgrade({ origin: ORIGIN })).toBe(101)
    expect(await upgrade({})).toBe(101)
  })

  test('A44 a cookie or a header signs nobody in over a socket', async () => {
    await using socket = await openRawSocket(neda.url, {}, 'graphql-transport-ws', {
      cookie: `token=${neda.admin.accessToken}`,
      authorization,
    })
    socket.send({ id: '1', type: 'subscribe', payload: { query: '{ me { id } }' } })
    expect(JSON.stringify(await socket.next())).toContain('UNAUTHENTICATED')
  })

  test('A60 a token in the address opens no socket', async () => {
    expect(await upgrade({}, `/graphql?access_token=${neda.admin.accessToken}`)).toBe(401)
    expect(await upgrade({}, '/elsewhere')).toBe(404)
  })

  const subscribe = { id: '1', type: 'subscribe', payload: { query: '{ __typename }' } }
  const big = { type: 'ping', payload: { x: 'x'.repeat(70_000) } }

  test.for<[attack: string, begun: boolean, messages: (object | string | Buffer)[], code: number]>([
    ['an operation before the beginning', false, [subscribe], 4401],
    ['a second beginning', true, [{ type: 'connection_init' }], 4429],
    ['no JSON', true, ['{'], 4400],
    ['null', true, ['null'], 4400],
    ['a list', true, ['[]'], 4400],
    ['a binary message with a good text', true, [Buffer.from(JSON.stringify({ type: 'ping' }))], 4400],
    ['an unknown type', true, [{ type: 'start' }], 4400],
    ['a type of the server', true, [{ type: 'next', id: '1', payload: {} }], 4400],
    ['a type of the server, before the beginning', false, [{ type: 'connection_ack' }], 4400],
    ['no id', true, [{ type: 'subscribe', payload: { query: '{ __typename }' } }], 4400],
    ['a payload that is a text', true, [{ id: '1', type: 'subscribe', payload: 'x' }], 4400],
    ['a query that is a number', true, [{ id: '1', type: 'subscribe', payload: { query: 1 } }], 4400],
    ['more than 64 KiB', true, [big], 1009],
  ])('A45 %s', async ([, begun, messages, code]) => {
    await using socket = await openRawSocket(neda.url, begun ? { authorization } : undefined)
    for (const message of messages) socket.send(message)
    expect((await socket.closed).code).toBe(code)
  })

  test('A45 the same id twice', async () => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    await using socket = await openRawSocket(neda.url, { authorization: `Bearer ${bensWatch.accessToken}` })
    socket.send({ ...subscribe, payload: { query: WATCH, variables: { groupId } } })
    await socket.next()
    socket.send(subscribe)
    expect((await socket.closed).code).toBe(4409)
  })

  test.for(['graphql-ws', 'soap', undefined])('A45 the protocol %s is told which one to speak', async (protocol) => {
    const socket = await openRawSocket(neda.url, undefined, protocol ?? [])
    const { code, reason } = await socket.closed
    expect(code).toBe(4406)
    expect(reason).toContain('graphql-transport-ws')
  })

  test('A46 who says nothing for three seconds is sent away', async () => {
    const began = performance.now()
    const socket = await openRawSocket(neda.url)
    expect((await socket.closed).code).toBe(4408)
    expect(performance.now() - began).toBeGreaterThan(2_500)
  })

  test.for(['nonsense', 'Bearer nonsense', 'Bearer eyJhbGciOiJub25lIn0.e30.'])(
    'A46 %s is refused, and a client may try again with another',
    async (wrong) => {
      const socket = await openRawSocket(neda.url)
      socket.send({ type: 'connection_init', payload: { authorization: wrong } })
      expect((await socket.closed).code).toBe(4403)
    },
  )

  test('A60 a socket has so many subscriptions at once, and one that ends makes room', async () => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    await using socket = await openRawSocket(neda.url, { authorization: `Bearer ${bensWatch.accessToken}` })
    const watch = async (id: string) => {
      socket.send({ id, type: 'subscribe', payload: { query: WATCH, variables: { groupId } } })
      return JSON.stringify(await socket.next())
    }
    for (let n = 0; n < 5; n++) expect(await watch(`w${n}`)).toContain('SNAPSHOT')
    expect(await watch('w5')).toContain('LIMIT_EXCEEDED')
    expect(await socket.next()).toMatchObject({ id: 'w5', type: 'complete' })
    socket.send({ id: 'w0', type: 'complete' })
    expect(await watch('w6')).toContain('SNAPSHOT')
    await using other = await openRawSocket(neda.url, { authorization: `Bearer ${bensWatch.accessToken}` })
    other.send({ id: 'o', type: 'subscribe', payload: { query: WATCH, variables: { groupId } } })
    expect(JSON.stringify(await other.next())).toContain('SNAPSHOT')
  })

  test('a socket that sends without end is closed, and others do not notice', async () => {
    await using other = neda.admin.openSocket()
    const socket = await openRawSocket(neda.url, { authorization })
    for (let n = 0; n < 300; n++) socket.send({ type: 'ping' })
    expect(await socket.closed).toEqual({ code: 1013, reason: 'Too many messages' })
    expect(other).toBeDefined()
    await using calm = await openRawSocket(neda.url, { authorization })
    for (let n = 0; n < 3; n++) {
      for (let m = 0; m < 30; m++) calm.send({ type: 'ping' })
      await sleep(400)
    }
    calm.send(subscribe)
    for (let n = 0; n < 90; n++) expect((await calm.next()).type).toBe('pong')
    expect(await calm.next()).toMatchObject({ type: 'next' })
  })
})
