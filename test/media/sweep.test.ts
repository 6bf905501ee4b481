import { AccessToken } from 'livekit-server-sdk'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { until } from '../stress/until.ts'
import { openFakeWorld } from './fake-world.ts'
import { MediaStage } from './media-stage.ts'

const SWEEP_EVERY_MS = 30_000

/** Nothing is reported: the sweep alone can find what is wrong. Whatever happens in turns happens when the test says so. */
describe('the sweep', () => {
  let stage: MediaStage

  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    stage = await MediaStage.open(() => openFakeWorld()())
  })
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]()
    vi.useRealTimers()
  })

  test('finds who came, who may publish, and who holds the floor and may not, though nobody told of them', async () => {
    const { room, maya, ben, cleo } = await stage.team({ inRoom: false })
    for (const radio of [maya, ben, cleo]) await radio.enter()
    const { media } = await ben.press()
    await stage.untilTalkers(room, [ben])
    await ben.release()
    await stage.untilTalkers(room, [])
    const publisher = await ben.enter(media.token)
    await publisher.publish()
    await cleo.press()
    await stage.untilTalkers(room, [ben, cleo])
    await cleo.enter()
    const token = new AccessToken(stage.world.apiKey, stage.world.apiSecret, { identity: 'a stranger' })
    token.addGrant({ roomJoin: true, room })
    const stranger = await stage.world.join(await token.toJwt())
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect([await stage.audible(room), await stage.talkers(room), await stranger.wasPutOut()]).toEqual([
      [ben.identity],
      expect.arrayContaining([ben.identity, 'a stranger']),
      false,
    ])
    vi.advanceTimersByTime(SWEEP_EVERY_MS)
    await stage.untilTalkers(room, [cleo])
    await stage.untilAudible(room, [])
    await until('the stranger is put out', () => stranger.wasPutOut())
    expect((await cleo.press()).media.state).toBe('READY')
  })
})
