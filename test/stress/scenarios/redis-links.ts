import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { RequestTalkDocument } from '../../generated/operations.ts'
import { Stopwatch } from '../../support/machine.ts'
import type { Device, Place } from '../people.ts'
import { alone } from '../scenario.ts'
import { codeOf, floorOf, outcomeOf, press, release, renew, talk } from '../talk.ts'
import { until } from '../until.ts'

/** Who asks is told within this that nothing was granted. */
const REFUSED_WITHIN_MS = 600
/** After the mending, the first press is granted within this. */
const BACK_WITHIN_MS = 1_000

/** The connections over which an instance is told what happens elsewhere. */
export const subscriber = (firstWords: string) => /subscribe/i.test(firstWords)

async function isRefused(device: Device, place: Place, groupId: string, requestId: string): Promise<void> {
  const since = new Stopwatch()
  const result = await device.at(place).ask(RequestTalkDocument, { input: { groupId, requestId } })
  since.expect(REFUSED_WITHIN_MS)
  expect({ code: codeOf(result), retryable: result.errors?.[0]?.extensions?.retryable }).toEqual({
    code: 'REALTIME_UNAVAILABLE',
    retryable: true,
  })
}

/** Presses until one is granted, which must be soon. */
async function isGrantedSoon(device: Device, place: Place, groupId: string): Promise<void> {
  const said: string[] = []
  const isGranted = async () => {
    said.push(await outcomeOf(device.at(place), groupId, `back${said.length}`))
    return said.at(-1) === 'GRANTED'
  }
  await until('a grant', isGranted, BACK_WITHIN_MS).catch((error: Error) => {
    throw new Error(`${error.message}: it was ${said.slice(0, 5).join(' ')} … ${said.at(-1)}`)
  })
}

const isReady = async ({ url }: Place) => (await fetch(`${url}/readyz`)).status

