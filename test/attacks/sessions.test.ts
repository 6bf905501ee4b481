import { TokenVerifier } from 'livekit-server-sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AuditLogDocument,
  FloorDocument,
  JoinGroupDocument,
  LoginDocument,
  MeDocument,
  RefreshSessionDocument,
  RenewConnectionDocument,
  RequestTalkDocument,
  RevokeOtherSessionsDocument,
  SessionsDocument,
  SpeakerChangedDocument,
} from '../generated/operations.ts'
import { Client, type Socket } from '../support/client.ts'
import { forgedTokens, lasting } from '../support/forged-tokens.ts'
import { createPerson, createTeam, endCode, PASSWORD, type Person, startWithAdmin } from '../support/people.ts'
import { WAYS } from '../support/raw-requests.ts'
import { endReasons, press } from '../support/talk.ts'
import { askVia, codeOf } from '../support/transports.ts'

const SECRET_KEY = 'a secret key of these tests alone, long enough'
const NOT_SIGNED_IN = 'Sign in first: there is no valid access token.'

let neda: Awaited<ReturnType<typeof startWithAdmin>>
let anonymous: Client

beforeAll(async () => {
  neda = await startWithAdmin({ SECRET_KEY })
  anonymous = new Client(neda.url)
})
afterAll(() => neda[Symbol.asyncDispose]())

async function login({ username }: Person, deviceName = 'Watch') {
  const { login } = await anonymous.get(LoginDocument, { input: { username, password: PASSWORD, deviceName } })
  if (!login.accessToken || !login.refreshToken || !login.session) throw new Error('no tokens')
  return { device: new Client(neda.url, login.accessToken), refreshToken: login.refreshToken, sessionId: login.session.id }
}

/** The same device, with a token that is good for so long only. */
const lastingFor = async (device: Client, ms: number) => new Client(neda.url, await lasting(device.accessToken ?? '', ms, SECRET_KEY))

/** How a socket with this token ends, though it asks something. */
async function closing(accessToken: string) {
  const socket = new Client(neda.url, accessToken).openSocket()
  void socket.ask(MeDocument, {}).catch(() => undefined)
  const { code, reason } = await socket.closed
  return { code, reason }
}

describe('A31 a token that is not ours', () => {
  let forged: Record<string, string>

  beforeAll(async () => {
    forged = await forgedTokens(neda.admin.accessToken ?? '', SECRET_KEY)
  })

  test('is refused with one text over POST and SSE, and with 4403 over WebSocket', async () => {
    for (const [what, token] of Object.entries(forged)) {
      const client = new Client(neda.url, token)
      const refused = [expect.objectContaining({ message: NOT_SIGNED_IN, extensions: { code: 'UNAUTHENTICATED', retryable: false } })]
      expect((await client.ask(MeDocument, {})).errors, what).toEqual(refused)
      await using stream = await client.subscribeSse(MeDocument, {})
      expect((await stream.received.next()).errors, what).toEqual(refused)
      expect(await closing(token), what).toMatchObject({ code: 4403 })
    }
  })

  test('is 401 for who asks for the status', async () => {
    const { status } = await new Client(neda.url, forged.expired).post(
      { query: MeDocument.toString() },
      { accept: 'application/graphql-response+json' },
    )
    expect(status).toBe(401)
  })
})

test('A32 a token for LiveKit opens nothing here, and ours nothing there', async () => {
  const { groupId, bensWatch } = await createTeam(neda.admin)
  const { joinGroup } = await bensWatch.get(JoinGroupDocument, { input: { groupId } })
  const token = joinGroup.media?.token ?? ''
  expect(token.split('.')).toHaveLength(3)
  expect(await new Client(neda.url, token).refusal(MeDocument, {})).toBe('UNAUTHENTICATED')
  expect((await closing(token)).code).toBe(4403)
  await expect(new TokenVerifier('devkey', 'secret').verify(bensWatch.accessToken ?? '')).rejects.toThrow()
})

