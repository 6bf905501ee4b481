import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { signature } from '../support/fake-livekit-webhooks.ts'
import type { Scene } from './media-stage.ts'
import { post, reportOf } from './webhook-post.ts'

const OTHER_SECRET = 'another secret of at least thirty-two letters'

/** What is reported is verified, and a reason to look; never more than that. */
export function webhookScenes(scene: Scene) {
  scene('A51 a report that is not signed with our key is refused with 401, and nothing follows from it', async (stage) => {
    const { room, ben, maya, cleo } = await stage.team()
    const body = reportOf({ event: 'participant_left', room, identity: ben.identity, sid: ben.device.sid })
    const signed = await signature(body, stage.world)
    const { apiKey, apiSecret } = stage.world
    const { token } = await ben.listenGrant()
    expect(await post(stage, body, null)).toBe(401)
    expect(await post(stage, body, '')).toBe(401)
    expect(await post(stage, body, 'garbage')).toBe(401)
    expect(await post(stage, body, await signature(body, { apiKey, apiSecret: OTHER_SECRET }))).toBe(401)
    expect(await post(stage, body, await signature(body, { apiKey: 'APIother', apiSecret }))).toBe(401)
    expect(await post(stage, body.replace(ben.identity, maya.identity), signed)).toBe(401)
    expect(await post(stage, `${body} `, signed)).toBe(401)
    // Signed with our key, but not for this: every device has such a token.
    expect(await post(stage, body, token)).toBe(401)
    expect(await post(stage, body, await signature(body, stage.world, '-1h'))).toBe(401)
    expect((await ben.listenGrant()).state).toBe('READY')
    expect(await post(stage, body, signed)).toBe(200)
    await stage.untilPresent(room, [maya, ben, cleo])
  })

  scene('A51 what is signed and makes no sense is answered, and not asked for again', async (stage) => {
    for (const body of ['', 'garbage', '[]', '"a text"', '{"event":', 'null']) {
      const status = await post(stage, body)
      expect([200, 400, 401], `${body}: ${status}`).toContain(status)
    }
    for (const body of ['{}', '{"event":"participant_joined"}', '{"event":"something_new","id":"EV_1","room":{"name":"x"},"more":{"a":1}}'])
      expect(await post(stage, body)).toBe(200)
    expect(await post(stage, reportOf({ event: 'egress_ended', room: 'no room' }))).toBe(200)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', ''])
      expect(await post(stage, reportOf({ event: 'room_started', room: 'x' }), undefined, type), type).toBe(415)
    expect(await post(stage, 'x'.repeat(5_000_000), await signature('', stage.world))).toBe(413)
    expect([404, 405]).toContain((await fetch(`${stage.url}/webhooks/livekit`)).status)
  })

  scene('reports about rooms that are not ours lead to nothing', async (stage) => {
    const { room, ben } = await stage.team()
    const foreign = [
      'no room',
      '',
      room.replace('production:', 'development:'),
      room.replace('production:', ''),
      `x${room}`,
      `${room}x`,
      `${room}\n`,
      room.toUpperCase(),
    ]
    const called = new Set(foreign)
    for (const room of foreign)
      for (const event of ['participant_joined', 'track_published', 'participant_left'] as const)
        expect(await post(stage, reportOf({ event, room, identity: ben.identity }))).toBe(200)
    await sleep(100)
    const { fake } = stage.world
    if (fake) expect(fake.executed.filter((call) => call.room !== '' && called.has(call.room))).toEqual([])
    expect((await ben.listenGrant()).state).toBe('READY')
  })

  scene('a room of ours whose group there is not is closed', async (stage) => {
    const room = `production:${randomUUID()}`
    expect(await post(stage, reportOf({ event: 'participant_joined', room, identity: 'somebody' }))).toBe(200)
    expect(await stage.world.rooms()).not.toContain(room)
  })

  scene('A51 a report that comes twice is followed once', async (stage) => {
    const { room, ben } = await stage.team()
    const body = reportOf({ event: 'track_published', room, identity: ben.identity, sid: ben.device.sid })
    expect(await post(stage, body)).toBe(200)
    const { fake } = stage.world
    const calls = () => fake?.executed.filter((call) => call.room === room).length
    await sleep(50)
    const before = calls()
    for (let round = 0; round < 3; round++) expect(await post(stage, body)).toBe(200)
    await sleep(50)
    expect(calls()).toBe(before)
  })

  scene('reports out of order and false ones change nobody', async (stage) => {
    const { room, maya, ben, cleo } = await stage.team()
    await ben.press()
    using _talking = ben.keepTalking()
    await stage.untilTalkers(room, [ben])
    await ben.device.publish()
    const { sid } = ben.device
    // An end of a former stay, told late.
    expect(await post(stage, reportOf({ event: 'participant_left', room, identity: ben.identity }))).toBe(200)
    expect((await ben.listenGrant()).state).toBe('READY')
    // The same stay, told in the wrong order: it is found again at the latest when it is looked at.
    expect(await post(stage, reportOf({ event: 'participant_left', room, identity: ben.identity, sid }))).toBe(200)
    expect(await post(stage, reportOf({ event: 'participant_joined', room, identity: ben.identity, sid }))).toBe(200)
    expect(await post(stage, reportOf({ event: 'participant_joined', room, identity: cleo.identity, sid: cleo.device.sid }))).toBe(200)
    expect(await post(stage, reportOf({ event: 'track_published', room, identity: ben.identity, sid }))).toBe(200)
    await ben.untilState('READY')
    await sleep(300)
    expect(await stage.audible(room)).toEqual([ben.identity])
    await stage.untilPresent(room, [maya, ben, cleo])
  })

  scene('a late report of a former stay does not put out who listens now', async (stage) => {
    const { room, maya, ben, cleo } = await stage.team()
    await ben.press()
    await stage.untilTalkers(room, [ben])
    const { sid } = ben.device
    await ben.device.publish()
    await ben.release()
    await stage.untilAudible(room, [])
    await sleep(50)
    await ben.enter()
    await stage.world.told()
    await ben.untilState('READY')
    for (const event of ['track_published', 'participant_left'] as const)
      expect(await post(stage, reportOf({ event, room, identity: ben.identity, sid }))).toBe(200)
    await sleep(300)
    expect(await ben.device.wasPutOut()).toBe(false)
    await stage.untilPresent(room, [maya, ben, cleo])
  })

  scene('a device that is there is READY, whatever is told late of its former stay', async (stage) => {
    const { room, ben } = await stage.team()
    const { sid } = ben.device
    await ben.enter()
    await stage.world.told()
    for (const event of ['track_published', 'participant_left', 'participant_joined', 'participant_left'] as const)
      expect(await post(stage, reportOf({ event, room, identity: ben.identity, sid }))).toBe(200)
    await ben.untilState('READY')
  })

  scene('somebody who is said to have come and is not there is neither READY nor in the way', async (stage) => {
    const { room, ben } = await stage.team({ inRoom: false })
    expect(await post(stage, reportOf({ event: 'participant_joined', room, identity: ben.identity }))).toBe(200)
    await ben.untilState('JOIN_REQUIRED')
    await ben.press()
    await ben.enter()
    await stage.untilTalkers(room, [ben], 500)
  })
}
