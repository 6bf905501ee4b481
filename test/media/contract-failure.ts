import { setTimeout as sleep } from 'node:timers/promises'
import { AccessToken } from 'livekit-server-sdk'
import { expect } from 'vitest'
import { RemoveGroupMemberDocument } from '../generated/operations.ts'
import { until } from '../stress/until.ts'
import type { MediaStage, Scene, Team } from './media-stage.ts'

/** Nobody notices a press that takes as long. */
const UNNOTICED_MS = 100
/** The breaker looks every 2 s, and then everything is looked at. */
const RECOVERED_WITHIN_MS = 6_000

/** How long presses take, the median and the longest. */
async function pressTimes({ ben }: Team, presses = 60) {
  const times: number[] = []
  for (let n = 0; n < presses; n++) {
    const began = performance.now()
    await ben.press()
    times.push(performance.now() - began)
    await ben.release()
  }
  times.sort((one, other) => one - other)
  return { median: times[presses / 2] ?? 0, longest: times.at(-1) ?? 0 }
}

/** Presses until the media server is known to be away. */
async function untilLost({ ben }: Team): Promise<void> {
  await until('it is told DEGRADED', async () => {
    const { media } = await ben.press()
    await ben.release()
    return media.state === 'DEGRADED'
  })
}

const ready = async ({ url }: MediaStage) => (await fetch(`${url}/readyz`)).status

/** A media server that is away, slow, or not ours. After each scene it is well again. */
export function failureScenes(scene: Scene) {
  scene('presses do not wait for a media server that hangs', async (stage) => {
    const team = await stage.team()
    await pressTimes(team)
    const before = await pressTimes(team)
    stage.world.hang()
    const during = await pressTimes(team)
    expect(during.median).toBeLessThan(2 * before.median + 5)
    expect(during.longest).toBeLessThan(Math.max(2 * before.longest, UNNOTICED_MS))
    await untilLost(team)
    const after = await pressTimes(team)
    expect(after.median).toBeLessThan(2 * before.median + 5)
    expect(await ready(stage)).toBe(200)
  })

  scene('DEGRADED while it is away, with a way in all the same; READY again when it answers', async (stage) => {
    const team = await stage.team()
    const outside = await stage.team({ inRoom: false })
    await stage.world.cut()
    const first = await team.ben.press()
    expect(['READY', 'DEGRADED']).toContain(first.media.state)
    await team.ben.release()
    await untilLost(team)
    const { media } = await team.ben.press()
    expect(media).toMatchObject({ state: 'DEGRADED', room: team.room, identity: team.ben.identity })
    expect((await outside.ben.listenGrant()).state).toBe('DEGRADED')
    // NEDA cannot reach it, but devices can.
    const device = await team.ben.enter(media.token)
    expect(await device.publish()).toBe(true)
    expect(await ready(stage)).toBe(200)
    using _talking = team.ben.keepTalking()
    await stage.world.mend()
    await until('it is told READY', async () => (await team.ben.listenGrant()).state === 'READY', RECOVERED_WITHIN_MS)
    expect((await outside.ben.listenGrant()).state).toBe('JOIN_REQUIRED')
    await sleep(300)
    expect(await stage.audible(team.room)).toEqual([team.ben.identity])
  })

  scene('what it missed is made up for when it answers again, withdrawals first', async (stage) => {
    const teams = await Promise.all(Array.from({ length: 5 }, () => stage.team()))
    using talking = new DisposableStack()
    for (const { room, ben } of teams) {
      await ben.press()
      talking.use(ben.keepTalking())
      await stage.untilTalkers(room, [ben])
      await ben.device.publish()
    }
    await stage.world.cut()
    for (const { ben, cleo } of teams) {
      await ben.release()
      await cleo.press()
      talking.use(cleo.keepTalking())
    }
    // Who came in the meantime: with the token of a burst that is over, and a stranger.
    const [first] = teams
    if (!first) throw new Error('no team')
    const stranger = new AccessToken(stage.world.apiKey, stage.world.apiSecret, { identity: 'a stranger' })
    stranger.addGrant({ roomJoin: true, room: first.room })
    const intruder = await stage.world.join(await stranger.toJwt())
    // Whatever was asked for when it went is given up by then.
    await sleep(3_000)
    const calls = stage.world.fake?.executed.length ?? 0
    expect(await stage.audible(first.room)).toContain(first.ben.identity)
    await stage.world.mend()
    await until('the stranger is put out', () => intruder.wasPutOut(), RECOVERED_WITHIN_MS)
    for (const { room, cleo } of teams) await stage.untilTalkers(room, [cleo], RECOVERED_WITHIN_MS)
    for (const { room } of teams) expect(await stage.audible(room)).toEqual([])
    for (const { room } of teams) {
      const flips = stage.world.fake?.executed.slice(calls).filter((call) => call.room === room && call.canPublish !== null)
      if (flips) expect(flips[0]).toMatchObject({ canPublish: false })
    }
  })

  scene('who leaves a group while it is away is out when it answers again', async (stage) => {
    const { groupId, room, maya, cleo, bensUserId: userId } = await stage.team()
    await stage.world.cut()
    await stage.admin.get(RemoveGroupMemberDocument, { input: { groupId, userId } })
    await sleep(200)
    expect(await stage.present(room)).toHaveLength(3)
    await stage.world.mend()
    await stage.untilPresent(room, [maya, cleo], RECOVERED_WITHIN_MS)
  })

  scene('after an outage too short to be called one, everything is as it should be', async (stage) => {
    const { room, ben, cleo } = await stage.team()
    await ben.press()
    await stage.untilTalkers(room, [ben])
    await stage.world.cut()
    await ben.release()
    await sleep(50)
    await stage.world.mend()
    await stage.untilTalkers(room, [])
    await cleo.press()
    await stage.untilTalkers(room, [cleo], RECOVERED_WITHIN_MS)
  })

  scene('NEDA starts without it, and makes it obey when it comes', async (stage) => {
    const { room, ben } = await stage.team()
    await stage.house.stop()
    await stage.world.cut()
    await stage.house.start()
    expect(await ready(stage)).toBe(200)
    await ben.press()
    using _talking = ben.keepTalking()
    await sleep(500)
    await stage.world.mend()
    await stage.untilTalkers(room, [ben], RECOVERED_WITHIN_MS)
  })
}
