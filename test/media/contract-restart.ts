import { randomUUID } from 'node:crypto'
import { AccessToken } from 'livekit-server-sdk'
import { expect } from 'vitest'
import { DeleteGroupDocument, RemoveGroupMemberDocument } from '../generated/operations.ts'
import { until } from '../stress/until.ts'
import type { MediaStage, Scene } from './media-stage.ts'
import type { MediaDevice } from './world.ts'

async function tokenOf({ world }: MediaStage, room: string, identity: string): Promise<string> {
  const token = new AccessToken(world.apiKey, world.apiSecret, { identity, ttl: 600 })
  token.addGrant({ roomJoin: true, room, canPublish: true })
  return token.toJwt()
}

const allOut = (devices: readonly MediaDevice[]) => Promise.all(devices.map((device) => device.wasPutOut()))

/** What a NEDA finds when it starts, and what it leaves behind. Each scene has the stage to itself. */
export function restartScenes(scene: Scene) {
  scene('at the start everything that should not be is ended; the rooms of others are left alone', async (stage) => {
    const [team, deleted] = [await stage.team(), await stage.team()]
    const { groupId, room, maya, ben, cleo, bensUserId: userId } = team
    const { media } = await cleo.press()
    await cleo.release()
    await stage.admin.get(RemoveGroupMemberDocument, { input: { groupId, userId } })
    await stage.admin.get(DeleteGroupDocument, { input: { groupId: deleted.groupId } })
    await stage.untilPresent(room, [maya, cleo])
    const listen = await ben.device.refreshedToken()
    await stage.house.stop()

    const publisher = await cleo.enter(media.token)
    await publisher.publish()
    const former = await ben.enter(listen)
    const stranger = await stage.world.join(await tokenOf(stage, room, 'a stranger'))
    const inDeleted = await stage.world.join(await tokenOf(stage, deleted.room, deleted.ben.identity))
    const foreignRooms = [room.replace('production:', 'development:'), 'a room', `${room}:x`, `production:x${randomUUID()}`]
    const others = []
    for (const foreign of foreignRooms) {
      const other = await stage.world.join(await tokenOf(stage, foreign, ben.identity))
      await other.publish()
      others.push(other)
    }
    // NEDA was told while it was not there, and is not told again.
    await stage.world.told()
    await stage.house.start()
    await until('they are put out', async () => (await allOut([former, stranger, inDeleted])).every((isOut) => isOut))
    await stage.untilTalkers(room, [])
    await until('the room of the deleted group is closed', async () => !(await stage.world.rooms()).includes(deleted.room))
    expect(await stage.audible(room)).toEqual([])
    expect(await allOut(others)).toEqual(foreignRooms.map(() => false))
    for (const foreign of foreignRooms) expect(await stage.audible(foreign)).toEqual([ben.identity])
    expect(await maya.device.wasPutOut()).toBe(false)
    for (const other of others) await other.leave()
  })

  scene('after the start who is in a room is known to be there', async (stage) => {
    const { ben } = await stage.team()
    await stage.house.stop()
    await stage.house.start()
    await ben.untilState('READY')
    expect((await ben.press()).media.state).toBe('READY')
    await ben.release()
  })

  scene('a NEDA that stops leaves nobody with a right that nobody watches', async (stage) => {
    const { room, ben } = await stage.team()
    await ben.press()
    await stage.untilTalkers(room, [ben])
    await ben.device.publish()
    await stage.house.stop()
    expect([await stage.talkers(room), await stage.audible(room)]).toEqual([[], []])
    expect(await ben.device.wasPutOut()).toBe(false)
    await stage.house.start()
  })
}
