import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AuditLogDocument,
  ChangePasswordDocument,
  CreateUserDocument,
  DisableUserDocument,
  LoginDocument,
  MeDocument,
  RefreshSessionDocument,
  ResetUserPasswordDocument,
} from '../generated/operations.ts'
import { type Answer, Client } from '../support/client.ts'
import { createPerson, PASSWORD, type Person, startWithAdmin } from '../support/people.ts'
import { askOver, WAYS } from '../support/raw-requests.ts'
import { askVia, codeOf } from '../support/transports.ts'

let neda: Awaited<ReturnType<typeof startWithAdmin>>
let anonymous: Client

beforeAll(async () => {
  // Every test comes from the same address.
  neda = await startWithAdmin({ LOGIN_FAILURES_PER_ADDRESS: '10000' })
  anonymous = new Client(neda.url)
})
afterAll(() => neda[Symbol.asyncDispose]())

const as = ({ username }: Pick<Person, 'username'>, password = PASSWORD) => ({ input: { username, password } })
const limited = { code: 'RATE_LIMITED', retryable: true, retryAfterMs: expect.any(Number) }
const extensionsOf = ({ errors }: Answer<unknown>) => errors?.[0]?.extensions

describe.each(WAYS)('over %s', (way) => {
  const login = (client: Client, who: Pick<Person, 'username'>, password?: string) => askVia(way, client, LoginDocument, as(who, password))

  test('A19 a password of another kind is not told back, nor logged', async () => {
    const secret = `canary-${way}-4f9a`
    const query = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }'
    for (const password of [[secret], { of: secret }, [[secret, 7]]]) {
      const answer = await askOver(way, neda.url, { query, variables: { input: { username: 'ben', password } } })
      expect(answer.errors?.[0]).toMatchObject({
        message: expect.stringMatching(/input\.password|\$input/),
        extensions: { code: 'BAD_USER_INPUT' },
      })
      expect(JSON.stringify(answer)).not.toContain(secret)
    }
    expect(neda.printed()).not.toContain(secret)
  })

  test('A37 after five wrong passwords even the right one waits, but not on a device that is signed in', async () => {
    const ben = await createPerson(neda.admin, 'Ben')
    const watch = await ben.device()
    for (let n = 0; n < 5; n++) expect(codeOf(await login(anonymous, ben, 'a wrong one'))).toBe('INVALID_CREDENTIALS')
    expect(extensionsOf(await login(anonymous, ben, 'a wrong one'))).toEqual(limited)
    const { retryAfterMs = 0 } = (extensionsOf(await login(anonymous, ben)) ?? {}) as { retryAfterMs?: number }
    expect(retryAfterMs).toBeGreaterThan(14 * 60_000)
    expect(retryAfterMs).toBeLessThanOrEqual(15 * 60_000)
    expect(extensionsOf(await login(neda.admin, ben)), 'a device of somebody else').toEqual(limited)
    expect((await login(watch, ben)).data?.login.accessToken).toBeTruthy()
    expect(await watch.refusal(MeDocument, {}), 'nobody is locked out of what is open').toBeUndefined()
    expect((await login(anonymous, await createPerson(neda.admin, 'Cleo'))).errors).toBeUndefined()
  })
})

test('A37 of many guesses at once, in any case and with any spaces, five are tried', async () => {
  const ben = await createPerson(neda.admin, 'Ben')
  const spelt = [ben.username, ben.username.toUpperCase(), ` ${ben.username} `]
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, n) => anonymous.ask(LoginDocument, as({ username: spelt[n % 3] ?? '' }, `wrong ${n}`))),
  )
  expect(answers.map(codeOf).filter((code) => code === 'INVALID_CREDENTIALS')).toHaveLength(5)
  expect(answers.map(codeOf).filter((code) => code === 'RATE_LIMITED')).toHaveLength(25)
})

test('A37 who does not exist is limited as who does', async () => {
  const nobody = { username: 'nobody-at-all' }
  const codes: (string | undefined)[] = []
  for (let n = 0; n < 6; n++) codes.push(codeOf(await anonymous.ask(LoginDocument, as(nobody))))
  expect(codes).toEqual([...Array.from({ length: 5 }, () => 'INVALID_CREDENTIALS'), 'RATE_LIMITED'])
})

test('A37 right passwords do not count, and a signed-in device has guesses of its own, also to change the password', async () => {
  const ben = await createPerson(neda.admin, 'Ben')
  for (let n = 0; n < 8; n++) expect((await anonymous.ask(LoginDocument, as(ben))).errors).toBeUndefined()
  const [watch, phone] = [await ben.device('Watch'), await ben.device('Phone')]
  const change = (device: Client, currentPassword: string) =>
    device.ask(ChangePasswordDocument, { input: { currentPassword, newPassword: 'another long password' } })
  for (let n = 0; n < 5; n++) expect(codeOf(await change(watch, 'a wrong one'))).toBe('INVALID_CREDENTIALS')
  expect(extensionsOf(await change(watch, PASSWORD))).toEqual(limited)
  expect((await change(phone, PASSWORD)).data?.changePassword.userErrors).toEqual([])
})

test('A37 a sign-in that was refused is in the audit log, many of them as few entries', async () => {
  const ben = await createPerson(neda.admin, 'Ben')
  for (let n = 0; n < 7; n++) await anonymous.ask(LoginDocument, as(ben, 'a wrong one'))
  const refusals = async () => {
    const { auditLog } = await neda.admin.get(AuditLogDocument, { filter: { action: 'SIGN_IN_REFUSED' }, first: 100 })
    return auditLog.edges.flatMap(({ node }) => (node.targetId === ben.id ? [String(node.refusalCode)] : [])).toSorted()
  }
  await expect.poll(refusals, { timeout: 3_000 }).toEqual(['INVALID_CREDENTIALS', 'RATE_LIMITED'])
})

