import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  AuditLogDocument,
  ConfirmTotpDocument,
  DisableTotpDocument,
  LoginDocument,
  ResetTotpDocument,
  SecondFactorDocument,
  StartTotpDocument,
} from '../generated/operations.ts'
import { authenticator, calmStep, setUpTotp } from '../support/authenticator.ts'
import { Client } from '../support/client.ts'
import { createPerson, outcomeOf, PASSWORD, startWithAdmin } from '../support/people.ts'
import { WAYS } from '../support/raw-requests.ts'
import { askVia, codeOf } from '../support/transports.ts'

let neda: Awaited<ReturnType<typeof startWithAdmin>>
let anonymous: Client

beforeAll(async () => {
  neda = await startWithAdmin()
  anonymous = new Client(neda.url)
})
afterAll(() => neda[Symbol.asyncDispose]())

/** Somebody with a second factor, signed in on one device. */
async function someone() {
  const person = await createPerson(neda.admin, 'Dora')
  const phone = await person.device('Phone')
  const input = (totpCode: string | null) => ({ input: { username: person.username, password: PASSWORD, totpCode } })
  return { ...person, phone, input, ...(await setUpTotp(phone)) }
}

const signInTimes = (answers: readonly { data?: { login: { accessToken?: string | null } } | null | undefined }[]) =>
  answers.filter(({ data }) => data?.login.accessToken).length

describe.each(WAYS)('over %s', (way) => {
  test('A40 a code is good once, for its time step and the ones next to it', async () => {
    const { input, code } = await someone()
    await calmStep()
    const outcome = async (totpCode: string | null) => outcomeOf(await askVia(way, anonymous, LoginDocument, input(totpCode)))
    expect(await outcome(null)).toBe('TOTP_REQUIRED')
    expect(await outcome(code(2))).toBe('INVALID_TOTP')
    expect(await outcome(code(-2))).toBe('INVALID_TOTP')
    expect(await outcome(code())).toBe('done')
    expect(await outcome(code()), 'the same code again').toBe('INVALID_TOTP')
    expect(await outcome(code(-1)), 'an older code after a newer one').toBe('INVALID_TOTP')
    expect(await outcome(` ${code(1).slice(0, 3)} ${code(1).slice(3)}`)).toBe('done')
  })

  test('A40 after five wrong codes no code is tried any more, whatever the device', async () => {
    const { input, code } = await someone()
    for (let guess = 0; guess < 5; guess++)
      expect(codeOf(await askVia(way, anonymous, LoginDocument, input('000000')))).toBe('INVALID_TOTP')
    const { errors } = await askVia(way, anonymous, LoginDocument, input(code()))
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryable: true, retryAfterMs: expect.any(Number) })
    const other = await someone()
    expect(outcomeOf(await askVia(way, anonymous, LoginDocument, other.input(other.code())))).toBe('done')
  })

  test('A41 a recovery code lets in once, in any case and without dashes', async () => {
    const { input, phone, recoveryCodes } = await someone()
    const [first = '', second = ''] = recoveryCodes
    expect(new Set(recoveryCodes).size).toBe(10)
    expect(recoveryCodes.every((one) => /^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$/.test(one))).toBe(true)
    expect(outcomeOf(await askVia(way, anonymous, LoginDocument, input(first)))).toBe('done')
    expect(outcomeOf(await askVia(way, anonymous, LoginDocument, input(first)))).toBe('INVALID_RECOVERY_CODE')
    expect(outcomeOf(await askVia(way, anonymous, LoginDocument, input(second.toLowerCase().replaceAll('-', ''))))).toBe('done')
    expect((await phone.get(SecondFactorDocument, {})).secondFactor.recoveryCodesLeft).toBe(8)
  })

  test('A41 of ten who show one recovery code at once, one is let in', async () => {
    const { input, recoveryCodes } = await someone()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => askVia(way, anonymous, LoginDocument, input(recoveryCodes[0] ?? ''))),
    )
    const outcomes = answers.map(outcomeOf)
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1)
    // A busy database lets nobody in either.
    expect(outcomes.filter((outcome) => !/^(done|INVALID_RECOVERY_CODE)$|: try again\.$/.test(outcome))).toEqual([])
  })
})

test('A40 the sixth guess is 429 for a client that asks for the status', async () => {
  const { input } = await someone()
  const variables = input('000000')
  const send = () => anonymous.post({ query: LoginDocument.toString(), variables }, { accept: 'application/graphql-response+json' })
  const statuses: number[] = []
  for (let guess = 0; guess < 6; guess++) statuses.push((await send()).status)
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
})

test('A40 of ten who show the same code at once, one is let in', async () => {
  const { input, code } = await someone()
  const totpCode = code()
  const answers = await Promise.all(Array.from({ length: 10 }, () => anonymous.ask(LoginDocument, input(totpCode))))
  expect(signInTimes(answers)).toBe(1)
  expect(new Set(answers.map(codeOf))).toSatisfy((codes: Set<string>) =>
    [...codes].every((one) => [undefined, 'INVALID_TOTP', 'RATE_LIMITED'].includes(one)),
  )
})

test('whoever does not know the password learns nothing of the second factor, and uses up none of its tries', async () => {
  const { username, input, code } = await someone()
  const wrong = { input: { username, password: 'not the right password', totpCode: '000000' } }
  for (let guess = 0; guess < 4; guess++) expect(codeOf(await anonymous.ask(LoginDocument, wrong))).toBe('INVALID_CREDENTIALS')
  for (let guess = 0; guess < 4; guess++) expect(codeOf(await anonymous.ask(LoginDocument, input('000000')))).toBe('INVALID_TOTP')
  expect(outcomeOf(await anonymous.ask(LoginDocument, input(code())))).toBe('done')
})

