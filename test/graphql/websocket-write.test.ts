import { expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { write } from '../../src/graphql/websocket-protocol.ts'

/** As far as writing goes. */
const socketThat = (sends: WebSocket['send']) => ({ OPEN: 1, readyState: 1, send: sends }) as unknown as WebSocket

test('a socket that fails while it is written to is left to its close, which ends its streams', async () => {
  const failing = socketThat((_text: unknown, sent: unknown) => (sent as (error: Error) => void)(new Error('write EPIPE')))
  await expect(write(failing, 'an event')).resolves.toBeUndefined()
})

test('a socket that is slow is waited for', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let taken = false
  const written = write(
    socketThat((_text: unknown, sent: unknown) => void promise.then(sent as () => void)),
    'an event',
  ).then(() => (taken = true))
  await new Promise(setImmediate)
  expect(taken).toBe(false)
  resolve()
  await written
})
