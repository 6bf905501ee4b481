import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { PASSWORD } from '../support/people.ts'
import { openRawSocket } from '../support/raw-requests.ts'
import { startNeda } from '../support/start-neda.ts'

const SOCKETS = 200

/** How the upgrade to a WebSocket is answered that is not let in. */
const refusal = (url: string) =>
  new Promise<{ status: number | undefined; retryAfter: string | undefined }>((resolve, reject) => {
    const socket = new WebSocket(`${url}/graphql`, 'graphql-transport-ws')
    socket.once('unexpected-response', (_request, { statusCode, headers }) => {
      resolve({ status: statusCode, retryAfter: headers['retry-after'] })
      socket.terminate()
    })
    socket.on('error', () => undefined) // that is what it is about
    socket.once('open', () => reject(new Error('it was let in')))
  })

test('a NEDA that stops says so first, sends its sockets away over a time, lets no new one in, and answers requests to the end', async () => {
  await using folder = await dataFolder()
  await using neda = await startNeda({
    NEDA_DATA_DIR: folder.path,
    NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root',
    NEDA_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
  })
  const admin = await signIn(neda.url, 'root', PASSWORD)
  const closings: { readonly code: number; readonly at: number }[] = []
  const sockets = await Promise.all(
    Array.from({ length: SOCKETS }, () => openRawSocket(neda.url, { authorization: `Bearer ${admin.accessToken}` })),
  )
  const closed = sockets.map(async (socket) => {
    const { code } = await socket.closed
    closings.push({ code, at: performance.now() })
  })
  expect((await fetch(`${neda.url}/readyz`)).status).toBe(200)

  const ended = neda.end('SIGTERM')
  for (let status = 200; status !== 503; await sleep(5)) ({ status } = await fetch(`${neda.url}/readyz`))
  expect(closings.length).toBeLessThan(SOCKETS)
  const { status, retryAfter } = await refusal(neda.url)
  expect(status).toBe(503)
  expect(Number(retryAfter)).toBeGreaterThanOrEqual(1)
  expect((await admin.post({ query: '{ me { id } }' })).status).toBe(200)
  expect(closings.length, 'all that happened while sockets were still open').toBeLessThan(SOCKETS)

  await Promise.all(closed)
  await ended
  expect(new Set(closings.map(({ code }) => code))).toEqual(new Set([1012]))
  const [first, last] = [closings[0]?.at ?? 0, closings.at(-1)?.at ?? 0]
  expect(last - first).toBeGreaterThan(500)
  expect(closings.filter(({ at }) => at - first < (last - first) / 4).length).toBeLessThan(SOCKETS / 2)
  expect(neda.printed()).toContain('NEDA stops.')
})