describe.each(WAYS)('over %s', (way) => {
  const refresh = (refreshToken: string) => askVia(way, anonymous, RefreshSessionDocument, { input: { refreshToken } })
  const next = async (refreshToken: string) => (await refresh(refreshToken)).data?.refreshSession?.refreshToken ?? ''

  test('A33 the token of a device that was signed out', async () => {
    const ben = await createPerson(neda.admin, 'Ben')
    const [{ device: watch }, { device: phone }] = [await login(ben), await login(ben, 'Phone')]
    await phone.get(RevokeOtherSessionsDocument, {})
    if (way === 'WebSocket') expect((await closing(watch.accessToken ?? '')).code).toBe(4401)
    else expect(codeOf(await askVia(way, watch, MeDocument, {}))).toBe('SESSION_REVOKED')
  })

  test('A34 a refresh token that comes back after its successor was used ends the session', async () => {
    const ben = await createPerson(neda.admin, 'Ben')
    const { device, refreshToken, sessionId } = await login(ben)
    await using socket = device.openSocket()
    await socket.get(MeDocument, {})
    const third = await next(await next(refreshToken))
    expect(codeOf(await refresh(refreshToken))).toBe('REFRESH_TOKEN_REUSED')
    expect((await socket.closed).code).toBe(4401)
    expect(codeOf(await refresh(third)), 'the whole family').toBe('INVALID_REFRESH_TOKEN')
    expect(await device.refusal(MeDocument, {})).toBe('SESSION_REVOKED')
    const { auditLog } = await neda.admin.get(AuditLogDocument, { filter: { action: 'REFRESH_TOKEN_REUSED' }, first: 100 })
    expect(auditLog.edges.map(({ node }) => node)).toContainEqual(
      expect.objectContaining({ refusalCode: 'REFRESH_TOKEN_REUSED', targetKind: 'SESSION', targetId: sessionId }),
    )
  })

  test('A35 a retry, and two at once, get the same successor and nobody is signed out', async () => {
    const { device, refreshToken } = await login(await createPerson(neda.admin, 'Ben'))
    const both = await Promise.all([next(refreshToken), next(refreshToken)])
    expect(both[0]).not.toBe('')
    expect(new Set([...both, await next(refreshToken)]).size).toBe(1)
    expect(await device.refusal(MeDocument, {})).toBeUndefined()
    expect(await next(both[0] ?? '')).not.toBe('')
  })

  test('A36 a refresh token that is none, or of a device that has gone', async () => {
    const { device, refreshToken } = await login(await createPerson(neda.admin, 'Ben'))
    for (const wrong of ['', 'nonsense', refreshToken.slice(0, -1), refreshToken.toUpperCase(), device.accessToken ?? ''])
      expect(codeOf(await refresh(wrong))).toBe('INVALID_REFRESH_TOKEN')
    const { device: other } = await login(await createPerson(neda.admin, 'Eve'))
    const { sessions } = await device.get(SessionsDocument, {})
    expect(sessions).toHaveLength(1)
    expect(await other.refusal(MeDocument, {})).toBeUndefined()
  })

  test('renewing a connection with what is no token of this session', async () => {
    const ben = await createPerson(neda.admin, 'Ben')
    const [{ device }, { device: phone }] = [await login(ben), await login(ben, 'Phone')]
    const renew = (accessToken: string) => askVia(way, device, RenewConnectionDocument, { input: { accessToken } })
    const isPlain = way !== 'WebSocket'
    expect(codeOf(await renew(phone.accessToken ?? ''))).toBe(isPlain ? 'BAD_USER_INPUT' : 'FORBIDDEN')
    expect(codeOf(await renew('nonsense'))).toBe(isPlain ? 'BAD_USER_INPUT' : 'UNAUTHENTICATED')
    expect(codeOf(await renew(device.accessToken ?? ''))).toBe(isPlain ? 'BAD_USER_INPUT' : undefined)
    expect(codeOf(await askVia(way, anonymous, RenewConnectionDocument, { input: { accessToken: device.accessToken ?? '' } }))).toBe(
      'UNAUTHENTICATED',
    )
  })
})

