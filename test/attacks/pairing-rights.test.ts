import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  AuditLogDocument,
  ChangePasswordDocument,
  DisableUserDocument,
  LogoutDocument,
  MeDocument,
  RevokeOtherSessionsDocument,
  SessionsDocument,
} from '../generated/operations.ts'
import { setUpTotp } from '../support/authenticator.ts'
import { Client } from '../support/client.ts'
import { approve, complete, deny, startPairing, startWithDatabase, type Watch } from '../support/pairing.ts'
import { createPerson, PASSWORD, startWithAdmin } from '../support/people.ts'

let neda: Awaited<ReturnType<typeof startWithDatabase>>

beforeAll(async () => {
  neda = await startWithDatabase({ PAIRING_FAILURES: '1000', PAIRING_FAILURES_PER_ADDRESS: '1000', PAIRINGS_PER_ADDRESS: '1000' })
})
afterAll(() => neda[Symbol.asyncDispose]())

const statusOf = async (watch: Watch) => (await complete(neda.url, watch)).status

test('a watch of who has a second factor needs none of its own: the phone that approved had it', async () => {
  const dora = await createPerson(neda.admin, 'Dora')
  const phone = await dora.device()
  await setUpTotp(phone)
  const watch = await startPairing(neda.url)
  expect(await approve(phone, watch)).toBe('done')
  const { tokens } = await complete(neda.url, watch)
  expect((await new Client(neda.url, tokens?.accessToken).get(MeDocument, {})).me.id).toBe(dora.id)
})

test('an admin approves for somebody else, nobody else does', async () => {
  const [ben, cleo] = await Promise.all([createPerson(neda.admin, 'Ben'), createPerson(neda.admin, 'Cleo')])
  const bensPhone = await ben.device()
  const watch = await startPairing(neda.url)
  expect(await approve(bensPhone, watch, cleo.id)).toBe('FORBIDDEN')
  expect(await approve(neda.admin, watch, Buffer.from('User:00000000-0000-7000-8000-000000000000').toString('base64'))).toBe('NOT_FOUND')
  await neda.admin.get(DisableUserDocument, { input: { userId: cleo.id } })
  expect(await approve(neda.admin, watch, cleo.id)).toBe('INVALID_VALUE')
  expect(await statusOf(watch), 'none of that was an approval').toBe('AUTHORIZATION_PENDING')
  const another = await startPairing(neda.url)
  expect(await approve(neda.admin, another, ben.id)).toBe('done')
  expect((await complete(neda.url, another)).tokens?.user?.id).toBe(ben.id)
})

test('an approval ends with the session that gave it, and with its user', async () => {
  const endings: Record<string, (phone: Client, userId: string) => Promise<unknown>> = {
    'signed out': (phone) => phone.get(LogoutDocument, {}),
    'signed out from elsewhere': async (_phone, userId) => {
      const [tablet] = await Promise.all(people.filter(({ id }) => id === userId).map((person) => person.device('Tablet')))
      await tablet?.get(RevokeOtherSessionsDocument, {})
    },
    'the password was changed': async (_phone, userId) => {
      const [tablet] = await Promise.all(people.filter(({ id }) => id === userId).map((person) => person.device('Tablet')))
      await tablet?.get(ChangePasswordDocument, { input: { currentPassword: PASSWORD, newPassword: 'quite another pass phrase' } })
    },
    'the user was disabled': (_phone, userId) => neda.admin.get(DisableUserDocument, { input: { userId } }),
  }
  const people: Awaited<ReturnType<typeof createPerson>>[] = []
  for (const [why, end] of Object.entries(endings)) {
    const person = await createPerson(neda.admin, 'Eva')
    people.push(person)
    const phone = await person.device()
    const watch = await startPairing(neda.url)
    expect(await approve(phone, watch)).toBe('done')
    await end(phone, person.id)
    expect(await statusOf(watch), why).toBe('ACCESS_DENIED')
    expect(await statusOf(watch), why).toBe('ACCESS_DENIED')
  }
})

