import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, test, vi } from 'vitest'
import { AccessTokens } from '../../src/domains/auth/access-tokens.ts'
import { Refusal } from '../../src/errors.ts'
import { newId, type SessionId, type UserId } from '../../src/ids.ts'
import { forgedTokens } from '../support/forged-tokens.ts'

const SECRET_KEY = 'the secret key of these tests alone'
const NEXT_KEY = 'the secret key that comes after it'
const claims = { userId: newId<UserId>(), sessionId: newId<SessionId>() }

test('a token says what it is, who made it, for whom, with which key and for how long', async () => {
  const { token, expiresAt } = await new AccessTokens(SECRET_KEY, null).mint(claims)
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: expect.any(String) })
  const { iat = 0, ...payload } = decodeJwt(token)
  expect(payload).toEqual({ iss: 'neda', aud: 'neda-api', sub: claims.userId, sid: claims.sessionId, exp: expiresAt.getTime() / 1_000 })
  expect((payload.exp ?? 0) - iat).toBe(600)
})

test('A31 nothing else is taken for one, and all are refused with the same words', async () => {
  const tokens = new AccessTokens(SECRET_KEY, null)
  const { token } = await tokens.mint(claims)
  const forged = await forgedTokens(token, SECRET_KEY)
  const refusals = await Promise.all(
    Object.entries(forged).map(async ([what, one]) => {
      const error: unknown = await tokens.verify(one).catch((reason: unknown) => reason)
      return [what, error instanceof Refusal ? `${error.code}: ${error.message}` : error]
    }),
  )
  for (const refusal of refusals) expect(refusal).toEqual([refusal[0], 'UNAUTHENTICATED: Sign in first: there is no valid access token.'])
  expect(await tokens.verify(token)).toMatchObject(claims)
})

test('the key before verifies while it is known; another does not', async () => {
  const { token } = await new AccessTokens(SECRET_KEY, null).mint(claims)
  expect(await new AccessTokens(NEXT_KEY, SECRET_KEY).verify(token)).toMatchObject(claims)
  const next = (await new AccessTokens(NEXT_KEY, SECRET_KEY).mint(claims)).token
  expect(await new AccessTokens(NEXT_KEY, null).verify(next)).toMatchObject(claims)
  await expect(new AccessTokens(NEXT_KEY, null).verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  await expect(new AccessTokens(SECRET_KEY, null).verify(next)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('a token that was verified before is refused when it has run out', async () => {
  const tokens = new AccessTokens(SECRET_KEY, null, 2_000)
  const { token, expiresAt } = await tokens.mint(claims)
  expect(await tokens.verify(token)).toEqual({ ...claims, expiresAt: expiresAt.getTime() })
  await vi.waitFor(() => expect(tokens.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' }), { timeout: 3_000, interval: 50 })
  expect(Date.now() - expiresAt.getTime()).toBeGreaterThanOrEqual(0)
  expect(Date.now() - expiresAt.getTime()).toBeLessThan(500)
})
