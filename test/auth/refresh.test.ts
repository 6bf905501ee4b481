import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { AccessTokens } from '../../src/domains/auth/access-tokens.ts'
import { RefreshTokens } from '../../src/domains/auth/refresh-tokens.ts'
import { Sessions } from '../../src/domains/auth/sessions.ts'
import { Refusal } from '../../src/errors.ts'
import { newId, type SessionId } from '../../src/ids.ts'
import { dataFolder } from '../support/data-folder.ts'
import { at, CLIENT, createPerson, type Instance, openInstance, SECRET_KEY, sharedEngine, silent, until } from './instances.ts'

const stack = new AsyncDisposableStack()
let a: Instance
let b: Instance

beforeAll(async () => {
  const folder = stack.use(await dataFolder())
  const { url } = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: silent }))
  await migrate(url, { log: silent })
  const engine = stack.use(sharedEngine())
  a = stack.use(await openInstance(url, engine))
  b = stack.use(await openInstance(url, engine))
})
afterAll(() => stack.disposeAsync())

const SECOND = 1_000
const DAY = 24 * 60 * 60 * SECOND

/** What a refresh token got: the next one, or the code of the refusal. */
async function refresh(instance: Instance, token: string): Promise<string> {
  try {
    return (await instance.auth.refreshSession(token, CLIENT)).refreshToken
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

/** Lets time pass for one session. */
async function age(sessionId: SessionId, ms: number) {
  await a.db.$executeRaw`
    UPDATE "Session" SET "createdAt" = "createdAt" - ${ms} * interval '1 ms', "refreshedAt" = "refreshedAt" - ${ms} * interval '1 ms',
      "expiresAt" = "expiresAt" - ${ms} * interval '1 ms' WHERE "id" = ${sessionId}::uuid`
}

/** What must be, said without a database. */
class Model {
  /** By number, from 1. */
  readonly tokens: string[]
  #sinceRefresh = 0
  #sinceSignIn = 0
  #isOver = false

  constructor(first: string) {
    this.tokens = [first]
  }

  pass(ms: number) {
    this.#sinceRefresh += ms
    this.#sinceSignIn += ms
    if (this.#sinceRefresh > 30 * DAY || this.#sinceSignIn > 90 * DAY) this.#isOver = true
  }

  end() {
    this.#isOver = true
  }

  expect(number: number): 'THE NEXT' | 'THE SAME' | 'INVALID_REFRESH_TOKEN' | 'REFRESH_TOKEN_REUSED' {
    if (this.#isOver) return 'INVALID_REFRESH_TOKEN'
    if (number === this.tokens.length) return 'THE NEXT'
    if (number === this.tokens.length - 1) return this.#sinceRefresh < 60 * SECOND ? 'THE SAME' : 'INVALID_REFRESH_TOKEN'
    this.#isOver = true
    return 'REFRESH_TOKEN_REUSED'
  }

  next(token: string) {
    this.tokens.push(token)
    this.#sinceRefresh = 0
  }
}

type Step =
  | { readonly refresh: number; readonly instance: 0 | 1; readonly times: 1 | 3 }
  | { readonly pass: number }
  | { readonly revoke: true }

const instance = fc.constantFrom(0 as const, 1 as const)
/** Counted from the newest: mostly that one, or the one before. */
const refreshStep = fc.record({
  refresh: fc.constantFrom(0, 0, 0, 0, 1, 1, 2, 5),
  instance,
  times: fc.constantFrom(1 as const, 1 as const, 3 as const),
})
const passStep = fc.record({ pass: fc.constantFrom(25 * SECOND, 45 * SECOND, 70 * SECOND, DAY, 20 * DAY, 20 * DAY, 31 * DAY) })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: refreshStep },
  { weight: 3, arbitrary: passStep },
  { weight: 1, arbitrary: fc.constant({ revoke: true } as const) },
)

async function play(steps: readonly Step[]) {
  const ben = await createPerson(a)
  const { refreshToken, sessionId, accessToken } = await ben.signIn(a)
  const viewer = await a.auth.viewer(accessToken)
  const model = new Model(refreshToken)
  for (const one of steps) {
    if ('pass' in one) {
      await age(sessionId, one.pass)
      model.pass(one.pass)
    } else if ('revoke' in one) {
      await a.auth.revokeSession(at(viewer), sessionId).catch(() => undefined) // it may have ended before
      model.end()
    } else {
      const number = Math.max(1, model.tokens.length - one.refresh)
      const token = model.tokens[number - 1] ?? ''
      const due = model.expect(number)
      // All at once: whoever comes first gets it, the others are retries.
      const order = [a, b].slice(one.instance).concat(a, b).slice(0, one.times)
      const answers = await Promise.all(order.map((where) => refresh(where, token)))
      if (due === 'REFRESH_TOKEN_REUSED') {
        expect(answers).toContain(due)
        expect(answers.filter((answer) => answer !== due && answer !== 'INVALID_REFRESH_TOKEN')).toEqual([])
        continue
      }
      expect(new Set(answers).size).toBe(1)
      const [answer = ''] = answers
      if (due === 'THE NEXT') {
        expect(model.tokens).not.toContain(answer)
        expect(answer).toHaveLength(refreshToken.length)
        model.next(answer)
      } else expect(answer).toBe(due === 'THE SAME' ? model.tokens.at(-1) : due)
    }
  }
}

test('whatever happens in whichever order at two instances, refresh tokens do what the model says', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), play), { numRuns: 40 })
}, 120_000)

