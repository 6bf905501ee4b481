import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DisableUserDocument,
  LeaveGroupDocument,
  LogoutDocument,
  MuteMemberDocument,
  RemoveGroupMemberDocument,
  RevokeTalkDocument,
  UpdateGroupMemberDocument,
} from '../generated/operations.ts'
import { press } from '../support/talk.ts'
import type { Granted } from './handset.ts'
import { audibleAfter, expectSending, expectSilence, heardBy, lastHeard, measured } from './listening.ts'
import { participantsOf, permissionOf } from './permissions.ts'
import { openRoom, openVoiceStage, type VoiceStage } from './voice-stage.ts'

const SILENT_WITHIN_MS = 1_000
const WATCHED_MS = 1_500

type Room = Awaited<ReturnType<typeof openRoom>>

/** How Ben's right to talk ends, and when: he goes on sending. */
interface End {
  readonly of: string
  readonly settings?: { readonly talkLimitMs: number }
  readonly renewing?: boolean
  readonly isPutOut?: boolean
  /** Answers when the right ends, on this process's clock. */
  readonly end: (room: Room, granted: Granted) => Promise<number>
}

/** Right now, by this request. */
const at = (request: (room: Room, granted: Granted) => Promise<unknown>) => async (room: Room, granted: Granted) => {
  const askedAt = performance.now()
  await request(room, granted)
  return askedAt
}
const done = (payload: { readonly userErrors: readonly unknown[] }) => expect(payload.userErrors).toEqual([])

const ENDS: readonly End[] = [
  { of: 'a release', end: at(({ bens }) => bens.release()) },
  {
    of: "a manager's revoke",
    end: at(async ({ mayas, groupId }, { burst }) => {
      const { revokeTalk } = await mayas.client.get(RevokeTalkDocument, { input: { groupId, burstId: burst.id } })
      expect(revokeTalk.revoked).toBe(true)
    }),
  },
  {
    of: 'a mute',
    end: at(async ({ mayas, groupId, ben }) =>
      done((await mayas.client.get(MuteMemberDocument, { input: { groupId, userId: ben.id, durationMs: 60_000 } })).muteMember),
    ),
  },
  {
    of: 'the talk limit',
    settings: { talkLimitMs: 5_000 },
    end: async (_, { burst }) => new Date(String(burst.expiresAt)).getTime() - performance.timeOrigin,
  },
  { of: 'the lease', renewing: false, end: async (_, { pressedAt, leaseMs }) => pressedAt + leaseMs },
  {
    of: 'leaving the group',
    end: at(async ({ bens, groupId }) => done((await bens.client.get(LeaveGroupDocument, { input: { groupId } })).leaveGroup)),
  },
  {
    of: 'the loss of the right to talk',
    end: at(async ({ admin, groupId, ben }) => {
      const input = { groupId, userId: ben.id, canTalk: false }
      done((await admin.get(UpdateGroupMemberDocument, { input })).updateGroupMember)
    }),
  },
  {
    of: 'the removal from the group',
    isPutOut: true,
    end: at(async ({ admin, groupId, ben }) =>
      done((await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })).removeGroupMember),
    ),
  },
  { of: 'a sign-out', isPutOut: true, end: at(async ({ bens }) => done((await bens.client.get(LogoutDocument, {})).logout)) },
  {
    of: 'the disabling of the user',
    isPutOut: true,
    end: at(async ({ admin, ben }) => done((await admin.get(DisableUserDocument, { input: { userId: ben.id } })).disableUser)),
  },
]

describe('whoever may not talk any more is not heard any more, and goes on sending', () => {
  let stage: VoiceStage

  beforeAll(async () => {
    stage = await openVoiceStage()
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())

  test.each(ENDS)('after the end of $of', async ({ of, settings, renewing = true, isPutOut = false, end }) => {
    await using it = await openRoom(stage, settings)
    const { bens, mayas, cleos } = it
    const ben = bens.rtc
    const listeners = [mayas.rtc, cleos.rtc]
    const granted = await bens.talk({ renewing })
    await heardBy(listeners, ben, granted.pressedAt)
    await sleep(500)

    const endsAt = await end(it, granted)
    const { audibleMs, before, after } = await audibleAfter(listeners, ben, endsAt, WATCHED_MS)
    measured(`after the end of ${of}`, { audible: audibleMs })
    expect(audibleMs).toBeLessThan(SILENT_WITHIN_MS)
    const present = await participantsOf(stage.liveKit, mayas.room)
    if (isPutOut) {
      expect(after.frames - before.frames).toBeGreaterThan(WATCHED_MS / 20)
      expect(ben.disconnected?.reason).toBe('PARTICIPANT_REMOVED')
      expect(present.map(({ identity }) => identity)).not.toContain(ben.identity)
    } else {
      expectSending(before, after, WATCHED_MS)
      expect(await permissionOf(stage.liveKit, mayas.room, ben.identity)).toBe('LISTEN')
    }
    expect(ben.isSending).toBe(true)

    // The next speaker is heard, and Ben's tone is not under it.
    const silentSince = performance.now()
    const next = await cleos.talk()
    await heardBy([mayas.rtc], cleos.rtc, next.pressedAt)
    await sleep(300)
    expectSilence(listeners, ben, silentSince)
  })

  test('who is pre-empted falls silent before the next is heard', async () => {
    await using it = await openRoom(stage)
    const { bens, mayas, cleos, groupId } = it
    const granted = await bens.talk()
    await heardBy([mayas.rtc, cleos.rtc], bens.rtc, granted.pressedAt)
    await sleep(300)
    const pressedAt = performance.now()
    const asked = await press(mayas.client, groupId, 'now-me', { priority: 'HIGH' })
    expect(asked.outcome).toBe('QUEUED')
    while ((await press(mayas.client, groupId, 'now-me')).outcome !== 'GRANTED') await sleep(10)
    const grantedAt = performance.now()
    await (await mayas.rtc.permitted()).talk()
    const audible = await heardBy([cleos.rtc], mayas.rtc, pressedAt)
    const before = await bens.rtc.sent()
    await sleep(700)
    expectSending(before, await bens.rtc.sent(), 700)
    const pause = pressedAt + audible - lastHeard([cleos.rtc], bens.rtc)
    measured('pre-emption', { granted: grantedAt - pressedAt, audible, pauseBetweenTheVoices: pause })
    expect(pause).toBeGreaterThan(0)
    expect(cleos.rtc.meter.identitiesHeard(pressedAt + audible, performance.now())).toEqual([mayas.rtc.identity])
  })
})
