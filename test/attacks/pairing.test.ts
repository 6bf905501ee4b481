import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  ApproveDevicePairingDocument,
  CompleteDevicePairingDocument,
  DenyDevicePairingDocument,
  DevicePairingDocument,
  MeDocument,
  StartDevicePairingDocument,
} from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { approve, complete, deny, startPairing, startWithDatabase } from '../support/pairing.ts'
import { createPerson, outcomeOf } from '../support/people.ts'
import { WAYS } from '../support/raw-requests.ts'
import { askVia, codeOf } from '../support/transports.ts'

let neda: Awaited<ReturnType<typeof startWithDatabase>>
let anonymous: Client

beforeAll(async () => {
  neda = await startWithDatabase({ PAIRING_FAILURES_PER_ADDRESS: '1000', PUBLIC_URL: 'https://neda.example.org' })
  anonymous = new Client(neda.url)
})
afterAll(() => neda[Symbol.asyncDispose]())

const phoneOf = async (name: string) => (await createPerson(neda.admin, name)).device('Phone')
const itIsTime = () => neda.sql(`UPDATE "DevicePairing" SET "polledAt" = NULL`)
const timeIsUp = () => neda.sql(`UPDATE "DevicePairing" SET "expiresAt" = now() - interval '1 second'`)

describe.each(WAYS)('over %s', (way) => {
  const poll = async (deviceCode: string) =>
    (await askVia(way, anonymous, CompleteDevicePairingDocument, { input: { deviceCode } })).data?.completeDevicePairing

  test('A42 a watch waits until it is approved, and is signed in once', async () => {
    const bensPhone = await phoneOf('Ben')
    const { data } = await askVia(way, anonymous, StartDevicePairingDocument, { input: { deviceName: "Ben's watch" } })
    const { userCode = '', deviceCode = '', ...rest } = data?.startDevicePairing ?? {}
    expect(userCode).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    expect(Buffer.from(deviceCode ?? '', 'base64url')).toHaveLength(32)
    expect(rest).toMatchObject({ verificationUri: 'https://neda.example.org', intervalMs: 5_000, userErrors: [] })
    const started = { userCode: userCode ?? '', deviceCode: deviceCode ?? '' }

    expect(await poll(started.deviceCode)).toMatchObject({ status: 'AUTHORIZATION_PENDING', intervalMs: 5_000, tokens: null })
    expect(await poll(started.deviceCode)).toMatchObject({ status: 'SLOW_DOWN', intervalMs: 10_000, tokens: null })
    const facts = { deviceName: "Ben's watch", address: '127.0.0.1' }
    const found = await askVia(way, bensPhone, DevicePairingDocument, { userCode: started.userCode })
    expect(found.data?.devicePairing).toMatchObject(facts)
    const typed = { userCode: ` ${started.userCode.toLowerCase().replace('-', '')}` }
    const approved = await askVia(way, bensPhone, ApproveDevicePairingDocument, { input: typed })
    expect(approved.data?.approveDevicePairing).toMatchObject({ pairing: facts, userErrors: [] })
    expect(await deny(bensPhone, started), 'too late').toBe('PAIRING_EXPIRED')
    expect(await poll(started.deviceCode)).toMatchObject({ status: 'SLOW_DOWN', intervalMs: 15_000, tokens: null })
    await itIsTime()
    const { status, tokens } = (await poll(started.deviceCode)) ?? {}
    expect([status, tokens?.session?.deviceName]).toEqual(['COMPLETED', "Ben's watch"])
    const { me } = await new Client(neda.url, tokens?.accessToken).get(MeDocument, {})
    expect(me.id).toBe((await bensPhone.get(MeDocument, {})).me.id)
    expect(await poll(started.deviceCode)).toMatchObject({ status: 'EXPIRED_TOKEN', intervalMs: null, tokens: null })
    expect((await bensPhone.get(DevicePairingDocument, { userCode: started.userCode })).devicePairing).toBeNull()
  })

  test('A42 a watch that was turned away, came too late or was never there gets nothing', async () => {
    const phone = await phoneOf('Cleo')
    const denied = await startPairing(neda.url)
    expect(outcomeOf(await askVia(way, phone, DenyDevicePairingDocument, { input: { userCode: denied.userCode } }))).toBe('done')
    expect(await approve(phone, denied)).toBe('PAIRING_EXPIRED')
    expect(await poll(denied.deviceCode)).toMatchObject({ status: 'ACCESS_DENIED', tokens: null })
    const [late, tooLate] = [await startPairing(neda.url), await startPairing(neda.url)]
    expect(await approve(phone, late)).toBe('done')
    await timeIsUp()
    expect(await poll(late.deviceCode)).toMatchObject({ status: 'EXPIRED_TOKEN', tokens: null })
    expect(await approve(phone, tooLate)).toBe('PAIRING_EXPIRED')
    expect(await poll(tooLate.deviceCode)).toMatchObject({ status: 'EXPIRED_TOKEN', tokens: null })
    expect(await poll('no such code')).toMatchObject({ status: 'EXPIRED_TOKEN', tokens: null })
  })

  test('A42 after five wrong user codes no code is tried any more, whichever way it is tried', async () => {
    const phone = await phoneOf('Mallory')
    const watch = await startPairing(neda.url)
    const look = (userCode: string) => askVia(way, phone, DevicePairingDocument, { userCode })
    expect((await look(watch.userCode)).data?.devicePairing).toMatchObject({ deviceName: 'Watch' })
    for (const wrong of ['BBBB-BBBB', 'not a code']) expect((await look(wrong)).data?.devicePairing).toBeNull()
    const guess = { ...watch, userCode: 'CCCC-CCCC' }
    expect([await approve(phone, guess), await deny(phone, guess), await approve(phone, guess)]).toEqual(
      Array.from({ length: 3 }, () => 'PAIRING_EXPIRED'),
    )
    const { errors } = await look(watch.userCode)
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) })
    expect([await approve(phone, watch), await deny(phone, watch)]).toEqual(['RATE_LIMITED', 'RATE_LIMITED'])
    expect(await approve(await phoneOf('Ben'), watch), 'others go on').toBe('done')
  })

  test('nobody who is not signed in looks, approves or denies', async () => {
    const { userCode } = await startPairing(neda.url)
    const codes = [
      codeOf(await askVia(way, anonymous, DevicePairingDocument, { userCode })),
      codeOf(await askVia(way, anonymous, ApproveDevicePairingDocument, { input: { userCode } })),
      codeOf(await askVia(way, anonymous, DenyDevicePairingDocument, { input: { userCode } })),
    ]
    expect(codes).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED'])
  })
})

