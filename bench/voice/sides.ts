import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AccessToken, TrackSource } from 'livekit-server-sdk'
import type { LiveKit } from '../../test/voice/livekit-server.ts'
import { Member } from './member.ts'
import type { DeviceKind, VoiceDevice } from './voice-device.ts'

/** What the bench compares: a talker and two listeners in one room, and somebody who says when the talker may be heard. */
export interface Side {
  readonly name: string
  readonly talker: VoiceDevice
  readonly listeners: readonly VoiceDevice[]
  /** Resolves at the answer. */
  press(): Promise<void>
  end(how: Ending): Promise<void>
}

export type Ending = 'RELEASE' | 'REVOKE'

/** Members of a group of NEDA: Ben talks, Cleo and Maya listen, and Maya is the manager. */
export interface Team extends Side {
  readonly ben: Member
  readonly cleo: Member
  readonly maya: Member
}

/** LiveKit has told of who came. */
const KNOWN_AFTER_MS = 500

export async function nedaSide(url: string, kind: DeviceKind, stack: AsyncDisposableStack): Promise<Team> {
  const join = async (username: string) => stack.use(await Member.join(url, username, kind))
  const [ben, cleo, maya] = [await join('ben'), await join('cleo'), await join('maya')]
  await sleep(KNOWN_AFTER_MS)
  return {
    name: 'NEDA',
    ben,
    cleo,
    maya,
    talker: ben.device,
    listeners: [cleo.device, maya.device],
    press: async () => {
      const { outcome, media } = await ben.press()
      if (outcome !== 'GRANTED' || media?.state !== 'READY') throw new Error(`the press was answered ${outcome}, ${media?.state}`)
    },
    end: (how) => (how === 'RELEASE' ? ben.release() : maya.revoke(ben)),
  }
}

/** Nothing but the permission itself, by the same calls and to the same LiveKit, and no floor. */
export async function bareSide({ url, apiKey, apiSecret, rooms }: LiveKit, kind: DeviceKind, stack: AsyncDisposableStack): Promise<Side> {
  const room = `bare:${randomUUID()}`
  const join = async (identity: string) => {
    const token = new AccessToken(apiKey, apiSecret, { identity, ttl: 600 })
    token.addGrant({ roomJoin: true, room, canSubscribe: true, canPublish: false, canPublishData: false })
    const device = stack.use(await kind.open())
    await device.connect(url, await token.toJwt())
    return device
  }
  const [talker, ...listeners] = [await join('talker'), await join('listener-1'), await join('listener-2')] as const
  const permit = async (canPublish: boolean) => {
    const canPublishSources = canPublish ? [TrackSource.MICROPHONE] : []
    const permission = { canSubscribe: true, canPublish, canPublishData: false, canPublishSources }
    await rooms.updateParticipant(room, talker.identity, { permission })
  }
  return { name: 'bare', talker, listeners, press: () => permit(true), end: () => permit(false) }
}
