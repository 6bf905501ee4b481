import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { PASSWORD } from '../support/people.ts'
import { startNedaProcess } from '../support/start-neda.ts'

test('a server stops although sockets broke off while it looked who they are', async () => {
  await using folder = await dataFolder()
  const neda = await startNedaProcess({
    NEDA_DATA_DIR: folder.path,
    NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root',
    NEDA_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
  })
  const { url, accessToken } = await signIn(neda.url, 'root', PASSWORD)
  for (let n = 0; n < 60; n++) {
    const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${accessToken}` } }))
    await sleep(n / 30)
    socket.terminate()
  }
  const ended = neda.end('SIGTERM')
  const end = await Promise.race([ended, sleep(30_000, 'still there', { ref: false })])
  neda.signal('SIGKILL')
  expect(end).toBe(0)
})
