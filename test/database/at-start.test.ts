import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Prisma } from '../../prisma/generated/client/client.ts'
import { atStart } from '../../src/database/at-start.ts'
import { openDatabase } from '../../src/database/client.ts'
import { freePort } from '../../src/database/embedded/server.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { holdDatabase } from '../../src/database/single-instance.ts'
import { dataFolder } from '../support/data-folder.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

function logLines() {
  const lines: string[] = []
  return { lines, log: pino({ level: 'info' }, { write: (line: string) => lines.push((JSON.parse(line) as { msg: string }).msg) }) }
}

test('a PostgreSQL that comes a little later is waited for at the start, and that is said once', async () => {
  await using folder = await dataFolder()
  const { log, lines } = logLines()
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  const { port } = new URL(postgres.url)
  await using proxy = await tcpProxy(Number(port))
  const url = postgres.url.replace(port, String(proxy.port))
  proxy.cut()
  lines.length = 0
  const starting = Promise.all([atStart(log, () => holdDatabase(url, log, { shared: true })), atStart(log, () => migrate(url, { log }))])
  await expect.poll(() => lines).toHaveLength(2)
  proxy.mend()
  const [held] = await starting
  await held[Symbol.asyncDispose]()
  expect(lines).toEqual(lines.map(() => 'PostgreSQL does not answer yet, and is asked again'))
})

test('a PostgreSQL that takes the connection and is too busy to answer is waited for as well', async () => {
  await using folder = await dataFolder()
  const { log, lines } = logLines()
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  const { port } = new URL(postgres.url)
  await using proxy = await tcpProxy(Number(port))
  proxy.blackhole()
  lines.length = 0
  const url = postgres.url.replace(port, String(proxy.port))
  const starting = atStart(log, () => holdDatabase(url, log, { shared: true }))
  await expect.poll(() => lines).toHaveLength(1)
  proxy.mend()
  await (await starting)[Symbol.asyncDispose]()
})

test('a transaction that could not begin in time is tried again', async () => {
  let times = 0
  const late = () =>
    new Prisma.PrismaClientKnownRequestError('Unable to start a transaction in the given time.', { code: 'P2028', clientVersion: '' })
  await expect(atStart(logLines().log, async () => (++times < 3 ? Promise.reject(late()) : times))).resolves.toBe(3)
})

test('one that never comes is named after a while, and what is wrong is said at once', async () => {
  const { log, lines } = logLines()
  await using nowhere = openDatabase(`postgresql://neda:letmein@127.0.0.1:${await freePort()}/neda`, log)
  const error = await atStart(log, () => nowhere.db.user.count(), 600).catch(String)
  expect(error).toMatch(/^Error: PostgreSQL does not answer: /)
  expect([error, ...lines].join()).not.toContain('letmein')
  let times = 0
  await expect(atStart(log, () => Promise.reject(new Error(`wrong ${++times}`)))).rejects.toThrow('wrong 1')
})