test('A38 unknown, wrong and disabled are answered the same, byte for byte', async () => {
  const [ben, dan] = await Promise.all([createPerson(neda.admin, 'Ben'), createPerson(neda.admin, 'Dan')])
  await neda.admin.get(DisableUserDocument, { input: { userId: dan.id } })
  const answers = new Set<string>()
  for (const variables of [as({ username: 'Eve-12345-99' }), as(ben, 'a wrong password here!'), as(dan), as(dan, 'a wrong one')])
    answers.add(await (await anonymous.post({ query: LoginDocument.toString(), variables })).text())
  expect([...answers]).toEqual([expect.stringContaining('INVALID_CREDENTIALS')])
})

describe('A39 a password', () => {
  test.each([
    ['of 7 characters', 'a7$kQ2z'],
    ['of 14', 'correct horse1'],
    ['of 129', 'x1$'.repeat(43)],
    ['that everybody tries', 'passwordpassword'],
    ['that says who one is', 'Dora-Dora-2026!'],
  ])('%s is weak wherever one is set, and it is said how long it must be', async (_what, password) => {
    const weak = (field: string) => [
      { code: 'WEAK_PASSWORD', field: ['input', field], message: expect.stringContaining('15 to 128 characters') },
    ]
    const { createUser } = await neda.admin.get(CreateUserDocument, { input: { username: 'Dora', password } })
    expect(createUser).toMatchObject({ user: null, userErrors: weak('password') })
    const dora = await createPerson(neda.admin, 'Dora')
    const { changePassword } = await (await dora.device()).get(ChangePasswordDocument, {
      input: { currentPassword: PASSWORD, newPassword: password },
    })
    expect(changePassword.userErrors).toEqual(weak('newPassword'))
    const { resetUserPassword } = await neda.admin.get(ResetUserPasswordDocument, { input: { userId: dora.id, newPassword: password } })
    expect(resetUserPassword.userErrors).toEqual(weak('newPassword'))
  })

  test('of 128 characters is taken whole', async () => {
    const password = `${'q7 '.repeat(42)}!?`
    expect(password).toHaveLength(128)
    const username = `long-${process.pid}`
    expect((await neda.admin.get(CreateUserDocument, { input: { username, password } })).createUser.userErrors).toEqual([])
    expect(codeOf(await anonymous.ask(LoginDocument, as({ username }, password)))).toBeUndefined()
    expect(codeOf(await anonymous.ask(LoginDocument, as({ username }, password.slice(0, -1))))).toBe('INVALID_CREDENTIALS')
    expect(codeOf(await anonymous.ask(LoginDocument, as({ username }, `${password}x`)))).toBe('BAD_USER_INPUT')
  })
})

describe('A54 limits of an address', () => {
  const FROM_ONE = { LOGIN_FAILURES_PER_ADDRESS: '3', LOGIN_WINDOW_MS: '6000' }
  const loginFrom = async (url: string, forwarded: string, username: string, password: string) => {
    const response = await new Client(url).post(
      { query: LoginDocument.toString(), variables: as({ username }, password) },
      { 'x-forwarded-for': forwarded },
    )
    return codeOf((await response.json()) as Answer<unknown>)
  }

  test('count failures only, are over after a while, and are not got round by a header', async () => {
    await using one = await startWithAdmin(FROM_ONE)
    const people = await Promise.all(['A', 'B', 'C', 'D'].map((name) => createPerson(one.admin, name)))
    for (const { username } of people) expect(await loginFrom(one.url, '', username, PASSWORD)).toBeUndefined()
    const began = performance.now()
    const codes: (string | undefined)[] = []
    for (const [n, { username }] of people.entries()) codes.push(await loginFrom(one.url, `203.0.113.${n}`, username, 'a wrong one'))
    expect(codes).toEqual(['INVALID_CREDENTIALS', 'INVALID_CREDENTIALS', 'INVALID_CREDENTIALS', 'RATE_LIMITED'])
    expect(await loginFrom(one.url, '203.0.113.77', people[3]?.username ?? '', PASSWORD)).toBe('RATE_LIMITED')
    const refreshed = await one.admin.ask(RefreshSessionDocument, { input: { refreshToken: 'nonsense' } })
    expect(codeOf(refreshed), 'who is signed in goes on').toBe('INVALID_REFRESH_TOKEN')
    await sleep(Math.max(0, 6_200 - (performance.now() - began)))
    expect(await loginFrom(one.url, '', people[3]?.username ?? '', PASSWORD)).toBeUndefined()
  })

  test('count for the device behind a proxy that is trusted, not for what it claims', async () => {
    await using one = await startWithAdmin({ ...FROM_ONE, LOGIN_WINDOW_MS: '60000', TRUSTED_PROXIES: '127.0.0.0/8, 10.0.0.0/8' })
    const { username } = await createPerson(one.admin, 'Ben')
    for (let n = 0; n < 3; n++)
      expect(await loginFrom(one.url, `198.51.100.${n}, 203.0.113.9, 10.0.0.2`, `nobody-${n}`, PASSWORD)).toBe('INVALID_CREDENTIALS')
    expect(await loginFrom(one.url, '198.51.100.9, 203.0.113.9', username, PASSWORD)).toBe('RATE_LIMITED')
    expect(await loginFrom(one.url, '203.0.113.10', username, PASSWORD)).toBeUndefined()
  })
})