/** The way of one instance to Redis fails: it grants nothing from memory, loses nothing, and the other goes on. */
export const redisLinks = [
  alone('B is cut off from Redis: it says so within 600 ms, A goes on, and B grants again within 1 s of the mending', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watch(maya.at(stage.a), groupId)
    stage.b.redis.cut()
    for (let n = 0; n < 5; n++) await isRefused(ben, stage.b, groupId, `cut${n}`)
    const { id } = await talk(ben.at(stage.a), groupId, 'r1')
    expect((await renew(ben.at(stage.a), groupId, id)).renewed).toBe(true)
    await release(ben.at(stage.a), groupId, 'r1')
    stage.b.redis.mend()
    await isGrantedSoon(ben, stage.b, groupId)
  }),

  alone('requests of B lie in the network for a second and then arrive: nothing that was reported failed is granted', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const floor = await stage.watch(maya.at(stage.a), groupId)
    stage.b.redis.hold()
    await Promise.all([1, 2, 3].map((n) => isRefused(ben, stage.b, groupId, `held${n}`)))
    await sleep(400)
    stage.b.redis.mend()
    await sleep(1_000)
    expect(floor.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT'])
    expect((await floorOf(maya.at(stage.b), groupId)).state).toBe('IDLE')
  }),

  alone("Redis' answers to B are lost: the press is reported failed, and what it made is gone 1 s after the mending", async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const floor = await stage.watch(maya.at(stage.a), groupId)
    stage.b.redis.dropReplies((words) => !subscriber(words))
    await isRefused(ben, stage.b, groupId, 'lost')
    expect((await floor.next('TAKEN')).floor.burst?.speaker.id).toBe(ben.userId)
    stage.b.redis.mend()
    expect((await floor.next('IDLE', BACK_WITHIN_MS)).previous?.endReason).toBe('NOT_STARTED')
    expect(await outcomeOf(ben.at(stage.a), groupId, 'lost')).toBe('ENDED')
  }),

  alone(
    "Redis' answers to B are lost and the device repeats its press at A: it keeps the floor, B does not take it back",
    async (stage) => {
      const { groupId, maya, ben } = await stage.trio()
      const floor = await stage.watch(maya.at(stage.a), groupId)
      stage.b.redis.dropReplies((words) => !subscriber(words))
      const failing = isRefused(ben, stage.b, groupId, 'lost')
      const { floor: taken } = await floor.next('TAKEN')
      const again = await talk(ben.at(stage.a), groupId, 'lost')
      expect(again.id).toBe(taken.burst?.id)
      await failing
      stage.b.redis.mend()
      for (let n = 0; n < 3; n++) {
        await sleep(1_000)
        expect((await renew(ben.at(stage.a), groupId, again.id)).renewed).toBe(true)
      }
      expect(floor.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN'])
    },
  ),

  alone(
    'all connections of B to Redis break ten times under load: a press succeeds or is REALTIME_UNAVAILABLE, and nothing is stuck',
    async (stage) => {
      const { groupId, maya, ben } = await stage.trio()
      await stage.watchBoth(maya, groupId)
      const said = new Set<string>()
      const load = stage.keepOn(async (n) => {
        said.add(await outcomeOf(ben.at(stage.b), groupId, `r${n}`))
        // A release that failed as well is the lease's to mend.
        await release(ben.at(stage.either), groupId, `r${n}`).catch(() => undefined)
      }, 5)
      for (let n = 0; n < 10; n++) {
        await sleep(stage.random.between(20, 200))
        stage.b.redis.reset()
      }
      await load.stop()
      expect([...said].filter((word) => !['GRANTED', 'REALTIME_UNAVAILABLE'].includes(word))).toEqual([])
      await until('the floor is free', async () => (await floorOf(maya.at(stage.a), groupId)).state === 'IDLE', 4_600)
      await stage.converged(groupId, maya)
    },
  ),

  alone('B is far away from Redis, A is near: presses at both meet, and one is granted each time', async (stage) => {
    const { groupId, manager, members } = await stage.team(10)
    await stage.watchBoth(manager, groupId)
    stage.b.redis.delay({ up: 60, down: 60 })
    for (let round = 0; round < 4; round++) {
      const pressed = await Promise.all(
        members.map(async (device, n) => {
          const place = n % 2 === 0 ? stage.a : stage.b
          if (place === stage.a) await sleep(stage.random.between(40, 80))
          return { device, ...(await press(device.at(place), groupId, `r${round}`)) }
        }),
      )
      const winners = pressed.filter(({ outcome }) => outcome === 'GRANTED')
      expect(winners).toHaveLength(1)
      await release(winners[0]?.device.at(stage.a) ?? manager.at(stage.a), groupId, `r${round}`)
    }
  }),

  alone('the speaker at B is cut off with B: it goes on at A, and nobody hears of it', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const floor = await stage.watch(maya.at(stage.a), groupId)
    const { id } = await talk(stage.socket(ben, stage.b), groupId, 'r1')
    stage.b.redis.cut()
    await sleep(1_000)
    expect((await renew(ben.at(stage.a), groupId, id)).renewed).toBe(true)
    stage.b.redis.mend()
    await sleep(2_000)
    expect((await renew(ben.at(stage.a), groupId, id)).renewed).toBe(true)
    expect(floor.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN'])
  }),

  alone('B says that it is not ready while it is cut off, A stays ready', async (stage) => {
    stage.b.redis.blackhole()
    await until('B is not ready', async () => (await isReady(stage.b)) === 503, 6_000)
    expect(await isReady(stage.a)).toBe(200)
    stage.b.redis.mend()
    await until('B is ready', async () => (await isReady(stage.b)) === 200, 3_000)
  }),

  alone(
    'Redis stands still for a second: both instances refuse within 600 ms, nothing is granted late, and the streams go on',
    async (stage) => {
      const { groupId, maya, ben, cleo } = await stage.trio()
      const [floor] = await stage.watchBoth(maya, groupId)
      for (const { redis } of [stage.a, stage.b]) redis.hold()
      await Promise.all([isRefused(ben, stage.a, groupId, 'b'), isRefused(cleo, stage.b, groupId, 'c')])
      await sleep(500)
      for (const { redis } of [stage.a, stage.b]) redis.mend()
      await sleep(700)
      expect(floor.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT'])
      await isGrantedSoon(ben, stage.b, groupId)
      await stage.converged(groupId, maya)
    },
  ),
]
