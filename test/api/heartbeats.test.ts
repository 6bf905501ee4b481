import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { JoinGroupDocument, RequestTalkDocument } from '../generated/operations.ts'
import type { Client } from '../support/client.ts'
import { createTeam, startWithAdmin } from '../support/people.ts'

describe.concurrent('the server pings', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  beforeAll(async () => {
    neda = await startWithAdmin({ HEARTBEAT_JOINED_MS: '500', HEARTBEAT_IDLE_MS: '60000' })
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  /** A socket of a device, and how often it was pinged. */
  const open = async ({ accessToken }: Client, autoPong = true) => {
    const socket = new WebSocket(`${neda.url}/graphql`, 'graphql-transport-ws', { autoPong })
    const seen = { pings: 0 }
    socket.on('ping', () => seen.pings++)
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${accessToken}` } }))
    await once(socket, 'message')
    return { socket, seen, [Symbol.dispose]: () => socket.terminate() }
  }

  test('a device that is present often, wherever it joined, and one that is not seldom', async () => {
    const { groupId, bensWatch, cleosWatch, mayasWatch } = await createTeam(neda.admin)
    using ben = await open(bensWatch)
    using cleo = await open(cleosWatch)
    using maya = await open(mayasWatch)
    await bensWatch.get(JoinGroupDocument, { input: { groupId } })
    await mayasWatch.get(RequestTalkDocument, { input: { groupId, requestId: 'a-press-joins' } })
    while (ben.seen.pings < 4 || maya.seen.pings < 4) await once(ben.socket, 'ping')
    expect(cleo.seen.pings).toBe(0)
  })

  test('it stays present as long as it answers, and is no longer heard of when it does not', async () => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    using silent = await open(bensWatch, false)
    await bensWatch.get(JoinGroupDocument, { input: { groupId } })
    const [code] = (await once(silent.socket, 'close')) as [number]
    expect(code).toBe(1006)
    expect(silent.seen.pings).toBe(2)
  })

  test('what was answered late is no reason to end a socket', async () => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    using slow = await open(bensWatch, false)
    slow.socket.on('ping', () => void setTimeout(() => slow.socket.pong(), 600))
    await bensWatch.get(JoinGroupDocument, { input: { groupId } })
    while (slow.seen.pings < 6) await once(slow.socket, 'ping')
    expect(slow.socket.readyState).toBe(WebSocket.OPEN)
  })
})
