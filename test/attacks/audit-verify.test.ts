import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { visitEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { createLogger } from '../../src/logger.ts'
import { signIn } from '../support/client.ts'
import { createPerson, PASSWORD } from '../support/people.ts'
import { startNeda } from '../support/start-neda.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const log = createLogger({ environment: 'test' })
let folder: TemporaryFolder

beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const start = () =>
  startNeda({ NEDA_DATA_DIR: folder.path, NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root', NEDA_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD })

/** As an operator runs it: exit code, and all that it says. */
function verify(args: string[] = [], env: Record<string, string> = { NEDA_DATA_DIR: folder.path }) {
  const { PATH = '', HOME = '' } = process.env
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'audit:verify', '--', ...args], {
    cwd: ROOT,
    env: { PATH, HOME, ...env },
    encoding: 'utf8',
  })
  return { status, said: stdout + stderr }
}

/** As somebody who may do everything in the database, and knows its triggers. */
async function tamper(sql: string) {
  await using postgres = await visitEmbeddedPostgres({ folder: folder.path, log })
  const client = new pg.Client(postgres.url)
  await client.connect()
  await client.query(
    `ALTER TABLE "AuditEntry" DISABLE TRIGGER USER; ${sql}; ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER audit_append_only`,
  )
  await client.end()
}

test('A57 audit:verify says that the log is whole, while NEDA runs and when it has ended', async () => {
  {
    await using neda = await start()
    const admin = await signIn(neda.url, 'root', PASSWORD)
    for (const name of ['Maya', 'Ben', 'Cleo']) await createPerson(admin, name)
    expect(verify()).toMatchObject({ status: 0, said: expect.stringMatching(/is as it was written: \d+ entries, \d anchors/) })
  }
  expect(verify()).toMatchObject({ status: 0, said: expect.stringMatching(/is as it was written: \d+ entries, \d anchors/) })
}, 60_000)

test('A57 a row that was changed back and forth, one that was deleted, and a tail that was cut off, end it with 1', async () => {
  await tamper(`UPDATE "AuditEntry" SET "action" = "action" || '?' WHERE "id" = 2`)
  expect(verify()).toMatchObject({ status: 1, said: expect.stringContaining('entry 2 is not what was written') })
  await tamper(`UPDATE "AuditEntry" SET "action" = left("action", -1) WHERE "id" = 2`)
  expect(verify()).toMatchObject({ status: 0 })
  await tamper(`DELETE FROM "AuditEntry" WHERE "id" = (SELECT max("id") FROM "AuditEntry")`)
  expect(verify()).toMatchObject({ status: 1, said: expect.stringContaining('missing head') })
  expect(verify(['--anchors', join(folder.path, 'nowhere')])).toMatchObject({ status: 1, said: expect.stringContaining('no anchors in') })
  await tamper('DELETE FROM "AuditEntry" WHERE "id" = 1')
  expect(verify()).toMatchObject({ status: 1, said: expect.stringContaining('entry 1 is missing') })
}, 60_000)

test('without a database it says so, and makes none', async () => {
  await using empty = await temporaryFolder()
  expect(verify([], { NEDA_DATA_DIR: empty.path })).toMatchObject({ status: 1, said: expect.stringContaining('no embedded database') })
})
