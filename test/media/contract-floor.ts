import { setTimeout as sleep } from 'node:timers/promises'
import { TrackSource } from 'livekit-server-sdk'
import { expect } from 'vitest'
import { LeaveGroupDocument, MuteMemberDocument, RevokeTalkDocument, UpdateGroupMemberDocument } from '../generated/operations.ts'
import { until } from '../stress/until.ts'
import type { Client } from '../support/client.ts'
import type { Scene, Team } from './media-stage.ts'
import { Radio } from './radio.ts'

/** How the burst of Ben's device ends. */
interface End {
  readonly how: string
  readonly act: (team: Team, burstId: string, admin: Client) => Promise<unknown>
  readonly withinMs?: number
  readonly talkLimitMs?: number
  /** It shows no more that it talks. */
  readonly isSilent?: boolean
}

const ENDS: readonly End[] = [
  { how: 'a release', act: ({ ben }) => ben.release() },
  {
    how: "a manager's revoke",
    act: ({ maya, groupId }, burstId) => maya.client.get(RevokeTalkDocument, { input: { groupId, burstId } }),
  },
  {
    how: 'a mute',
    act: ({ maya, groupId, bensUserId: userId }) => maya.client.get(MuteMemberDocument, { input: { groupId, userId, durationMs: 1_000 } }),
  },
  {
    how: 'the loss of the right to talk',
    act: ({ groupId, bensUserId: userId }, _burstId, admin) =>
      admin.get(UpdateGroupMemberDocument, { input: { groupId, userId, canTalk: false } }),
  },
  { how: 'leaving the group', act: ({ ben, groupId }) => ben.client.get(LeaveGroupDocument, { input: { groupId } }) },
  { how: 'the talk limit', act: async () => {}, withinMs: 6_500, talkLimitMs: 5_000 },
  { how: 'the end of its lease', act: async () => {}, withinMs: 5_500, isSilent: true },
]

/** Who holds the floor may be heard, and nobody else. */
export function floorScenes(scene: Scene) {
  scene('devices join to listen; the grant lets the holder publish its microphone, and go on hearing', async (stage) => {
    const { room, maya, ben, cleo } = await stage.team()
    expect(await stage.talkers(room)).toEqual([])
    expect(await ben.device.publish()).toBe(false)
    const { burst, media } = await ben.press()
    expect(media).toMatchObject({ state: 'READY', room, identity: ben.identity })
    expect(burst.mediaIdentity).toBe(ben.identity)
    await stage.untilTalkers(room, [ben], 500)
    const bens = (await stage.world.participants(room)).find(({ identity }) => identity === ben.identity)
    expect(bens?.permission).toMatchObject({
      canSubscribe: true,
      canPublish: true,
      canPublishData: false,
      canPublishSources: [TrackSource.MICROPHONE],
      canUpdateMetadata: false,
    })
    expect(await ben.device.publish()).toBe(true)
    expect(await maya.device.publish()).toBe(false)
    await stage.untilAudible(room, [ben])
    await ben.release()
    await stage.untilTalkers(room, [], 500)
    await stage.untilAudible(room, [], 500)
    const present = await stage.world.participants(room)
    expect(present.every(({ permission }) => permission?.canSubscribe)).toBe(true)
    expect(present.map(({ sid }) => sid).toSorted()).toEqual([maya, ben, cleo].map(({ device }) => device.sid).toSorted())
  })

  for (const { how, act, withinMs = 1_000, talkLimitMs, isSilent = false } of ENDS)
    scene(`silence after ${how}; the device stays in the room, and can be permitted again`, async (stage) => {
      const team = await stage.team(talkLimitMs === undefined ? {} : { talkLimitMs })
      const { room, ben, cleo } = team
      const { burst } = await ben.press()
      await stage.untilTalkers(room, [ben])
      expect(await ben.device.publish()).toBe(true)
      await stage.untilAudible(room, [ben])
      using _talking = isSilent ? null : ben.keepTalking()
      await act(team, burst.id, stage.admin)
      await stage.untilAudible(room, [], withinMs)
      expect(await stage.talkers(room)).toEqual([])
      expect(await ben.device.wasPutOut()).toBe(false)
      await cleo.press()
      await stage.untilTalkers(room, [cleo])
    })

  scene('of a pre-empted and its pre-emptor the second alone may publish', async (stage) => {
    const { room, maya, ben } = await stage.team()
    await ben.press()
    await stage.untilTalkers(room, [ben])
    await ben.device.publish()
    await maya.queue()
    await until('the grace is over', async () => (await maya.repeat()).outcome === 'GRANTED')
    await stage.untilTalkers(room, [maya])
    expect(await stage.audible(room)).toEqual([])
    expect(await maya.device.publish()).toBe(true)
  })

  scene('who is granted out of the queue may publish, and who was before it may not', async (stage) => {
    const { room, ben, cleo } = await stage.team()
    await ben.press()
    expect((await cleo.queue()).outcome).toBe('QUEUED')
    await stage.untilTalkers(room, [ben])
    await ben.release()
    await stage.untilTalkers(room, [cleo], 500)
    expect((await cleo.repeat()).outcome).toBe('GRANTED')
  })

  scene('release and press at once, 100 times: the holder may publish at the end, and nobody after the last release', async (stage) => {
    const { room, ben } = await stage.team()
    await ben.press()
    for (let round = 0; round < 100; round++) {
      await ben.release()
      await ben.press()
    }
    using _talking = ben.keepTalking()
    await stage.untilTalkers(room, [ben], 1_000)
    await sleep(500)
    expect(await stage.talkers(room)).toEqual([ben.identity])
    for (let round = 0; round < 100; round++) {
      await ben.press()
      await ben.release()
    }
    await stage.untilTalkers(room, [], 1_000)
    await sleep(500)
    expect(await stage.talkers(room)).toEqual([])
  })

  scene('the floor goes from one to the other 50 times: the last holder alone may publish', async (stage) => {
    const { room, ben, cleo } = await stage.team()
    for (let round = 0; round < 50; round++) {
      await ben.press()
      await ben.release()
      await cleo.press()
      if (round < 49) await cleo.release()
    }
    using _talking = cleo.keepTalking()
    await stage.untilTalkers(room, [cleo], 1_000)
    await sleep(500)
    expect(await stage.talkers(room)).toEqual([cleo.identity])
  })

  scene('who presses before it is in the room is permitted as soon as it comes, whatever its token', async (stage) => {
    const { room, ben } = await stage.team({ inRoom: false })
    const { token } = await ben.listenGrant()
    const { media } = await ben.press()
    expect(media.state).toBe('JOIN_REQUIRED')
    await ben.enter(token)
    await stage.untilTalkers(room, [ben], 500)
    await ben.release()
    await stage.untilTalkers(room, [], 500)
    // What was asked for the release may still be under way, and would take the next track away.
    await sleep(100)
    const second = await ben.press()
    await ben.enter(second.media.token)
    using _talking = ben.keepTalking()
    expect(await ben.device.publish()).toBe(true)
    await stage.untilAudible(room, [ben])
    await sleep(300)
    expect(await stage.audible(room)).toEqual([ben.identity])
  })

  scene('the floor belongs to a device: the other one of the same user may not publish', async (stage) => {
    const { groupId, room, ben, secondDevice } = await stage.team()
    const second = await Radio.inRoom(stage.world, await secondDevice(), groupId)
    expect(second.identity).not.toBe(ben.identity)
    await second.press()
    await stage.untilTalkers(room, [second])
    expect([await ben.device.publish(), await second.device.publish()]).toEqual([false, true])
    expect(await ben.device.wasPutOut()).toBe(false)
  })
}
