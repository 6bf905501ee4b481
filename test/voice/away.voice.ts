import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RemoveGroupMemberDocument } from '../generated/operations.ts'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { press } from '../support/talk.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import type { Handset } from './handset.ts'
import { expectSending, expectSilence, heardBy, lastHeard, measured } from './listening.ts'
import { startLiveKit } from './livekit-server.ts'
import { permissionOf, untilPermission } from './permissions.ts'
import type { RtcDevice } from './rtc-device.ts'
import { openRoom, openVoiceStage, type VoiceStage } from './voice-stage.ts'

const PRESSES = 30
/** As often as a LiveKit that is away is looked for, and some. */
const BACK_WITHIN_MS = 4_000

describe('LiveKit is away: devices reach it, NEDA does not', () => {
  let stage: VoiceStage
  let link: TcpProxy

  beforeAll(async () => {
    // The link is cut, LiveKit is not stopped: when it went on, it would do what it was asked meanwhile.
    stage = await openVoiceStage(async ({ port, url }) => {
      link = await tcpProxy(port)
      return { LIVEKIT_URL: `http://127.0.0.1:${link.port}`, LIVEKIT_PUBLIC_URL: url }
    })
  })
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]()
    await link?.[Symbol.asyncDispose]()
  })

  /** How long presses take to be answered, and what they say of the media. */
  async function presses(handset: Handset) {
    const tookMs: number[] = []
    const states: string[] = []
    for (let count = 0; count < PRESSES; count++) {
      const { pressedAt, answeredAt, media } = await handset.press()
      tookMs.push(answeredAt - pressedAt)
      states.push(media.state)
      await handset.release()
    }
    return { tookMs, states, median: tookMs.toSorted((one, other) => one - other)[PRESSES / 2] ?? Number.NaN }
  }

  test.each([
    ['refuses connections', () => link.cut()],
    ['answers nothing', () => link.blackhole()],
  ])('it %s: presses are answered as fast, DEGRADED; afterwards the permissions are right again, withdrawals first', async (how, fail) => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos } = it
    const before = await presses(cleos)
    expect(new Set(before.states)).toEqual(new Set(['READY']))
    const { pressedAt } = await bens.talk()
    await heardBy([mayas.rtc], bens.rtc, pressedAt)

    fail()
    const failedAt = performance.now()
    await bens.release()
    const during = await presses(cleos)
    measured(`answers while LiveKit ${how}`, { before: before.tookMs, during: during.tookMs })
    expect(during.median).toBeLessThan(2 * before.median + 20)
    expect(Math.max(...during.tookMs)).toBeLessThan(600)
    const degradedAfter = (await untilDegraded(cleos)) - failedAt
    expect((await cleos.press()).media.state).toBe('DEGRADED')
    expect((await fetch(new URL('/readyz', stage.url))).status).toBe(200)
    // Of what happened LiveKit knows nothing.
    expect(await permissionOf(stage.liveKit, bens.room, bens.rtc.identity)).toBe('TALK')
    expect(await permissionOf(stage.liveKit, bens.room, cleos.rtc.identity)).toBe('LISTEN')

    link.mend()
    const mendedAt = performance.now()
    await cleos.rtc.permitted(BACK_WITHIN_MS)
    const permittedAt = performance.now()
    await cleos.rtc.talk()
    await heardBy([mayas.rtc], cleos.rtc, permittedAt)
    const sent = await bens.rtc.sent()
    await sleep(500)
    expectSending(sent, await bens.rtc.sent(), 500)
    const silentAfter = lastHeard([mayas.rtc], bens.rtc) - mendedAt
    measured('the link is mended', { degradedAfter, silentAfter, permittedAfter: permittedAt - mendedAt })
    expect(permittedAt - mendedAt).toBeLessThan(BACK_WITHIN_MS)
    expect(lastHeard([mayas.rtc], bens.rtc), 'withdrawals come first').toBeLessThan(permittedAt)
    expect(await permissionOf(stage.liveKit, bens.room, bens.rtc.identity)).toBe('LISTEN')
    await bens.rtc.stop()
    await cleos.hush()
    const next = await bens.talk()
    expect(next.media.state).toBe('READY')
    await heardBy([mayas.rtc], bens.rtc, next.pressedAt)
  })

  test('whoever lost its right meanwhile, or came with a saved token, is put out as soon as LiveKit is back', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos, groupId, cleo } = it
    const { media } = await bens.talk()
    await bens.hush()
    link.cut()
    await untilDegraded(mayas)
    await stage.admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: cleo.id } })
    const enteredAt = performance.now()
    const ben = await bens.enter(media)
    await ben.talk()
    await heardBy([mayas.rtc, cleos.rtc], ben, enteredAt)
    link.mend()
    const mendedAt = performance.now()
    const out = async (device: RtcDevice) => {
      await untilPermission(stage.liveKit, media.room, device.identity, 'ABSENT', BACK_WITHIN_MS)
      return performance.now() - mendedAt
    }
    const [removedOutAfter, intruderOutAfter] = await Promise.all([out(cleos.rtc), out(ben)])
    const silentSince = performance.now()
    await sleep(500)
    expectSilence([mayas.rtc, cleos.rtc], ben, silentSince)
    measured('the link is mended', { removedOutAfter, intruderOutAfter })
    expect(await permissionOf(stage.liveKit, media.room, mayas.rtc.identity)).toBe('LISTEN')
  })

  /** Answers when a press was first told so. */
  async function untilDegraded(handset: Handset, withinMs = 8_000): Promise<number> {
    for (const deadline = performance.now() + withinMs; performance.now() < deadline; await sleep(20)) {
      const { media, answeredAt } = await handset.press()
      await handset.release()
      if (media.state === 'DEGRADED') return answeredAt
    }
    throw new Error(`no press was told DEGRADED within ${withinMs} ms`)
  }
})

test('wrong keys are named at the start, and NEDA is ready all the same', async () => {
  await using liveKit = await startLiveKit()
  await using neda = await startWithAdmin({ ...liveKit.env, LIVEKIT_API_SECRET: 'not the secret of this LiveKit, but as long' })
  for (const deadline = performance.now() + 5_000; !neda.printed().includes('LIVEKIT_API_SECRET'); await sleep(20))
    expect(performance.now(), neda.printed()).toBeLessThan(deadline)
  expect(neda.printed()).toContain('LIVEKIT_API_KEY')
  expect((await fetch(new URL('/readyz', neda.url))).status).toBe(200)
  const { groupId, bensWatch } = await createTeam(neda.admin)
  expect(await press(bensWatch, groupId, 'p1')).toMatchObject({ outcome: 'GRANTED', media: { state: 'DEGRADED' } })
})
