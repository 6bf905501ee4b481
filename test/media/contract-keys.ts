import { expect } from 'vitest'
import { until } from '../stress/until.ts'
import type { Scene } from './media-stage.ts'

/** What NEDA is told instead of the media server's own. */
export const WRONG_KEYS = { LIVEKIT_API_SECRET: 'not the secret that the media server has' }

/** A NEDA that was given the wrong keys. */
export function keyScenes(scene: Scene) {
  scene('wrong keys are named at the start, by their variables and not by their values; the floor goes on', async (stage) => {
    await until('the log says so', () =>
      stage.house.logged.some((line) => line.includes('LIVEKIT_API_KEY') && line.includes('LIVEKIT_API_SECRET')),
    )
    const { ben, cleo, room } = await stage.team({ inRoom: false })
    const { media } = await ben.press()
    expect(media).toMatchObject({ state: 'DEGRADED', room })
    await ben.release()
    await cleo.press()
    expect((await fetch(`${stage.url}/readyz`)).status).toBe(200)
    const all = stage.house.logged.join('')
    for (const value of [stage.world.apiSecret, WRONG_KEYS.LIVEKIT_API_SECRET]) expect(all).not.toContain(value)
    // Once, and not with every look.
    expect(all.split('LiveKit refuses').length - 1).toBe(1)
  })
}
