import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import {
  ApproveDevicePairingDocument,
  CreateUserDocument,
  DisableTotpDocument,
  GroupDocument,
  LoginDocument,
  MeDocument,
  ResetTotpDocument,
  SecondFactorDocument,
  SpeakerChangedDocument,
  StartDevicePairingDocument,
  UsersDocument,
} from '../generated/operations.ts'
import { setUpTotp } from '../support/authenticator.ts'
import { Client, signIn } from '../support/client.ts'
import { createGroup, createPerson, endCode, outcomeOf, PASSWORD, startWithAdmin } from '../support/people.ts'
import { WAYS } from '../support/raw-requests.ts'
import { askVia, codeOf } from '../support/transports.ts'

/** As in production. */
let neda: Awaited<ReturnType<typeof startWithAdmin>>
let root: Client
let groupId: string

beforeAll(async () => {
  neda = await startWithAdmin({ ADMIN_TOTP: 'required' })
  root = neda.admin
})
afterAll(() => neda[Symbol.asyncDispose]())

const newUser = () => ({ input: { username: crypto.randomUUID(), password: PASSWORD } })

test('in production admins need a second factor, unless the operator says otherwise', () => {
  const production = { NODE_ENV: 'production', NEDA_EMBEDDED: 'allowed' }
  expect(readConfig(production).adminTotp).toBe('required')
  expect(readConfig({ ...production, ADMIN_TOTP: 'optional' }).adminTotp).toBe('optional')
  expect(readConfig({}).adminTotp).toBe('optional')
})

describe.each(WAYS)('over %s', (way) => {
  test('an admin without a second factor is told to set it up, and administers nothing', async () => {
    const { errors } = await askVia(way, root, CreateUserDocument, newUser())
    expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('startTotp'), extensions: { code: 'FORBIDDEN' } })
    expect(codeOf(await askVia(way, root, UsersDocument, {}))).toBe('FORBIDDEN')
    expect((await askVia(way, root, SecondFactorDocument, {})).data?.secondFactor).toMatchObject({ since: null, required: true })
    expect((await askVia(way, root, MeDocument, {})).data?.me).toMatchObject({ username: 'root', systemRole: 'ADMIN' })
  })
})

test('with the second factor everything is as it should be, at once, and it cannot be given up', async () => {
  const { code } = await setUpTotp(root)
  expect(outcomeOf(await root.ask(CreateUserDocument, newUser()))).toBe('done')
  expect(codeOf(await root.ask(DisableTotpDocument, { input: { totpCode: code() } }))).toBe('FORBIDDEN')
  const input = { username: 'root', password: PASSWORD }
  expect(codeOf(await new Client(neda.url).ask(LoginDocument, { input }))).toBe('TOTP_REQUIRED')
  const { login } = await new Client(neda.url).get(LoginDocument, { input: { ...input, totpCode: code() } })
  expect(outcomeOf(await new Client(neda.url, login.accessToken).ask(CreateUserDocument, newUser()))).toBe('done')
  const maya = await createPerson(root, 'Maya')
  groupId = await createGroup(root, 'Ward', maya)
})

test('another admin who has none sees no group of others, approves no device for others, and watches no more when it is reset', async () => {
  const ada = await createPerson(root, 'Ada', 'ADMIN')
  const desk = await ada.device()
  const sees = async () => (await desk.ask(GroupDocument, { id: groupId })).data?.group?.name
  expect(codeOf(await desk.ask(GroupDocument, { id: groupId }))).toBe('NOT_FOUND')
  const { startDevicePairing } = await new Client(neda.url).get(StartDevicePairingDocument, { input: {} })
  const { me } = await root.get(MeDocument, {})
  const forRoot = { input: { userCode: startDevicePairing.userCode ?? '', userId: me.id } }
  const { errors } = await desk.ask(ApproveDevicePairingDocument, forRoot)
  expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('startTotp'), extensions: { code: 'FORBIDDEN' } })
  await setUpTotp(desk)
  expect(await sees()).toBe('Ward')
  await using socket = desk.openSocket()
  await using floor = socket.subscribe(SpeakerChangedDocument, { groupId })
  await floor.received.next()
  expect(outcomeOf(await root.ask(ResetTotpDocument, { input: { userId: ada.id } }))).toBe('done')
  expect(await endCode(floor, 1_000)).toBe('ACCESS_REVOKED')
  expect(codeOf(await socket.ask(CreateUserDocument, newUser()))).toBe('FORBIDDEN')
  expect(codeOf(await (await signIn(neda.url, ada.username, PASSWORD)).ask(UsersDocument, {}))).toBe('FORBIDDEN')
})
