import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LoginDocument, MeDocument, RefreshSessionDocument, RevokeOtherSessionsDocument } from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { type Cluster, type Instance, openCluster } from '../support/cluster.ts'
import { Stopwatch } from '../support/machine.ts'
import { createPerson, PASSWORD } from '../support/people.ts'
import { codeOf } from '../support/transports.ts'

let cluster: Cluster
let a: Instance
let b: Instance

beforeAll(async () => {
  const env = { LOGIN_FAILURES_PER_ADDRESS: '12', TRUSTED_PROXIES: '127.0.0.1' }
  cluster = await openCluster({ names: ['a', 'b'], env })
  const [first, second] = cluster.instances
  if (!first || !second) throw new Error('there are two instances')
  a = first
  b = second
}, 60_000)
afterAll(() => cluster[Symbol.asyncDispose]())

let addresses = 0
/** An address that nobody had before, so that no test is limited by another. */
const someAddress = () => `203.0.113.${++addresses}`

async function login(instance: Instance, username: string, password: string, address: string) {
  const body = { query: LoginDocument.toString(), variables: { input: { username, password } } }
  const response = await new Client(instance.url).post(body, { 'x-forwarded-for': address })
  return (await response.json()) as Awaited<ReturnType<Client['ask']>> & {
    data?: { login?: { accessToken: string; refreshToken: string } }
  }
}

/** Many at once, at both instances in turn: how many of their guesses were tried. */
async function tried(usernames: readonly string[], addressOf: (n: number) => string) {
  const codes = await Promise.all(
    usernames.map(async (username, n) => codeOf(await login(n % 2 ? a : b, username, `wrong ${n}`, addressOf(n)))),
  )
  expect(new Set(codes)).toEqual(new Set(['INVALID_CREDENTIALS', 'RATE_LIMITED']))
  return codes.filter((code) => code === 'INVALID_CREDENTIALS').length
}

describe('A37 two processes count together', () => {
  test('the wrong passwords for an account, from wherever they come', async () => {
    const ben = await createPerson(cluster.admin, 'Ben')
    expect(
      await tried(
        Array.from({ length: 30 }, () => ben.username),
        someAddress,
      ),
    ).toBe(5)
    for (const instance of [a, b]) expect(codeOf(await login(instance, ben.username, PASSWORD, someAddress()))).toBe('RATE_LIMITED')
  })

  test('the wrong passwords from an address, for whomever they are', async () => {
    const address = someAddress()
    expect(
      await tried(
        Array.from({ length: 30 }, (_, n) => `nobody-${n}`),
        () => address,
      ),
    ).toBe(12)
    const ben = await createPerson(cluster.admin, 'Ben')
    for (const instance of [a, b]) expect(codeOf(await login(instance, ben.username, PASSWORD, address))).toBe('RATE_LIMITED')
    expect(codeOf(await login(a, ben.username, PASSWORD, someAddress()))).toBeUndefined()
  })

  test('each for itself while Redis is away: guesses are limited all the same, and people sign in', async () => {
    const [ben, cleo] = [await createPerson(cluster.admin, 'Ben'), await createPerson(cluster.admin, 'Cleo')]
    a.redis.cut()
    try {
      const codes: (string | undefined)[] = []
      for (let n = 0; n < 7; n++) codes.push(codeOf(await login(a, ben.username, `wrong ${n}`, someAddress())))
      expect(codes).toEqual([...Array.from({ length: 5 }, () => 'INVALID_CREDENTIALS'), 'RATE_LIMITED', 'RATE_LIMITED'])
      expect(codeOf(await login(a, cleo.username, PASSWORD, someAddress()))).toBeUndefined()
    } finally {
      a.redis.mend()
    }
  })
})

describe('at the other instance, within a second', () => {
  async function device() {
    const ben = await createPerson(cluster.admin, 'Ben')
    const { data } = await login(a, ben.username, PASSWORD, someAddress())
    if (!data?.login) throw new Error('not signed in')
    const { accessToken, refreshToken } = data.login
    const socket = new Client(b.url, accessToken).openSocket()
    await socket.get(MeDocument, {})
    return { ben, refreshToken, socket }
  }
  const refresh = (instance: Instance, refreshToken: string) =>
    new Client(instance.url).ask(RefreshSessionDocument, { input: { refreshToken } })

  test('A34 the socket of a session ends whose refresh token was used again', async () => {
    const { refreshToken, socket } = await device()
    const second = (await refresh(a, refreshToken)).data?.refreshSession.refreshToken ?? ''
    expect((await refresh(b, refreshToken)).data?.refreshSession.refreshToken, 'a retry at the other instance').toBe(second)
    await refresh(a, second)
    const watch = new Stopwatch()
    expect(codeOf(await refresh(a, refreshToken))).toBe('REFRESH_TOKEN_REUSED')
    expect((await socket.closed).code).toBe(4401)
    watch.expect(1_000)
  })

  test('A33 the socket of a device ends that was signed out', async () => {
    const { ben, socket } = await device()
    const { data } = await login(a, ben.username, PASSWORD, someAddress())
    const phone = new Client(a.url, data?.login?.accessToken ?? null)
    const watch = new Stopwatch()
    await phone.get(RevokeOtherSessionsDocument, {})
    expect((await socket.closed).code).toBe(4401)
    watch.expect(1_000)
  })
})
