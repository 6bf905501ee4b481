import { expect } from 'vitest'
import type { Scene } from './media-stage.ts'

/** What a device is told to do to be heard. */
export function stateScenes(scene: Scene) {
  scene('JOIN_REQUIRED until it is in the room, READY while it is; a way in is always there', async (stage) => {
    const { ben, room } = await stage.team({ inRoom: false })
    const before = await ben.listenGrant()
    expect(before).toMatchObject({ state: 'JOIN_REQUIRED', room, identity: ben.identity })
    const pressed = await ben.press()
    expect(pressed.media).toMatchObject({ state: 'JOIN_REQUIRED', room, identity: ben.identity })
    await ben.release()
    await ben.enter(before.token)
    await ben.untilState('READY')
    const { media } = await ben.press()
    expect(media.state).toBe('READY')
    for (const { token, url } of [before, pressed.media, media]) expect([token.split('.').length, url.length > 0]).toEqual([3, true])
    await ben.device.leave()
    await ben.untilState('JOIN_REQUIRED')
    expect((await ben.release(), await ben.press()).media.state).toBe('JOIN_REQUIRED')
  })

  scene('a device that connects again stays READY', async (stage) => {
    const { ben } = await stage.team()
    for (let round = 0; round < 5; round++) {
      await ben.enter()
      await ben.untilState('READY')
    }
    await stage.world.told()
    expect((await ben.listenGrant()).state).toBe('READY')
  })

  scene('each device has its own state', async (stage) => {
    const { ben, maya } = await stage.team()
    await ben.device.leave()
    await ben.untilState('JOIN_REQUIRED')
    expect((await maya.listenGrant()).state).toBe('READY')
  })
}