test('A42 who asks every five seconds is never told to slow down, and who did not wait is heard after the longer wait', async () => {
  const [steady, hasty] = [await startPairing(neda.url), await startPairing(neda.url)]
  const status = async (watch: typeof steady) => (await complete(neda.url, watch)).status
  expect([await status(steady), await status(hasty), await status(hasty)]).toEqual([
    'AUTHORIZATION_PENDING',
    'AUTHORIZATION_PENDING',
    'SLOW_DOWN',
  ])
  await sleep(5_050)
  expect(await status(steady)).toBe('AUTHORIZATION_PENDING')
  await sleep(5_050)
  expect([await status(steady), await status(hasty)]).toEqual(['AUTHORIZATION_PENDING', 'AUTHORIZATION_PENDING'])
})

test('the device shows what its program is, also to who has no way to tell by name', async () => {
  const phone = await phoneOf('Dan')
  const query = 'mutation { startDevicePairing(input: {}) { userCode } }'
  const { data } = await (await anonymous.post({ query }, { 'user-agent': 'WearOS/6 neda-watch/1.0' })).json()
  const { devicePairing } = await phone.get(DevicePairingDocument, { userCode: data.startDevicePairing.userCode })
  expect(devicePairing).toMatchObject({ deviceName: 'Unnamed device', address: '127.0.0.1', userAgent: 'WearOS/6 neda-watch/1.0' })
  const lifetime = Date.parse(devicePairing?.expiresAt ?? '') - Date.parse(devicePairing?.createdAt ?? '')
  expect(Math.abs(lifetime - 600_000)).toBeLessThan(1_000)
})

test('only hashes of codes are stored, and they are forgotten a day after they ended', async () => {
  const { userCode, deviceCode } = await startPairing(neda.url)
  const stored = async () => JSON.stringify(await neda.sql(`SELECT * FROM "DevicePairing"`))
  const all = (await stored()) + neda.printed()
  for (const secret of [userCode, userCode.replace('-', ''), deviceCode]) expect(all).not.toContain(secret)
  await neda.sql(`UPDATE "DevicePairing" SET "expiresAt" = now() - interval '25 hours'`)
  await startPairing(neda.url, 'The next one')
  expect(JSON.parse(await stored())).toMatchObject([{ deviceName: 'The next one' }])
})
