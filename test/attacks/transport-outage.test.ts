import { Writable } from 'node:stream'
import pg from 'pg'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { askOver, openRawSocket, WAYS } from '../support/raw-requests.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const CANARY = 'canary-7f3a'

/** NEDA in this process, with a database that can be reached beside it and taken away, and what it logs. */
async function startBesideDatabase() {
  await using stack = new AsyncDisposableStack()
  const lines: string[] = []
  const log = pino({ level: 'trace' }, new Writable({ write: (chunk: Buffer, _encoding, done) => done(void lines.push(chunk.toString())) }))
  const folder = stack.use(await dataFolder())
  const postgres = stack.use(await openEmbeddedPostgres({ folder: folder.path, log }))
  const url = new URL(postgres.url)
  const proxy = stack.use(await tcpProxy(Number(url.port)))
  url.port = String(proxy.port)
  const config = readConfig({ NEDA_DATA_DIR: folder.path, DATABASE_URL: url.href, PORT: '0', REQUESTS_PER_ADDRESS: '1000' })
  const app = stack.use(await createApp(config, { log }))
  const database = new pg.Client({ connectionString: postgres.url })
  await database.connect()
  stack.defer(() => database.end())
  const owned = stack.move()
  return { url: app.url, database, proxy, lines, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

test('A47 A46 while the database is away a socket that must be looked up is told to come back, one that is known is let in', async () => {
  await using neda = await startBesideDatabase()
  const [ben, cleo] = await Promise.all([signIn(neda.url, 'ben', 'push-to-talk'), signIn(neda.url, 'cleo', 'push-to-talk')])
  await askOver('POST', neda.url, { query: 'mutation { logout { userErrors { code } } }' }, cleo.accessToken)
  neda.proxy.cut()
  const closeCode = async () => {
    const socket = await openRawSocket(neda.url)
    socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${cleo.accessToken}` } })
    return (await socket.closed).code
  }
  expect(await closeCode()).toBe(1013)
  await using known = await openRawSocket(neda.url, { authorization: `Bearer ${ben.accessToken}` })
  expect(known).toBeDefined()
  neda.proxy.mend()
  await expect.poll(closeCode, { timeout: 10_000 }).toBe(4401)
})

test('A56 A55 an error that nobody expected is told by an id, and logged with it in one line, without a value', async () => {
  await using neda = await startBesideDatabase()
  const admin = await signIn(neda.url, 'admin', 'push-to-talk')
  await neda.database.query('ALTER TABLE "User" RENAME COLUMN "displayName" TO "other"')
  for (const way of WAYS) {
    neda.lines.length = 0
    const query = `query ($search: String) { users(filter: { search: $search }) { edges { node { displayName } } } }`
    const { errors } = await askOver(way, neda.url, { query, variables: { search: `${CANARY}\r\n"}` } }, admin.accessToken)
    expect(errors).toMatchObject([
      { message: 'Unexpected error.', extensions: { code: 'INTERNAL_SERVER_ERROR', retryable: true, requestId: expect.any(String) } },
    ])
    expect(JSON.stringify(errors)).not.toMatch(/prisma|displayName|SELECT/i)
    const logged = neda.lines.filter((line) => line.includes('unexpected error'))
    expect(logged).toHaveLength(1)
    const [line = ''] = logged
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(JSON.parse(line)).toMatchObject({
      requestId: errors?.[0]?.extensions && 'requestId' in errors[0].extensions && errors[0].extensions.requestId,
    })
    expect(neda.lines.join('')).not.toContain(CANARY)
  }
})

test('A55 names and agents that would break out of a line stay in it', async () => {
  await using neda = await startBesideDatabase()
  const agent = '"}\\n{"level":60}\u009b31m'
  await fetch(`${neda.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': agent },
    body: JSON.stringify({
      query: 'query A($i: LoginInput!) { __typename }',
      variables: { i: { username: 'a\r\n{"level":60}' } },
      operationName: 'A\r\nB',
    }),
  })
  for (const line of neda.lines) {
    expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1).toBe(true)
    expect(() => JSON.parse(line)).not.toThrow()
    expect(line).not.toContain('\u001b')
  }
})
