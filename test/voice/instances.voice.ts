import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RemoveGroupMemberDocument } from '../generated/operations.ts'
import type { Client } from '../support/client.ts'
import { type Cluster, type Instance, openCluster } from '../support/cluster.ts'
import { createTeam } from '../support/people.ts'
import { hasRedis } from '../support/redis-server.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { at, Handset, handovers, joinGrant } from './handset.ts'
import { audibleAfter, expectSending, heardBy, lastHeard, measured, sleepUntil } from './listening.ts'
import { type LiveKit, startLiveKit, webhookUrl } from './livekit-server.ts'
import { permissionOf, untilPermission } from './permissions.ts'
import { disposeRtc, RtcDevice } from './rtc-device.ts'
import { openRoom } from './voice-stage.ts'

const LATE_MS = 60

/** Webhooks go to `a` alone, as they do behind a load balancer: each to one of them. */
describe.runIf(hasRedis())('two instances and one LiveKit', () => {
  let cluster: Cluster
  let liveKit: LiveKit
  let a: Instance
  let b: Instance
  /** The way of `b` to LiveKit. */
  let way: TcpProxy

  beforeAll(async () => {
    cluster = await openCluster({ names: ['a', 'b'], env: { PRESS_RATE: '1000' } })
    ;[a, b] = cluster.instances as [Instance, Instance]
    liveKit = await startLiveKit({ webhookUrl: webhookUrl(a.port) })
    way = await tcpProxy(liveKit.port)
    // They had to be there before it, to be told to it; now they are told of it.
    await Promise.all([a, b].map((instance) => instance.stop()))
    await Promise.all([a.start(liveKit.env), startB()])
  })
  afterAll(async () => {
    await disposeRtc()
    await cluster?.[Symbol.asyncDispose]()
    await way?.[Symbol.asyncDispose]()
    await liveKit?.[Symbol.asyncDispose]()
  })

  const startB = () => b.start({ ...liveKit.env, LIVEKIT_URL: `http://127.0.0.1:${way.port}`, LIVEKIT_PUBLIC_URL: liveKit.url })
  const open = () => openRoom({ admin: cluster.admin })
  const atA = (client: Client) => at(a.url, client)
  const atB = (client: Client) => at(b.url, client)

  test('both say READY once a device is in the room, and JOIN_REQUIRED before and after', async () => {
    const { groupId, bensWatch } = await createTeam(cluster.admin)
    const states = () => Promise.all([atA(bensWatch), atB(bensWatch)].map(async (client) => (await joinGrant(client, groupId)).state))
    const until = async (state: string) => {
      const since = performance.now()
      while ((await states()).some((one) => one !== state)) {
        expect(performance.now() - since, `until both say ${state}`).toBeLessThan(2_000)
        await sleep(5)
      }
      return performance.now() - since
    }
    expect(await states()).toEqual(['JOIN_REQUIRED', 'JOIN_REQUIRED'])
    await using bens = await Handset.join(bensWatch, groupId)
    const readyAfter = await until('READY')
    for (const watch of [atA(bensWatch), atB(bensWatch)]) {
      expect((await bens.press({ at: watch })).media.state).toBe('READY')
      await bens.release({ at: watch })
    }
    // The same device anew, before LiveKit has missed it: the one that leaves is the former, which is no news.
    const former = bens.rtc
    await using anew = await RtcDevice.connect(liveKit.url, (await joinGrant(bensWatch, groupId)).token)
    await sleep(500)
    expect(former.disconnected?.reason).toBe('DUPLICATE_IDENTITY')
    expect(await states()).toEqual(['READY', 'READY'])
    await anew.hangUp()
    measured('both instances', { readyAfter, joinRequiredAfterLeaving: await until('JOIN_REQUIRED') })
  })

  test('a press at one, a release at the other: heard, and silent', async () => {
    await using it = await open()
    const { mayas, bens, cleos } = it
    for (const [pressedAtInstance, releasedAtInstance] of [
      [atA, atB],
      [atB, atA],
    ] as const) {
      const { burst, pressedAt, answeredAt } = await bens.talk({ at: pressedAtInstance(bens.client) })
      expect(burst.mediaIdentity).toBe(bens.rtc.identity)
      const audible = await heardBy([mayas.rtc, cleos.rtc], bens.rtc, pressedAt)
      expect(mayas.rtc.meter.identitiesHeard(pressedAt, performance.now())).toEqual([burst.mediaIdentity])
      await sleep(400)
      const releasedAt = performance.now()
      await bens.release({ at: releasedAtInstance(bens.client) })
      const { audibleMs, before, after } = await audibleAfter([mayas.rtc, cleos.rtc], bens.rtc, releasedAt, 1_000)
      expectSending(before, after, 1_000)
      measured('two instances', { answered: answeredAt - pressedAt, audible, audibleAfterRelease: audibleMs })
      expect(audibleMs).toBeLessThan(1_000)
      expect(await permissionOf(liveKit, bens.room, bens.rtc.identity)).toBe('LISTEN')
      await bens.rtc.stop()
    }
  })

  test('the floor goes to and fro, and one instance is slow to tell LiveKit: the holder may publish, and nobody else', async () => {
    await using it = await open()
    const { mayas, bens, cleos } = it
    const permits = (handset: Handset, permission: 'TALK' | 'LISTEN') =>
      untilPermission(liveKit, handset.room, handset.rtc.identity, permission)
    // What it says of a release arrives after what the other said of the press that came next.
    way.delay({ up: LATE_MS })
    const rightAfter: number[] = []
    await bens.press({ at: atB(bens.client) })
    const rounds = Array.from({ length: 5 }, () => handovers(bens, cleos)).flat()
    for (const [before, next] of rounds) {
      await before.release({ at: atB(before.client) })
      const { answeredAt } = await next.press({ at: atA(next.client) })
      await sleepUntil(answeredAt + 2 * LATE_MS)
      await permits(next, 'TALK')
      if (before !== next) await permits(before, 'LISTEN')
      rightAfter.push(performance.now() - answeredAt)
    }
    measured('to and fro', { rightAfter })
    way.mend()
    // No call that was on its way comes late and undoes it.
    await sleep(1_000)
    await Promise.all([permits(bens, 'TALK'), permits(cleos, 'LISTEN')])
    const from = performance.now()
    await (await bens.rtc.permitted()).talk()
    await heardBy([mayas.rtc, cleos.rtc], bens.rtc, from)
  })

  test('a member that is removed at the one without webhooks is out at once', async () => {
    await using it = await open()
    const { mayas, bens, groupId, ben } = it
    const { pressedAt } = await bens.talk({ at: atA(bens.client) })
    await heardBy([mayas.rtc], bens.rtc, pressedAt)
    await sleep(400)
    const removedAt = performance.now()
    await atB(cluster.admin).get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })
    const { audibleMs } = await audibleAfter([mayas.rtc], bens.rtc, removedAt, 1_000)
    measured('a removal at the other instance', { audible: audibleMs })
    expect(audibleMs).toBeLessThan(1_000)
    expect(await permissionOf(liveKit, mayas.room, bens.rtc.identity)).toBe('ABSENT')
  })

  test('an instance that was killed leaves nobody audible: the other ends the burst with its lease, and withdraws', async () => {
    await using it = await open()
    const { mayas, bens } = it
    const { pressedAt, leaseMs } = await bens.talk({ at: atB(bens.client), renewing: false })
    await heardBy([mayas.rtc], bens.rtc, pressedAt)
    await b.kill()
    const { audibleMs, before, after } = await audibleAfter([mayas.rtc], bens.rtc, pressedAt + leaseMs, 2_000)
    expectSending(before, after, 2_000)
    measured('after the lease, its instance dead', { audible: audibleMs })
    expect(audibleMs).toBeLessThan(1_500)
    expect(lastHeard([mayas.rtc], bens.rtc)).toBeLessThan(performance.now() - 400)
    await startB()
  })
})
