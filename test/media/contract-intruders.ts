import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AccessToken } from 'livekit-server-sdk'
import { expect } from 'vitest'
import { JoinGroupDocument } from '../generated/operations.ts'
import { until } from '../stress/until.ts'
import { createPerson } from '../support/people.ts'
import type { MediaStage, Scene, Team } from './media-stage.ts'
import { Radio } from './radio.ts'
import type { MediaDevice } from './world.ts'

/** A token as NEDA mints them, for whom NEDA would not. */
async function forged({ world }: MediaStage, room: string, identity: string): Promise<string> {
  const token = new AccessToken(world.apiKey, world.apiSecret, { identity, ttl: 600 })
  token.addGrant({ roomJoin: true, room, canPublish: true })
  return token.toJwt()
}

/** The token with which Ben talked, after his burst: handed out by NEDA, or by the media server itself. */
const KEPT: readonly { readonly which: string; readonly keep: (team: Team, stage: MediaStage) => Promise<string> }[] = [
  {
    which: 'the token of its press',
    keep: async ({ ben, room }, stage) => {
      const { media } = await ben.press()
      await stage.untilTalkers(room, [ben])
      return media.token
    },
  },
  {
    which: 'the token that the media server sent it while it talked',
    keep: async ({ ben, room }, stage) => {
      await ben.press()
      await stage.untilTalkers(room, [ben])
      await until('it was sent a new token', async () => mayPublish(await ben.device.refreshedToken()))
      return ben.device.refreshedToken()
    },
  },
]

function mayPublish(token: string): boolean {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { video?: { canPublish?: boolean } }
  return claims.video?.canPublish === true
}

const joining = (groupId: string) => [JoinGroupDocument, { input: { groupId } }] as const

/** Waits until a device is out of the room by the server's will. */
const untilPutOut = (device: MediaDevice, withinMs = 3_000) => until('it is put out', () => device.wasPutOut(), withinMs)

/** Publishes without the floor: it is silent at once, and put out if it was in time to be taken. */
async function intrude(stage: MediaStage, { room, device }: Radio, heard: readonly Radio[]): Promise<void> {
  const wasTaken = await device.publish()
  await stage.untilAudible(room, heard, 300)
  if (wasTaken) await untilPutOut(device)
}

/** Whoever kept a token, or made one: it is not heard for longer than it takes to notice. */
export function intruderScenes(scene: Scene) {
  for (const { which, keep } of KEPT) {
    scene(`${which} opens the room after the burst, and nobody is heard with it`, async (stage) => {
      const team = await stage.team()
      const { room, ben } = team
      const token = await keep(team, stage)
      await ben.release()
      await stage.untilTalkers(room, [])
      const device = await ben.enter(token)
      await stage.untilTalkers(room, [], 300)
      expect(await device.publish()).toBe(false)
      await sleep(300)
      expect([await device.wasPutOut(), await stage.talkers(room)]).toEqual([false, []])
      // An honest device that came back with an old token is not worse off.
      await ben.press()
      await stage.untilTalkers(room, [ben])
    })

    scene(`who publishes with ${which} after the burst is silent at once, and put out`, async (stage) => {
      const team = await stage.team()
      const { room, ben, maya } = team
      const token = await keep(team, stage)
      await ben.release()
      await stage.untilTalkers(room, [])
      // The record of the burst has ended before.
      await sleep(50)
      await ben.enter(token)
      await intrude(stage, ben, [])
      await maya.press()
      await stage.untilTalkers(room, [maya])
    })
  }

  scene('an intruder does not disturb the holder', async (stage) => {
    const { room, ben, cleo } = await stage.team()
    const { media } = await cleo.press()
    await stage.untilTalkers(room, [cleo])
    await cleo.release()
    await ben.press()
    using _talking = ben.keepTalking()
    await stage.untilTalkers(room, [ben])
    expect(await ben.device.publish()).toBe(true)
    await sleep(50)
    for (let round = 0; round < 3; round++) {
      await cleo.enter(media.token)
      await intrude(stage, cleo, [ben])
      expect(await stage.audible(room)).toEqual([ben.identity])
    }
  })

  scene('a device whose track comes when its burst has just ended is silent, and stays', async (stage) => {
    const { room, ben } = await stage.team()
    for (let round = 0; round < 10; round++) {
      await ben.press()
      await stage.untilTalkers(room, [ben])
      const [published] = await Promise.all([ben.device.publish(), ben.release()])
      if (!published) await ben.device.publish()
      await stage.untilAudible(room, [], 500)
      await ben.device.unpublish()
    }
    await sleep(300)
    expect([await ben.device.wasPutOut(), await stage.talkers(room)]).toEqual([false, []])
  })

  scene('who is no member is put out, with whatever token', async (stage) => {
    const { room, groupId, maya, ben, cleo } = await stage.team()
    const stranger = await (await createPerson(stage.admin, 'Stranger')).device()
    const other = await stage.team({ areStrangers: true })
    // A device of the system, which was never let into this room.
    const outsiders = [
      other.maya.identity,
      other.ben.identity,
      `${randomUUID()}:${randomUUID()}`,
      'agent:1',
      ben.identity.split(':')[0] ?? '',
    ]
    expect(await stage.admin.refusal(...joining(groupId))).toBe('FORBIDDEN')
    expect(await stranger.refusal(...joining(groupId))).toBe('NOT_FOUND')
    for (const identity of outsiders) {
      const device = await stage.world.join(await forged(stage, room, identity))
      await device.publish()
      await untilPutOut(device)
    }
    await stage.untilPresent(room, [maya, ben, cleo])
    await stage.untilPresent(other.room, [other.maya, other.ben, other.cleo])
  })

  scene("a user's id with the session of another is nobody", async (stage) => {
    const { room, ben, maya, cleo } = await stage.team()
    const [bensUser] = ben.identity.split(':')
    const [, mayasSession] = maya.identity.split(':')
    const device = await stage.world.join(await forged(stage, room, `${bensUser}:${mayasSession}`))
    await untilPutOut(device)
    await stage.untilPresent(room, [maya, ben, cleo])
  })

  scene('who comes again and again is put out again and again', async (stage) => {
    const { room, groupId, secondDevice } = await stage.team()
    const outsider = await stage.team({ areStrangers: true })
    const token = await forged(stage, room, outsider.ben.identity)
    for (let round = 0; round < 5; round++) await untilPutOut(await stage.world.join(token))
    expect(await stage.present(room)).toHaveLength(3)
    const second = await Radio.inRoom(stage.world, await secondDevice(), groupId)
    expect(await second.device.wasPutOut()).toBe(false)
  })
}