test('of an approval and a denial at the same time one counts, and of many who ask at once one is signed in', async () => {
  const phone = await (await createPerson(neda.admin, 'Finn')).device()
  for (let round = 0; round < 15; round++) {
    const watch = await startPairing(neda.url)
    const decisions = await Promise.all([approve(phone, watch), deny(phone, watch), approve(phone, watch), deny(phone, watch)])
    expect(decisions.toSorted()).toEqual(['PAIRING_EXPIRED', 'PAIRING_EXPIRED', 'PAIRING_EXPIRED', 'done'])
    // All at once get past the rule of how often a device may ask.
    await neda.sql(`UPDATE "DevicePairing" SET "intervalMs" = 0`)
    const answers = await Promise.all(Array.from({ length: 5 }, () => statusOf(watch)))
    const isApproved = decisions[0] === 'done' || decisions[2] === 'done'
    expect(answers.filter((status) => status === 'COMPLETED')).toHaveLength(isApproved ? 1 : 0)
    if (!isApproved) expect(new Set(answers)).toEqual(new Set(['ACCESS_DENIED']))
    expect(await statusOf(watch)).toBe(isApproved ? 'EXPIRED_TOKEN' : 'ACCESS_DENIED')
  }
})

test('no watch slips in while all other devices are signed out', async () => {
  const gina = await createPerson(neda.admin, 'Gina')
  const tablet = await gina.device('Tablet')
  for (let round = 0; round < 15; round++) {
    const stolen = await gina.device('Stolen phone')
    const watch = await startPairing(neda.url, "A thief's watch")
    expect(await approve(stolen, watch)).toBe('done')
    await Promise.all([tablet.get(RevokeOtherSessionsDocument, {}), statusOf(watch)])
    await neda.sql(`UPDATE "DevicePairing" SET "polledAt" = NULL`)
    await statusOf(watch)
    expect((await tablet.get(SessionsDocument, {})).sessions.map(({ deviceName }) => deviceName)).toEqual(['Tablet'])
  }
})

test('the audit log has every step, and no code', async () => {
  const hana = await createPerson(neda.admin, 'Hana')
  const phone = await hana.device()
  const watch = await startPairing(neda.url)
  await approve(phone, { ...watch, userCode: 'BBBB-BBBB' })
  await approve(phone, watch)
  const { tokens } = await complete(neda.url, watch)
  const { auditLog } = await neda.admin.get(AuditLogDocument, { first: 20 })
  const steps = auditLog.edges.map(({ node }) => [node.action, node.outcome, node.actorId === hana.id ? 'Hana' : node.actorId])
  expect(steps).toEqual(
    expect.arrayContaining([
      ['PAIRING_STARTED', 'SUCCEEDED', null],
      ['PAIRING_APPROVED', 'REFUSED', 'Hana'],
      ['PAIRING_APPROVED', 'SUCCEEDED', 'Hana'],
      ['PAIRING_COMPLETED', 'SUCCEEDED', 'Hana'],
    ]),
  )
  const everything = JSON.stringify(auditLog) + neda.printed()
  for (const secret of [watch.userCode, watch.deviceCode, tokens?.refreshToken ?? '-']) expect(everything).not.toContain(secret)
})

test('one address cannot start pairings, or have user codes guessed by many users, without end', async () => {
  await using strict = await startWithAdmin({ PAIRINGS_PER_ADDRESS: '2', PAIRING_FAILURES_PER_ADDRESS: '3' })
  const watch = await startPairing(strict.url)
  await startPairing(strict.url)
  await expect(startPairing(strict.url)).rejects.toThrow('RATE_LIMITED')
  const guess = { ...watch, userCode: 'BBBB-BBBB' }
  const phones = await Promise.all(['Ida', 'Jan', 'Kim', 'Lea'].map(async (name) => (await createPerson(strict.admin, name)).device()))
  const outcomes: string[] = []
  for (const phone of phones) outcomes.push(await approve(phone, guess))
  expect(outcomes).toEqual(['PAIRING_EXPIRED', 'PAIRING_EXPIRED', 'PAIRING_EXPIRED', 'RATE_LIMITED'])
})