describe('a refresh token', () => {
  test('that ten use at once at two instances gets one and the same successor, and the session goes on', async () => {
    const { refreshToken, sessionId } = await (await createPerson(a)).signIn(a)
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => refresh(n % 2 ? a : b, refreshToken)))
    expect(new Set(answers).size).toBe(1)
    expect(await refresh(b, answers[0] ?? '')).not.toMatch(/^[A-Z_]+$/)
    expect(a.auth.isSignedIn(sessionId)).toBe(true)
  })

  test('whose answer was lost gets the same successor for a minute, and nothing after it; the session goes on', async () => {
    const { refreshToken, sessionId } = await (await createPerson(a)).signIn(a)
    const next = await refresh(a, refreshToken)
    await age(sessionId, 40 * SECOND)
    expect(await refresh(b, refreshToken)).toBe(next)
    await age(sessionId, 40 * SECOND)
    expect(await refresh(b, refreshToken)).toBe('INVALID_REFRESH_TOKEN')
    expect(await refresh(a, next)).toHaveLength(refreshToken.length)
  })

  test('that comes back after its successor was used ends the session at every instance within a second', async () => {
    const { refreshToken, sessionId } = await (await createPerson(a)).signIn(a)
    const second = await refresh(a, refreshToken)
    await until(() => b.auth.isSignedIn(sessionId))
    const third = await refresh(a, second)
    expect(await refresh(b, refreshToken)).toBe('REFRESH_TOKEN_REUSED')
    await until(() => !a.auth.isSignedIn(sessionId) && !b.auth.isSignedIn(sessionId))
    for (const token of [refreshToken, second, third]) expect(await refresh(a, token)).toBe('INVALID_REFRESH_TOKEN')
    const [entry] = await a.db.auditEntry.findMany({ where: { targetId: sessionId, action: 'REFRESH_TOKEN_REUSED' } })
    expect(entry).toMatchObject({ outcome: 'REFRESH_TOKEN_REUSED', address: CLIENT.address, details: { number: 1, expected: 3 } })
  })

  test('is refused when a single bit of it is another, or when it is of another session or key', async () => {
    const { refreshToken, sessionId } = await (await createPerson(a)).signIn(a)
    const other = await (await createPerson(a)).signIn(a)
    const bytes = Buffer.from(refreshToken, 'base64url')
    const altered = Array.from(bytes, (byte, n) =>
      Buffer.from(bytes)
        .fill(byte ^ (1 << (n % 8)), n, n + 1)
        .toString('base64url'),
    )
    const mixed = Buffer.concat([bytes.subarray(0, 20), Buffer.from(other.refreshToken, 'base64url').subarray(20)]).toString('base64url')
    const { refreshSalt } = await a.db.session.findUniqueOrThrow({ where: { id: sessionId } })
    const foreign = new RefreshTokens('another key, and just as long as it', null).make({ sessionId, number: 1 }, refreshSalt)
    const unknown = new RefreshTokens(SECRET_KEY, null).make({ sessionId: newId<SessionId>(), number: 1 }, refreshSalt)
    const later = new RefreshTokens(SECRET_KEY, null).make({ sessionId, number: 2_000_000_000 }, refreshSalt)
    const salted = new RefreshTokens(SECRET_KEY, null).make({ sessionId, number: 1 }, refreshSalt.slice(1))
    const strange = ['', 'x', refreshToken.slice(1), `${refreshToken}A`, `${refreshToken}=`, ' '.repeat(70), other.accessToken]
    for (const token of [...altered, mixed, foreign, unknown, later, salted, ...strange])
      expect(await refresh(a, token)).toBe('INVALID_REFRESH_TOKEN')
    expect(await refresh(a, refreshToken)).toHaveLength(refreshToken.length)
  })

  test('is good for 30 days, and all of a session together for 90', async () => {
    const { refreshToken, sessionId } = await (await createPerson(a)).signIn(a)
    let token = refreshToken
    for (let day = 29; day < 90; day += 29) {
      await age(sessionId, 29 * DAY)
      token = await refresh(a, token)
      expect(token).toHaveLength(refreshToken.length)
    }
    await age(sessionId, 4 * DAY)
    expect(await refresh(a, token), '91 days after the sign-in, 4 after the last refresh').toBe('INVALID_REFRESH_TOKEN')
    const other = await (await createPerson(a)).signIn(a)
    await age(other.sessionId, 31 * DAY)
    expect(await refresh(a, other.refreshToken)).toBe('INVALID_REFRESH_TOKEN')
  })

  test('made with the key before is good while that is known, and not longer', async () => {
    const { refreshToken } = await (await createPerson(a)).signIn(a)
    const { db, rights } = a
    const rotated = (previous: string | null) =>
      new Sessions({
        db,
        rights,
        accessTokens: new AccessTokens('the next key of all instances of this test', previous),
        refreshTokens: new RefreshTokens('the next key of all instances of this test', previous),
      })
    await expect(rotated(null).refresh(refreshToken, CLIENT)).rejects.toMatchObject({ code: 'INVALID_REFRESH_TOKEN' })
    const { refreshToken: next } = await rotated(SECRET_KEY).refresh(refreshToken, CLIENT)
    expect((await rotated(null).refresh(next, CLIENT)).refreshToken).toHaveLength(next.length)
  })

  test('is not in the database, nor is anything that it can be made from without the secret key', async () => {
    const { refreshToken, sessionId } = await (await createPerson(a)).signIn(a)
    const row = JSON.stringify(await a.db.session.findUniqueOrThrow({ where: { id: sessionId } }))
    expect(row).not.toContain(refreshToken.slice(-40))
  })
})

test('a session remembers from where and with what its device came last', async () => {
  const { refreshToken, sessionId } = await (await createPerson(a)).signIn(a)
  const read = () => a.db.session.findUniqueOrThrow({ where: { id: sessionId } })
  expect(await read()).toMatchObject({ address: CLIENT.address, userAgent: CLIENT.userAgent })
  await a.auth.refreshSession(refreshToken, { address: '2001:db8::7', userAgent: null })
  expect(await read()).toMatchObject({ address: '2001:db8::7', userAgent: null })
})