describe('A46 a socket', () => {
  test('with an expired token is closed with 4403, with that of a revoked session with 4401', async () => {
    const ben = await createPerson(neda.admin, 'Ben')
    const [{ device: watch }, { device: phone }] = [await login(ben), await login(ben, 'Phone')]
    const expired = await lasting(watch.accessToken ?? '', -1_000, SECRET_KEY)
    expect(await closing(expired)).toEqual({ code: 4403, reason: expect.stringMatching(/token expired/i) })
    await phone.get(RevokeOtherSessionsDocument, {})
    expect(await closing(watch.accessToken ?? '')).toMatchObject({ code: 4401 })
  })

  test('ends with its token: what it watches is told why, then it is closed with 4403', async () => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    const device = await lastingFor(bensWatch, 2_000)
    await using socket = device.openSocket()
    await using floor = socket.subscribe(SpeakerChangedDocument, { groupId })
    await floor.received.next()
    expect(await endCode(floor, 4_000)).toBe('UNAUTHENTICATED')
    expect(await socket.closed).toMatchObject({ code: 4403, reason: expect.stringMatching(/token expired/i) })
    expect(await bensWatch.refusal(MeDocument, {}), 'the session itself goes on').toBeUndefined()
  })

  test('that was renewed in band goes on, and all that it watches', async () => {
    const { groupId, bensWatch, cleosWatch } = await createTeam(neda.admin)
    const device = await lastingFor(bensWatch, 2_000)
    await using socket = device.openSocket()
    await using floor = socket.subscribe(SpeakerChangedDocument, { groupId })
    await floor.received.next()
    const renew = async (with_: Socket, accessToken: string) =>
      (await with_.get(RenewConnectionDocument, { input: { accessToken } })).renewConnection
    const { expiresAt, userErrors } = await renew(socket, bensWatch.accessToken ?? '')
    expect(userErrors).toEqual([])
    expect(Date.parse(expiresAt ?? '')).toBeGreaterThan(Date.now() + 60_000)
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    expect(socket.isOpen).toBe(true)
    await press(cleosWatch, groupId, 'c1')
    expect((await floor.received.next()).data?.speakerChanged.kind).toBe('TAKEN')
  })

  test('of who talks ends as any connection does: its lease is cut short, and the floor is free', async () => {
    const { groupId, bensWatch, cleosWatch } = await createTeam(neda.admin)
    const device = await lastingFor(bensWatch, 1_500)
    await using socket = device.openSocket()
    const pressed = await socket.ask(RequestTalkDocument, { input: { groupId, requestId: 'b1' } })
    expect(pressed.data?.requestTalk.outcome).toBe('GRANTED')
    expect((await socket.closed).code).toBe(4403)
    await expect
      .poll(async () => (await cleosWatch.get(FloorDocument, { groupId })).floor.state, { timeout: 5_000, interval: 100 })
      .toBe('IDLE')
    expect(await endReasons(cleosWatch, groupId)).toEqual(['CONNECTION_LOST'])
  })
})

test('an event stream ends with its token and says why', async () => {
  const { groupId, bensWatch } = await createTeam(neda.admin)
  const device = await lastingFor(bensWatch, 2_000)
  await using floor = await device.subscribeSse(SpeakerChangedDocument, { groupId })
  await floor.received.next()
  expect(await endCode(floor, 4_000)).toBe('UNAUTHENTICATED')
})

test('one sees of the own devices from where they came last', async () => {
  const { device } = await login(await createPerson(neda.admin, 'Ben'))
  const { sessions } = await device.get(SessionsDocument, {})
  expect(sessions).toEqual([expect.objectContaining({ address: '127.0.0.1', userAgent: expect.stringMatching(/./) })])
})