test('a second factor counts when a code of it was shown, and only of the last one that was started', async () => {
  const { username, device } = await createPerson(neda.admin, 'Emil')
  const phone = await device()
  await calmStep()
  const login = { input: { username, password: PASSWORD } }
  const confirm = async (code: string) => outcomeOf(await phone.ask(ConfirmTotpDocument, { input: { code } }))
  expect(await confirm('123456'), 'nothing was started').toBe('INVALID_TOTP')
  const uris = [await phone.get(StartTotpDocument, {}), await phone.get(StartTotpDocument, {})].map(({ startTotp }) => startTotp.otpauthUri)
  const [first, second] = uris.map((uri) => authenticator(uri ?? ''))
  expect(new URL(uris[0] ?? '').searchParams.get('secret')).toHaveLength(32)
  expect(await confirm(first?.() ?? '')).toBe('INVALID_TOTP')
  expect(outcomeOf(await anonymous.ask(LoginDocument, login)), 'nobody is locked out by half of it').toBe('done')
  expect((await phone.get(SecondFactorDocument, {})).secondFactor).toEqual({ since: null, recoveryCodesLeft: 0, required: false })
  const code = second?.() ?? ''
  expect(await confirm(code)).toBe('done')
  expect((await phone.get(SecondFactorDocument, {})).secondFactor).toMatchObject({ since: expect.any(String), recoveryCodesLeft: 10 })
  expect(codeOf(await anonymous.ask(LoginDocument, login))).toBe('TOTP_REQUIRED')
  const withCode = { input: { ...login.input, totpCode: code } }
  expect(codeOf(await anonymous.ask(LoginDocument, withCode)), 'confirming used it up').toBe('INVALID_TOTP')
})

test('a stolen device does not replace or give up the second factor', async () => {
  const { phone, code, input, recoveryCodes } = await someone()
  const [spare = '', another = ''] = recoveryCodes
  const { startTotp } = await phone.get(StartTotpDocument, {})
  const next = authenticator(startTotp.otpauthUri ?? '')
  const replace = async (totpCode: string | null, digits = next(-1)) =>
    outcomeOf(await phone.ask(ConfirmTotpDocument, { input: { code: digits, totpCode } }))
  const disable = async (totpCode: string) => outcomeOf(await phone.ask(DisableTotpDocument, { input: { totpCode } }))
  expect([await replace(null), await replace('000000'), await disable('000000')]).toEqual(['TOTP_REQUIRED', 'INVALID_TOTP', 'INVALID_TOTP'])
  expect(await replace(spare, '000000'), 'the recovery code is not used up by that').toBe('INVALID_TOTP')
  expect(outcomeOf(await anonymous.ask(LoginDocument, input(code()))), 'until it is replaced the old one counts').toBe('done')
  expect(await replace(spare)).toBe('done')
  expect(outcomeOf(await anonymous.ask(LoginDocument, input(code(1))))).toBe('INVALID_TOTP')
  expect(outcomeOf(await anonymous.ask(LoginDocument, input(another))), 'the recovery codes are new too').toBe('INVALID_RECOVERY_CODE')
  expect(await disable(next())).toBe('done')
  expect(await disable(next())).toBe('ALREADY_ENDED')
  expect(outcomeOf(await anonymous.ask(LoginDocument, input(null)))).toBe('done')
})

test('an admin takes a lost second factor away, nobody else does, and not the own', async () => {
  const { id, username, phone, input } = await someone()
  const reset = async (by: Client, userId: string) => outcomeOf(await by.ask(ResetTotpDocument, { input: { userId } }))
  const { user: root } = (await anonymous.get(LoginDocument, { input: { username: 'root', password: PASSWORD } })).login
  expect([await reset(phone, id), await reset(neda.admin, root?.id ?? ''), await reset(anonymous, id)]).toEqual([
    'FORBIDDEN',
    'FORBIDDEN',
    'UNAUTHENTICATED',
  ])
  expect(await reset(neda.admin, Buffer.from('User:00000000-0000-7000-8000-000000000000').toString('base64'))).toBe('NOT_FOUND')
  const { resetTotp } = await neda.admin.get(ResetTotpDocument, { input: { userId: id } })
  expect(resetTotp).toMatchObject({ user: { username }, userErrors: [] })
  expect(await reset(neda.admin, id)).toBe('ALREADY_ENDED')
  expect(outcomeOf(await anonymous.ask(LoginDocument, input(null)))).toBe('done')
})

test('the audit log has every step, and neither codes nor secrets', async () => {
  const { id, phone, input, recoveryCodes } = await someone()
  const [used = '', other = ''] = recoveryCodes
  await anonymous.get(LoginDocument, input(used))
  await phone.get(DisableTotpDocument, { input: { totpCode: other } })
  const { auditLog } = await neda.admin.get(AuditLogDocument, { filter: { actorId: id }, first: 100 })
  const actions = auditLog.edges.map(({ node }) => node.action)
  expect(actions).toEqual(expect.arrayContaining(['TOTP_STARTED', 'TOTP_CONFIRMED', 'RECOVERY_CODE_USED', 'SIGNED_IN', 'TOTP_DISABLED']))
  const everything = JSON.stringify(auditLog) + neda.printed()
  for (const secret of [used, used.replaceAll('-', ''), other]) expect(everything).not.toContain(secret)
})
