import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { SpeakerChangedDocument } from '../generated/operations.ts'
import { signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { createTeam, PASSWORD } from '../support/people.ts'
import { startNedaProcess } from '../support/start-neda.ts'
import { press, release } from '../support/talk.ts'

async function startServer() {
  const folder = await dataFolder()
  const neda = await startNedaProcess({
    NEDA_DATA_DIR: folder.path,
    NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root',
    NEDA_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
  })
  return {
    admin: await signIn(neda.url, 'root', PASSWORD),
    /** How it ends when it is asked to; it would not before the last token that it waits for, ten minutes from now. */
    stop: () => Promise.race([neda.end('SIGTERM'), sleep(20_000, 'still there', { ref: false })]),
    async [Symbol.asyncDispose]() {
      await neda.end('SIGKILL')
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Says who it is, and does not wait for an answer. */
async function openSocket({ url, accessToken }: { url: string; accessToken: string | null }) {
  const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${accessToken}` } }))
  return socket
}

test('a server stops although sockets broke off while it looked who they are', async () => {
  await using server = await startServer()
  for (let n = 0; n < 60; n++) {
    const socket = await openSocket(server.admin)
    await sleep(n / 30)
    socket.terminate()
  }
  expect(await server.stop()).toBe(0)
})

test('a server stops although sockets broke off while events were written to them', async () => {
  await using server = await startServer()
  const { groupId, bensWatch, cleosWatch } = await createTeam(server.admin)
  const payload = { query: SpeakerChangedDocument.toString(), variables: { groupId } }
  const over = new AbortController()
  const talk = async () => {
    for (let n = 0; !over.signal.aborted; n++) {
      await press(bensWatch, groupId, `press-${n}`)
      await release(bensWatch, groupId, `press-${n}`)
      // No more presses than a session may make.
      if (n % 8 === 7) await sleep(300)
    }
  }
  const comeAndGo = async () => {
    for (let n = 0; n < 6; n++) {
      const socket = await openSocket(cleosWatch)
      await once(socket, 'message')
      for (let id = 0; id < 4; id++) socket.send(JSON.stringify({ type: 'subscribe', id: String(id), payload }))
      await sleep(Math.random() * 400)
      socket.terminate()
    }
  }
  const talking = talk()
  await Promise.all(Array.from({ length: 40 }, comeAndGo))
  over.abort()
  await talking
  expect(await server.stop()).toBe(0)
})
