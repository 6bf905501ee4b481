import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DeleteGroupDocument, LogoutDocument, RemoveGroupMemberDocument, RevokeTalkDocument } from '../generated/operations.ts'
import { type Handset, joinGrant, type MediaGrant } from './handset.ts'
import { heardBy, lastHeard, measured } from './listening.ts'
import { permissionOf, untilPermission } from './permissions.ts'
import { RtcDevice } from './rtc-device.ts'
import { openRoom, openVoiceStage, type VoiceStage } from './voice-stage.ts'

const SILENT_WITHIN_MS = 300
const WATCHED_MS = 1_200
const ATTEMPTS = 4
/** The webhooks are so late that a track is always published before NEDA hears of who published it. */
const SLOW_WAY_MS = 150

describe('a token that was saved opens nothing once the right to it is gone', () => {
  let stage: VoiceStage

  beforeAll(async () => {
    stage = await openVoiceStage()
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())

  const permission = ({ room }: { room: string }, { identity }: RtcDevice) => permissionOf(stage.liveKit, room, identity)

  /**
   * Comes back with a token that may publish, and publishes at once, again and again. Either LiveKit was told in time and does not take the
   * track, or it takes it, and then the offender is silenced and put out. On a slow way it is always the latter.
   */
  async function attacks(offender: Handset, grant: MediaGrant, listeners: readonly RtcDevice[]): Promise<void> {
    for (const lateMs of [0, SLOW_WAY_MS]) {
      stage.webhooks.delay({ up: lateMs })
      const attempts: Awaited<ReturnType<typeof attack>>[] = []
      while (attempts.length < ATTEMPTS) attempts.push(await attack(offender, grant, listeners))
      stage.webhooks.mend()
      const taken = attempts.filter(({ isTaken }) => isTaken)
      measured(`attacks, ${taken.length} of ${ATTEMPTS} tracks taken, webhooks ${lateMs} ms late`, {
        powerlessAfter: attempts.map(({ powerlessAfter }) => powerlessAfter),
        outAfter: taken.map(({ outAfter }) => outAfter),
        heardFor: attempts.map(({ heardFor }) => heardFor),
      })
      expect(Math.max(...attempts.map(({ heardFor }) => heardFor))).toBeLessThan(lateMs + SILENT_WITHIN_MS)
      if (lateMs > 0) expect(taken).toHaveLength(ATTEMPTS)
    }
  }

  async function attack(offender: Handset, grant: MediaGrant, listeners: readonly RtcDevice[]) {
    const device = await offender.enter(grant)
    const connectedAt = performance.now()
    const fate = device.talk().catch(() => undefined)
    const since = { powerless: Number.NaN, out: Number.NaN }
    while (performance.now() < connectedAt + WATCHED_MS) {
      const now = await permission(grant, device)
      if (now !== 'TALK' && Number.isNaN(since.powerless)) since.powerless = performance.now() - connectedAt
      if (now === 'ABSENT' && Number.isNaN(since.out)) since.out = performance.now() - connectedAt
      await sleep(5)
    }
    expect((await device.sent()).frames, 'frames captured').toBeGreaterThan(WATCHED_MS / 20)
    const { publishedAt } = device
    expect(await permission(grant, device)).toBe(publishedAt === null ? 'LISTEN' : 'ABSENT')
    const firsts = listeners.map(({ meter }) => meter.firstHeardSince(device, connectedAt)).filter((first) => first !== null)
    const heardFor = firsts.length === 0 ? 0 : lastHeard(listeners, device) - Math.min(...firsts, publishedAt ?? Number.POSITIVE_INFINITY)
    await device.hangUp()
    await fate
    return { isTaken: publishedAt !== null, powerlessAfter: since.powerless, outAfter: since.out, heardFor }
  }

  test('the token of a press, after the burst was revoked', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos, groupId } = it
    const { media, burst, pressedAt } = await bens.talk()
    await heardBy([mayas.rtc, cleos.rtc], bens.rtc, pressedAt)
    await mayas.client.get(RevokeTalkDocument, { input: { groupId, burstId: burst.id } })
    await untilPermission(stage.liveKit, media.room, bens.rtc.identity, 'LISTEN')
    await attacks(bens, media, [mayas.rtc, cleos.rtc])
  })

  test('the token that LiveKit itself gave during the burst, while another talks', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos } = it
    const { media, pressedAt } = await bens.talk()
    await heardBy([mayas.rtc, cleos.rtc], bens.rtc, pressedAt)
    const refreshed = bens.rtc.refreshedToken
    expect(refreshed).not.toBe(media.token)
    expect(bens.rtc.mayPublish).toBe(true)
    await bens.hush()
    const next = await cleos.talk()
    await heardBy([mayas.rtc], cleos.rtc, next.pressedAt)
    const from = performance.now()
    await attacks(bens, { ...media, token: refreshed }, [mayas.rtc, cleos.rtc])
    const to = performance.now()
    expect(mayas.rtc.meter.heardBetween(cleos.rtc, from, to) / (to - from), 'the share of the time that Cleo was heard').toBeGreaterThan(
      0.9,
    )
    expect(await permission(cleos, cleos.rtc)).toBe('TALK')
  })

  test('who comes back with it and only listens has lost the permission, and stays', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos } = it
    const { media } = await bens.talk()
    await bens.hush()
    const connectedAt = performance.now()
    const device = await bens.enter(media)
    const powerlessAfter = await untilPermission(stage.liveKit, media.room, device.identity, 'LISTEN')
    measured('a saved token that only listens', { connected: performance.now() - connectedAt, powerlessAfter })
    await sleep(500)
    expect(await permission(media, device)).toBe('LISTEN')
    const next = await cleos.talk()
    await heardBy([mayas.rtc, device], cleos.rtc, next.pressedAt)
  })

  test('while no webhook arrives an intruder is heard, and no longer than until LiveKit tells it again', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens } = it
    const { media } = await bens.talk()
    await bens.hush()
    await untilPermission(stage.liveKit, media.room, bens.rtc.identity, 'LISTEN')
    stage.webhooks.cut()
    const enteredAt = performance.now()
    const ben = await bens.enter(media)
    await ben.talk()
    await heardBy([mayas.rtc], ben, enteredAt)
    expect(await permission(media, ben)).toBe('TALK')
    stage.webhooks.mend()
    const mendedAt = performance.now()
    // It waits a second, two, four and eight.
    await untilPermission(stage.liveKit, media.room, ben.identity, 'ABSENT', 8_000)
    await sleep(500)
    const heardFor = lastHeard([mayas.rtc], ben) - mendedAt
    measured('webhooks arrive again', { heardFor })
    expect(heardFor).toBeLessThan(8_000)
    expect(lastHeard([mayas.rtc], ben)).toBeLessThan(performance.now() - 400)
  })

  test('a removed member is out and hears nothing, and is put out again whenever it comes back', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos, cleo, groupId } = it
    const listening = await joinGrant(cleos.client, groupId)
    const { pressedAt } = await bens.talk()
    await heardBy([mayas.rtc, cleos.rtc], bens.rtc, pressedAt)
    const refreshed = cleos.rtc.refreshedToken
    const removedAt = performance.now()
    await stage.admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: cleo.id } })
    await untilPermission(stage.liveKit, listening.room, cleos.rtc.identity, 'ABSENT')
    const outAfter = performance.now() - removedAt
    await sleep(1_000)
    const heardFor = lastHeard([cleos.rtc], bens.rtc) - removedAt
    expect(heardFor).toBeLessThan(1_000)
    expect(cleos.rtc.disconnected?.reason).toBe('PARTICIPANT_REMOVED')
    measured('a removed member', { outAfter, heardFor })

    for (const token of [listening.token, refreshed]) {
      const connectedAt = performance.now()
      const device = await cleos.enter({ ...listening, token })
      await untilPermission(stage.liveKit, listening.room, device.identity, 'ABSENT')
      const outAgainAfter = performance.now() - connectedAt
      await sleep(1_000)
      const heardFrames = device.meter.heardBetween(bens.rtc, 0, performance.now())
      measured('a removed member that comes back', { outAgainAfter, heard: heardFrames })
      expect(device.disconnected?.reason).toBe('PARTICIPANT_REMOVED')
      expect(heardFrames).toBeLessThan(SILENT_WITHIN_MS)
    }
    expectStillHeard(mayas.rtc, bens.rtc)
  })

  test('a device that was signed out is put out again whenever it comes back', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos, groupId } = it
    const listening = await joinGrant(cleos.client, groupId)
    const { pressedAt } = await bens.talk()
    await cleos.client.get(LogoutDocument, {})
    await untilPermission(stage.liveKit, listening.room, cleos.rtc.identity, 'ABSENT')
    const connectedAt = performance.now()
    const device = await cleos.enter(listening)
    await untilPermission(stage.liveKit, listening.room, device.identity, 'ABSENT')
    measured('a signed out device that comes back', { outAgainAfter: performance.now() - connectedAt })
    await heardBy([mayas.rtc], bens.rtc, pressedAt)
    await sleep(500)
    expect(device.disconnected?.reason).toBe('PARTICIPANT_REMOVED')
    expect(device.meter.heardBetween(bens.rtc, 0, performance.now())).toBeLessThan(SILENT_WITHIN_MS)
    // Signed in again it is another device, and welcome.
    await using again = await RtcDevice.connect(listening.url, (await joinGrant(await it.cleo.device(), groupId)).token)
    await heardBy([again], bens.rtc, performance.now())
  })

  test('the room of a deleted group is closed, and closed again whoever comes back', async () => {
    await using it = await openRoom(stage)
    const { mayas, bens, cleos, groupId } = it
    const listening = await joinGrant(cleos.client, groupId)
    const { media, pressedAt } = await bens.talk()
    await heardBy([mayas.rtc, cleos.rtc], bens.rtc, pressedAt)
    const deletedAt = performance.now()
    await stage.admin.get(DeleteGroupDocument, { input: { groupId } })
    const roomGoneAfter = (await untilNoRoom(media.room)) - deletedAt
    await sleep(300)
    measured('a deleted group', { roomGoneAfter, heardFor: lastHeard([mayas.rtc, cleos.rtc], bens.rtc) - deletedAt })
    for (const { rtc } of [mayas, bens, cleos]) expect(rtc.disconnected?.reason).toBe('ROOM_DELETED')

    // NEDA hears of them so late that they are both in the room for a moment, and one can be heard by the other.
    stage.webhooks.delay({ up: 2 * SLOW_WAY_MS })
    const [cleo, ben] = await Promise.all([cleos.enter(listening), bens.enter(media)])
    const enteredAt = performance.now()
    const fate = ben.talk().catch(() => undefined)
    const goneAgainAfter = (await untilNoRoom(media.room)) - enteredAt
    stage.webhooks.mend()
    await sleep(1_000)
    const heardFor = cleo.meter.heardBetween(ben, 0, performance.now())
    measured('a deleted group that is entered again', { goneAgainAfter, heardFor })
    expect(ben.publishedAt).not.toBeNull()
    expect(heardFor).toBeLessThan(2 * SLOW_WAY_MS + SILENT_WITHIN_MS)
    expect(await stage.liveKit.rooms.listRooms([media.room])).toEqual([])
    for (const device of [cleo, ben]) expect(device.isConnected).toBe(false)
    await fate
  })

  function expectStillHeard(listener: RtcDevice, speaker: RtcDevice) {
    const now = performance.now()
    expect(listener.meter.heardBetween(speaker, now - 1_000, now)).toBeGreaterThan(700)
  }

  /** Answers when it was gone. */
  async function untilNoRoom(room: string, withinMs = 2_000): Promise<number> {
    for (const deadline = performance.now() + withinMs; performance.now() < deadline; await sleep(5))
      if ((await stage.liveKit.rooms.listRooms([room])).length === 0) return performance.now()
    throw new Error(`${room} is open after ${withinMs} ms`)
  }
})
