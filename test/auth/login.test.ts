import crypto, { argon2Sync, randomBytes } from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import type { UserId } from '../../src/ids.ts'
import { dataFolder } from '../support/data-folder.ts'
import { forgedTokens } from '../support/forged-tokens.ts'
import { CLIENT, createPerson, type Instance, openInstance, SECRET_KEY, sharedEngine, silent } from './instances.ts'

const stack = new AsyncDisposableStack()
let a: Instance

beforeAll(async () => {
  const folder = stack.use(await dataFolder())
  const { url } = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: silent }))
  await migrate(url, { log: silent })
  // It asks the database for nothing by itself.
  a = stack.use(await openInstance(url, { ...stack.use(sharedEngine()), looks: false }))
})
afterAll(() => stack.disposeAsync())

const unpadded = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')

/** A hash as it was made when less was asked for. */
function formerHash(password: string) {
  const nonce = randomBytes(16)
  const tag = argon2Sync('argon2id', { message: password, nonce, memory: 9_216, passes: 1, parallelism: 1, tagLength: 32 })
  return `$argon2id$v=19$m=9216,t=1,p=1$${unpadded(nonce)}$${unpadded(tag)}`
}

test('who signs in with a password that was hashed for less gets a hash of today, and other devices stay signed in', async () => {
  const ben = await createPerson(a)
  const { sessionId } = await ben.signIn(a)
  const former = formerHash('a long enough password')
  await a.db.user.update({ where: { id: ben.id }, data: { passwordHash: former } })
  const hash = async () => (await a.db.user.findUniqueOrThrow({ where: { id: ben.id } })).passwordHash
  const { username } = await a.db.user.findUniqueOrThrow({ where: { id: ben.id } })
  const wrong = { username, password: 'another long password', deviceName: null, totpCode: null }
  await expect(a.auth.login(wrong, { viewer: null, client: CLIENT })).rejects.toMatchObject({ code: 'INVALID_CREDENTIALS' })
  expect(await hash()).toBe(former)
  await ben.signIn(a)
  const today = await hash()
  expect(today).toContain('$m=19456,t=2,p=1$')
  await Promise.all([ben.signIn(a), ben.signIn(a)])
  expect(await hash()).toBe(today)
  expect(a.auth.isSignedIn(sessionId)).toBe(true)
})

test('A31 a forged token costs no query', async () => {
  const { accessToken } = await (await createPerson(a)).signIn(a)
  const forged = Object.values(await forgedTokens(accessToken, SECRET_KEY))
  const query = vi.spyOn(pg.Client.prototype, 'query')
  for (const token of forged) await expect(a.auth.viewer(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(query).not.toHaveBeenCalled()
  query.mockRestore()
})

test('A38 unknown, wrong and disabled cost the same: one query, and one hash of the same cost', async () => {
  const [ben, dan] = [await createPerson(a), await createPerson(a)]
  const usernameOf = async ({ id }: { id: UserId }) => (await a.db.user.findUniqueOrThrow({ where: { id } })).username
  const cases = [
    { username: 'nobody at all', password: 'a wrong password' },
    { username: await usernameOf(ben), password: 'a wrong password' },
    { username: await usernameOf(dan), password: 'a long enough password' },
    { username: await usernameOf(dan), password: 'a wrong password' },
  ]
  await a.db.user.update({ where: { id: dan.id }, data: { disabledAt: new Date() } })
  const hash = vi.spyOn(crypto, 'argon2')
  syncBuiltinESMExports()
  const query = vi.spyOn(pg.Client.prototype, 'query')
  const costs: unknown[] = []
  for (const one of cases) {
    const login = a.auth.login({ ...one, deviceName: null, totpCode: null }, { viewer: null, client: CLIENT })
    await expect(login).rejects.toMatchObject({ code: 'INVALID_CREDENTIALS' })
    const hashes = hash.mock.calls.map(([algorithm, { memory, passes, parallelism, tagLength }]) => [
      algorithm,
      memory,
      passes,
      parallelism,
      tagLength,
    ])
    // Beside what is written down later, for them all together.
    const queries = query.mock.calls.map(([asked]) => (asked as { text?: string }).text).filter((text) => text?.includes('"User"'))
    costs.push({ hashes, queries: queries.length })
    hash.mockClear()
    query.mockClear()
  }
  query.mockRestore()
  hash.mockRestore()
  syncBuiltinESMExports()
  expect(costs).toEqual(cases.map(() => ({ hashes: [['argon2id', 19_456, 2, 1, 32]], queries: 1 })))
})
