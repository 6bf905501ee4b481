import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ChangePasswordDocument,
  DeleteUserDocument,
  DisableUserDocument,
  EnableUserDocument,
  FloorMessageDocument,
  JoinGroupDocument,
  LoginDocument,
  LogoutDocument,
  MeDocument,
  PresenceDocument,
  RefreshSessionDocument,
  ResetUserPasswordDocument,
  RevokeOtherSessionsDocument,
  RevokeSessionDocument,
  SessionsDocument,
  SpeakerChangedDocument,
} from '../generated/operations.ts'
import { Client, signIn } from '../support/client.ts'
import { createPerson, createTeam, endCode, PASSWORD, type Person, startWithAdmin } from '../support/people.ts'
import { press, renew } from '../support/talk.ts'

const NEW_PASSWORD = 'another long password'

describe.concurrent('signed-in devices', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let admin: Client
  let anonymous: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    admin = neda.admin
    anonymous = new Client(neda.url)
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const login = async ({ username }: Person, deviceName: string) => {
    const { login } = await anonymous.get(LoginDocument, { input: { username, password: PASSWORD, deviceName } })
    const { accessToken, refreshToken, session } = login
    if (!accessToken || !refreshToken || !session) throw new Error('no tokens')
    return { device: new Client(neda.url, accessToken), refreshToken, sessionId: session.id }
  }
  const refresh = (refreshToken: string) => anonymous.ask(RefreshSessionDocument, { input: { refreshToken } })
  const refreshRefusal = (refreshToken: string) => anonymous.refusal(RefreshSessionDocument, { input: { refreshToken } })

  test('everybody sees the own devices, the latest first, and which one asks', async () => {
    const dan = await createPerson(admin, 'Dan')
    const watch = await login(dan, 'Watch')
    const phone = await login(dan, 'Phone')
    const list = async (device: Client) =>
      (await device.get(SessionsDocument, {})).sessions.map(({ deviceName, current }) => [deviceName, current])
    expect(await list(watch.device)).toEqual([
      ['Phone', false],
      ['Watch', true],
    ])
    expect(await list(phone.device)).toEqual([
      ['Phone', true],
      ['Watch', false],
    ])
    await phone.device.get(LogoutDocument, {})
    expect(await list(watch.device)).toEqual([['Watch', true]])
    expect(await anonymous.refusal(SessionsDocument, {})).toBe('UNAUTHENTICATED')
  })

  test('whoever signs in may ask at once whether this is the current device', async () => {
    const { username } = await createPerson(admin, 'Dan')
    const query = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken session { deviceName current } } }'
    const answer = await (
      await anonymous.post({ query, variables: { input: { username, password: PASSWORD, deviceName: 'Watch' } } })
    ).json()
    expect(answer.errors).toBeUndefined()
    expect(answer.data.login.session.deviceName).toBe('Watch')
  })

  test('a refresh token is used once, for the next pair, and the device goes on where it was', async () => {
    const { groupId, ben } = await createTeam(admin)
    const first = await login(ben, 'Watch')
    await using socket = first.device.openSocket()
    await using floor = socket.subscribe(SpeakerChangedDocument, { groupId })
    await floor.received.next()
    const { burst } = await press(first.device, groupId, 'b1')
    const [before] = (await first.device.get(SessionsDocument, {})).sessions
    const { data } = await refresh(first.refreshToken)
    const next = data?.refreshSession
    expect(next).toMatchObject({ userErrors: [], session: { id: first.sessionId, deviceName: 'Watch' }, user: { id: ben.id } })
    expect(Date.parse(next?.accessTokenExpiresAt ?? '')).toBeGreaterThan(Date.now())
    expect(Date.parse(next?.session?.lastUsedAt ?? '')).toBeGreaterThan(Date.parse(before?.lastUsedAt ?? ''))
    const device = new Client(neda.url, next?.accessToken ?? '')
    expect((await device.get(SessionsDocument, {})).sessions.find(({ current }) => current)?.id).toBe(first.sessionId)
    expect((await renew(device, groupId, burst?.id)).renewed).toBe(true)
    expect((await socket.get(MeDocument, {})).me.id).toBe(ben.id)
    for (const none of ['nonsense', '', first.device.accessToken ?? '']) expect(await refreshRefusal(none)).toBe('INVALID_REFRESH_TOKEN')
    expect((await refresh(next?.refreshToken ?? '')).errors).toBeUndefined()
    expect(floor.received.items.filter(({ errors }) => errors)).toEqual([])
  })

  test('many who use one refresh token at once get the same next one', async () => {
    const { refreshToken } = await login(await createPerson(admin, 'Dan'), 'Watch')
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)))
    const next = new Set(answers.map(({ data }) => data?.refreshSession.refreshToken))
    expect(next.size).toBe(1)
    expect([...next][0]).toBeTruthy()
  })

  /** Every way in which a device is signed out, by itself, from Ben's phone or by an admin; and whether the phone is still signed in then. */
  const SIGN_OUTS: [
    how: string,
    phoneStays: boolean,
    act: (who: { watch: Client; phone: Client; watchId: string; ben: Person }) => Promise<unknown>,
  ][] = [
    ['logout', true, ({ watch }) => watch.get(LogoutDocument, {})],
    ['revokeSession', true, ({ phone, watchId }) => phone.get(RevokeSessionDocument, { input: { sessionId: watchId } })],
    ['revokeOtherSessions', true, ({ phone }) => phone.get(RevokeOtherSessionsDocument, {})],
    [
      'changePassword',
      true,
      ({ phone }) => phone.get(ChangePasswordDocument, { input: { currentPassword: PASSWORD, newPassword: NEW_PASSWORD } }),
    ],
    [
      'resetUserPassword',
      false,
      ({ ben }) => admin.get(ResetUserPasswordDocument, { input: { userId: ben.id, newPassword: NEW_PASSWORD } }),
    ],
    ['disableUser', false, ({ ben }) => admin.get(DisableUserDocument, { input: { userId: ben.id } })],
    ['deleteUser', false, ({ ben }) => admin.get(DeleteUserDocument, { input: { userId: ben.id } })],
  ]

  test.for(SIGN_OUTS)('%s ends all that the device has open, at once, and says why', async ([, phoneStays, act]) => {
    const { groupId, ben, cleosWatch } = await createTeam(admin)
    const { device: watch, refreshToken, sessionId: watchId } = await login(ben, 'Watch')
    const { device: phone } = await login(ben, 'Phone')
    await using phoneSocket = phone.openSocket()
    await using onPhone = phoneSocket.subscribe(SpeakerChangedDocument, { groupId })
    await using floor = await cleosWatch.subscribeSse(SpeakerChangedDocument, { groupId })
    await using presence = await cleosWatch.subscribeSse(PresenceDocument, { groupId })
    await using socket = watch.openSocket()
    await using floorOverSocket = socket.subscribe(SpeakerChangedDocument, { groupId })
    await using presenceOverSocket = socket.subscribe(PresenceDocument, { groupId })
    await using floorOverSse = await watch.subscribeSse(SpeakerChangedDocument, { groupId })
    await using messages = await watch.subscribeSse(FloorMessageDocument, { groupId })
    for (const { received } of [onPhone, floor, presence, floorOverSocket, presenceOverSocket, floorOverSse]) await received.next()
    await watch.get(JoinGroupDocument, { input: { groupId } })
    const { burst } = await press(watch, groupId, 'b1')
    expect(burst).not.toBeNull()

    await act({ watch, phone, watchId, ben })
    for (const stream of [floorOverSocket, presenceOverSocket, floorOverSse, messages])
      expect(await endCode(stream, 1_000)).toBe('SESSION_REVOKED')
    expect((await socket.closed).code).toBe(4401)
    const idle = await floor.received.find(({ data }) => data?.speakerChanged.kind === 'IDLE', 1_000)
    expect(idle.data?.speakerChanged).toMatchObject({ floor: { state: 'IDLE' }, previous: { id: burst?.id, endReason: 'SESSION_REVOKED' } })
    const left = await presence.received.find(({ data }) => data?.presence.kind === 'LEFT', 1_000)
    expect(left.data?.presence.member).toMatchObject({ user: { id: ben.id }, devices: 0 })

    expect(await watch.refusal(MeDocument, {})).toBe('SESSION_REVOKED')
    expect(await refreshRefusal(refreshToken)).toBe('INVALID_REFRESH_TOKEN')
    await using late = await watch.subscribeSse(SpeakerChangedDocument, { groupId })
    expect(await endCode(late)).toBe('SESSION_REVOKED')
    await using again = watch.openSocket()
    void again.ask(MeDocument, {}).catch(() => undefined)
    expect((await again.closed).code).toBe(4401)
    expect(await phone.refusal(MeDocument, {})).toBe(phoneStays ? undefined : 'SESSION_REVOKED')
    if (phoneStays) expect((await phoneSocket.get(MeDocument, {})).me.id).toBe(ben.id)
    else expect([await endCode(onPhone), (await phoneSocket.closed).code]).toEqual(['SESSION_REVOKED', 4401])
  })

  test('a device that signs out over its socket is answered before the socket ends', async () => {
    const { device } = await login(await createPerson(admin, 'Dan'), 'Watch')
    const socket = device.openSocket()
    expect((await socket.get(LogoutDocument, {})).logout.userErrors).toEqual([])
    expect((await socket.closed).code).toBe(4401)
    expect(await device.refusal(LogoutDocument, {})).toBe('SESSION_REVOKED')
  })

  test('one signs out the own devices only, each once', async () => {
    const [dan, eve] = await Promise.all([createPerson(admin, 'Dan'), createPerson(admin, 'Eve')])
    const [watch, phone, foreign] = await Promise.all([login(dan, 'Watch'), login(dan, 'Phone'), login(eve, 'Watch')])
    const revoke = (device: Client, sessionId: string) => device.ask(RevokeSessionDocument, { input: { sessionId } })
    const notFound = await revoke(watch.device, foreign.sessionId)
    expect(notFound.errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
    expect(await foreign.device.refusal(MeDocument, {})).toBeUndefined()
    expect((await revoke(admin, foreign.sessionId)).errors?.[0]?.extensions?.code, 'not even an admin').toBe('NOT_FOUND')
    expect((await revoke(watch.device, phone.sessionId)).data?.revokeSession.userErrors).toEqual([])
    expect(await revoke(watch.device, phone.sessionId)).toEqual(notFound)
    expect((await revoke(watch.device, watch.sessionId)).errors).toBeUndefined()
    expect(await watch.device.refusal(MeDocument, {})).toBe('SESSION_REVOKED')
    const others = await foreign.device.get(RevokeOtherSessionsDocument, {})
    expect(others.revokeOtherSessions.userErrors).toEqual([])
    expect(await foreign.device.refusal(MeDocument, {})).toBeUndefined()
  })

  test('a password is changed by who knows it, to one that is not weak, or nothing happens', async () => {
    const dan = await createPerson(admin, 'Dan')
    const [watch, phone] = await Promise.all([login(dan, 'Watch'), login(dan, 'Phone')])
    const change = (currentPassword: string, newPassword: string) =>
      watch.device.ask(ChangePasswordDocument, { input: { currentPassword, newPassword } })
    for (const wrong of ['wrong password', '', 'x'.repeat(200)]) {
      const { errors } = await change(wrong, NEW_PASSWORD)
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_CREDENTIALS', field: ['input', 'currentPassword'] })
    }
    for (const weak of ['short', 'x'.repeat(129)])
      expect((await change(PASSWORD, weak)).data?.changePassword.userErrors).toMatchObject([
        { code: 'WEAK_PASSWORD', field: ['input', 'newPassword'] },
      ])
    expect(await phone.device.refusal(MeDocument, {})).toBeUndefined()
    expect((await change(PASSWORD, NEW_PASSWORD)).data?.changePassword.userErrors).toEqual([])
    expect(await watch.device.refusal(MeDocument, {})).toBeUndefined()
    expect(await phone.device.refusal(MeDocument, {})).toBe('SESSION_REVOKED')
    await expect(dan.device()).rejects.toThrow('INVALID_CREDENTIALS')
    await signIn(neda.url, dan.username, NEW_PASSWORD)
  })

  test('an admin replaces a password; the old one opens nothing any more', async () => {
    const dan = await createPerson(admin, 'Dan')
    const watch = await dan.device()
    const reset = async (newPassword: string) =>
      (await admin.get(ResetUserPasswordDocument, { input: { userId: dan.id, newPassword } })).resetUserPassword
    expect(await reset('short')).toMatchObject({ user: null, userErrors: [{ code: 'WEAK_PASSWORD', field: ['input', 'newPassword'] }] })
    expect(await watch.refusal(MeDocument, {})).toBeUndefined()
    expect(await reset(NEW_PASSWORD)).toMatchObject({ user: { id: dan.id }, userErrors: [] })
    await expect(dan.device()).rejects.toThrow('INVALID_CREDENTIALS')
    await signIn(neda.url, dan.username, NEW_PASSWORD)
  })

  /** What must also end the sessions that are being opened with the old password just then; and what may let the user in again after it. */
  const LOCK_OUTS: [how: string, act: (userId: string, device: Client) => Promise<unknown>, after: (userId: string) => Promise<unknown>][] =
    [
      [
        'resetUserPassword',
        (userId) => admin.get(ResetUserPasswordDocument, { input: { userId, newPassword: NEW_PASSWORD } }),
        () => Promise.resolve(),
      ],
      [
        'changePassword',
        (_, device) => device.get(ChangePasswordDocument, { input: { currentPassword: PASSWORD, newPassword: NEW_PASSWORD } }),
        () => Promise.resolve(),
      ],
      [
        'disableUser',
        (userId) => admin.get(DisableUserDocument, { input: { userId } }),
        (userId) => admin.get(EnableUserDocument, { input: { userId } }),
      ],
    ]

  test.for(LOCK_OUTS)('who signs in while %s happens is not signed in after it', async ([, act, after]) => {
    const dan = await createPerson(admin, 'Dan')
    const device = await dan.device()
    const attempts = Array.from({ length: 15 }, async (_, n) => {
      await sleep(n * 20)
      return anonymous.ask(LoginDocument, { input: { username: dan.username, password: PASSWORD } })
    })
    await sleep(20)
    await act(dan.id, device)
    const opened = (await Promise.all(attempts)).flatMap(({ data }) => data?.login.accessToken ?? [])
    await after(dan.id)
    const still = await Promise.all(opened.map((token) => new Client(neda.url, token).refusal(MeDocument, {})))
    expect(still).toEqual(opened.map(() => 'SESSION_REVOKED'))
  })
})
