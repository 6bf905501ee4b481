import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { holdDatabase } from '../../src/database/single-instance.ts'
import { dataFolder } from '../support/data-folder.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const log = pino({ level: 'silent' })

test('whoever stops while it takes the lock again leaves no connection, which would keep the process', async () => {
  await using folder = await dataFolder()
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  const url = new URL(postgres.url)
  await using proxy = await tcpProxy(Number(url.port))
  url.port = String(proxy.port)
  const observer = new pg.Client(postgres.url)
  await observer.connect()
  const others = async () => {
    const { rows } = await observer.query<{ count: string }>(
      `SELECT count(*) FROM pg_stat_activity WHERE datname = 'neda' AND pid <> pg_backend_pid()`,
    )
    return Number(rows[0]?.count)
  }
  const held = await holdDatabase(url.href, log, { shared: false })
  expect(await others()).toBe(1)
  // What it needs to take it again is on its way when it is asked to stop.
  proxy.delay({ down: 300 })
  proxy.reset()
  await expect.poll(others, { interval: 10 }).toBe(0)
  await expect.poll(others, { interval: 10 }).toBe(1)
  await held[Symbol.asyncDispose]()
  await sleep(1_500)
  expect(await others()).toBe(0)
  await observer.end()
})
