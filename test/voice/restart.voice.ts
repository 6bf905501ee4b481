import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../src/database/embedded/server.ts'
import { type Client, signIn } from '../support/client.ts'
import { PASSWORD } from '../support/people.ts'
import { type NedaProcess, startNedaProcess } from '../support/start-neda.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'
import { audibleAfter, expectSending, expectSilence, heardBy, lastHeard, measured } from './listening.ts'
import { type LiveKit, startLiveKit, webhookUrl } from './livekit-server.ts'
import { permissionOf } from './permissions.ts'
import { disposeRtc } from './rtc-device.ts'
import { openRoom } from './voice-stage.ts'

const CONCEALED_MS = 400

describe('new starts', () => {
  let folder: TemporaryFolder
  let liveKit: LiveKit
  let neda: NedaProcess
  let admin: Client
  let env: Record<string, string>

  beforeAll(async () => {
    const port = await freePort()
    folder = await temporaryFolder()
    liveKit = await startLiveKit({ webhookUrl: webhookUrl(port) })
    env = { ...liveKit.env, PORT: String(port), NEDA_DATA_DIR: folder.path, PRESS_RATE: '1000' }
    Object.assign(env, { NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root', NEDA_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD })
    neda = await startNedaProcess(env)
    admin = await signIn(neda.url, 'root', PASSWORD)
  })
  afterAll(async () => {
    await disposeRtc()
    await neda?.end('SIGTERM')
    await liveKit?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  })

  test('when the NEDA that keeps the floor is stopped, who talked falls silent', async () => {
    await using it = await openRoom({ admin })
    const { mayas, cleos, bens } = it
    const listeners = [mayas.rtc, cleos.rtc]
    const { pressedAt } = await bens.talk()
    await heardBy(listeners, bens.rtc, pressedAt)
    await sleep(500)
    const stoppedAt = performance.now()
    await neda.end('SIGTERM')
    const endedAfter = performance.now() - stoppedAt
    const { audibleMs, before, after } = await audibleAfter(listeners, bens.rtc, stoppedAt, endedAfter + 1_500)
    expectSending(before, after, 1_500)
    measured('a stop', { ended: endedAfter, audible: audibleMs })
    expect(audibleMs).toBeLessThan(endedAfter + 100)
    expect(await permissionOf(liveKit, bens.room, bens.rtc.identity)).toBe('LISTEN')
    neda = await startNedaProcess(env)
  })

  test('when it was killed, who talked falls silent as soon as it is there again; listeners need not join again', async () => {
    await using it = await openRoom({ admin })
    const { mayas, cleos, bens } = it
    const listeners = [mayas.rtc, cleos.rtc]
    const { pressedAt } = await bens.talk()
    await heardBy(listeners, bens.rtc, pressedAt)
    await neda.end('SIGKILL')
    await sleep(500)
    // Nobody is there to take it away.
    expect(await permissionOf(liveKit, bens.room, bens.rtc.identity)).toBe('TALK')
    neda = await startNedaProcess(env)
    const readyAt = performance.now()
    await sleep(1_000)
    const audible = Math.max(0, lastHeard(listeners, bens.rtc) - readyAt)
    measured('a new start', { audible })
    expect(audible).toBeLessThan(500)
    const sent = await bens.rtc.sent()
    await sleep(500)
    expectSending(sent, await bens.rtc.sent(), 500)
    expect(await permissionOf(liveKit, bens.room, bens.rtc.identity)).toBe('LISTEN')
    const next = await cleos.talk()
    expect(next.media.state).toBe('READY')
    await heardBy([mayas.rtc], cleos.rtc, next.pressedAt)
  })

  test('when LiveKit was killed, devices come back to it by themselves: the holder is heard again, and nobody else', async ({ skip }) => {
    if (!liveKit.restart) return skip('one that ran already is left alone')
    await using it = await openRoom({ admin })
    const { mayas, cleos, bens } = it
    const before = await bens.talk()
    await heardBy([mayas.rtc, cleos.rtc], bens.rtc, before.pressedAt)
    await bens.release()
    const next = await cleos.talk()
    await heardBy([mayas.rtc], cleos.rtc, next.pressedAt)
    expectSending(await bens.rtc.sent(), await sleep(500).then(() => bens.rtc.sent()), 500)

    const killedAt = performance.now()
    await liveKit.restart()
    const startedAt = performance.now()
    // For a moment the listener's own client fills the gap with what it heard last.
    const audible = CONCEALED_MS + (await heardBy([mayas.rtc], cleos.rtc, killedAt + CONCEALED_MS, 10_000))
    await sleep(2_000)
    measured('a new start of LiveKit', { started: startedAt - killedAt, audible })
    const now = performance.now()
    expect(mayas.rtc.meter.heardBetween(cleos.rtc, now - 1_000, now), 'of the last second').toBeGreaterThan(700)
    expectSilence([mayas.rtc, cleos.rtc], bens.rtc, killedAt)
    expect(await permissionOf(liveKit, mayas.room, cleos.rtc.identity)).toBe('TALK')
    expect(await permissionOf(liveKit, mayas.room, bens.rtc.identity)).not.toBe('TALK')
    const releasedAt = performance.now()
    await cleos.release()
    const { audibleMs } = await audibleAfter([mayas.rtc], cleos.rtc, releasedAt, 1_000)
    expect(audibleMs).toBeLessThan(500)
  })
})
