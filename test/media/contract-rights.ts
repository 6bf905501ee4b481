import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import {
  DeleteGroupDocument,
  DeleteUserDocument,
  DisableUserDocument,
  LogoutDocument,
  RemoveGroupMemberDocument,
  RevokeSessionDocument,
  SessionsDocument,
} from '../generated/operations.ts'
import { until } from '../stress/until.ts'
import { addMember } from '../support/people.ts'
import type { MediaStage, Scene, Team } from './media-stage.ts'
import { Radio } from './radio.ts'

const removeBen = ({ admin }: MediaStage, { groupId, bensUserId: userId }: Team) =>
  admin.get(RemoveGroupMemberDocument, { input: { groupId, userId } })

/** How all devices of Ben lose the right to hear. */
const LOSSES: readonly { readonly how: string; readonly act: (stage: MediaStage, team: Team) => Promise<unknown> }[] = [
  { how: 'removed from the group', act: removeBen },
  { how: 'disabled', act: ({ admin }, { bensUserId: userId }) => admin.get(DisableUserDocument, { input: { userId } }) },
  { how: 'deleted', act: ({ admin }, { bensUserId: userId }) => admin.get(DeleteUserDocument, { input: { userId } }) },
]

/** Who loses the right to hear leaves the room at once. */
export function rightsScenes(scene: Scene) {
  for (const { how, act } of LOSSES)
    scene(`who is ${how} while it talks is silent, out of the room at once with all its devices, and put out again`, async (stage) => {
      const team = await stage.team({ areStrangers: true })
      const { groupId, room, maya, ben, cleo, secondDevice } = team
      const second = await Radio.inRoom(stage.world, await secondDevice(), groupId)
      const { media } = await ben.press()
      await stage.untilTalkers(room, [ben])
      await ben.device.publish()
      const devices = [ben.device, second.device]
      await act(stage, team)
      await stage.untilPresent(room, [maya, cleo], 1_000)
      expect(await Promise.all(devices.map((device) => device.wasPutOut()))).toEqual([true, true])
      // LiveKit's client for Node takes ten seconds to notice that it is put out while it connects.
      for (let round = 0; round < (stage.world.fake ? 3 : 1); round++) {
        const again = await ben.enter(media.token)
        await again.publish()
        await stage.untilAudible(room, [], 300)
        await until('it is put out again', () => again.wasPutOut(), 1_000)
      }
      await cleo.press()
      await stage.untilTalkers(room, [cleo])
    })

  scene('who is a member again may come again, and stays', async (stage) => {
    const team = await stage.team()
    const { groupId, room, maya, ben, cleo, bensUserId } = team
    await removeBen(stage, team)
    await stage.untilPresent(room, [maya, cleo], 1_000)
    await addMember(stage.admin, groupId, bensUserId)
    await ben.enter()
    await ben.press()
    await stage.untilTalkers(room, [ben])
    await sleep(300)
    expect(await ben.device.wasPutOut()).toBe(false)
  })

  scene('who signs out leaves the room; the other device of the same user stays', async (stage) => {
    const { groupId, room, maya, ben, cleo, secondDevice } = await stage.team({ areStrangers: true })
    const second = await Radio.inRoom(stage.world, await secondDevice(), groupId)
    const { media } = await ben.press()
    await stage.untilTalkers(room, [ben])
    await ben.device.publish()
    await ben.client.get(LogoutDocument, {})
    await stage.untilPresent(room, [maya, cleo, second], 1_000)
    const again = await ben.enter(media.token)
    await until('it is put out again', () => again.wasPutOut(), 1_000)
    await second.press()
    await stage.untilTalkers(room, [second])
  })

  scene('a session that its owner revokes from another device leaves the room', async (stage) => {
    const { groupId, room, maya, ben, cleo, secondDevice } = await stage.team({ areStrangers: true })
    const second = await Radio.inRoom(stage.world, await secondDevice(), groupId)
    const { sessions } = await second.client.get(SessionsDocument, {})
    const other = sessions.find(({ current }) => !current)
    await second.client.get(RevokeSessionDocument, { input: { sessionId: other?.id ?? '' } })
    await stage.untilPresent(room, [maya, cleo, second], 1_000)
    expect(await ben.device.wasPutOut()).toBe(true)
  })

  scene('the room of a deleted group is closed, and opened by no old token', async (stage) => {
    const { groupId, room, maya, ben, cleo } = await stage.team()
    const { media } = await ben.press()
    await stage.untilTalkers(room, [ben])
    await ben.device.publish()
    const devices = [maya, ben, cleo].map(({ device }) => device)
    await stage.admin.get(DeleteGroupDocument, { input: { groupId } })
    await until(
      'everybody is out',
      async () => (await Promise.all(devices.map((device) => device.wasPutOut()))).every((isOut) => isOut),
      1_000,
    )
    await until('the room is closed', async () => !(await stage.world.rooms()).includes(room), 1_000)
    for (let round = 0; round < 3; round++) {
      const again = await ben.enter(media.token)
      await again.publish()
      await stage.untilAudible(room, [], 300)
      await until('it is put out', () => again.wasPutOut(), 1_000)
      await until('the room is closed again', async () => !(await stage.world.rooms()).includes(room), 1_000)
    }
  })

  scene('what changes in one group changes nobody in another', async (stage) => {
    const [team, other] = [await stage.team(), await stage.team()]
    await other.ben.press()
    using _talking = other.ben.keepTalking()
    await stage.untilTalkers(other.room, [other.ben])
    await other.ben.device.publish()
    await stage.untilAudible(other.room, [other.ben])
    await removeBen(stage, team)
    await stage.admin.get(DeleteGroupDocument, { input: { groupId: team.groupId } })
    await stage.untilPresent(team.room, [], 1_000)
    expect(await stage.audible(other.room)).toEqual([other.ben.identity])
    expect(await stage.present(other.room)).toHaveLength(3)
  })
}
