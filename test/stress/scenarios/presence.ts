import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { Stopwatch } from '../../support/machine.ts'
import type { Device } from '../people.ts'
import { patient } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { beat, floorOf, join, leave, press, talk } from '../talk.ts'
import { until } from '../until.ts'

/** A device joins over a socket that can be killed. */
async function joinOverLine(stage: Stage, device: Device, groupId: string, to = stage.either) {
  const line = await stage.line(to)
  const socket = stage.socket(device, line)
  await join(socket, groupId)
  return { line, socket }
}

const watchBoth = (stage: Stage, device: Device, groupId: string) =>
  Promise.all([stage.a, stage.b].map((place) => stage.watchPresence(device.at(place), groupId)))

/** Who is here, while connections and devices come and go at both instances. */
export const presence = [
  patient('19 of 20 tabs of one device die: it is still here; the last one dies: it leaves once', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await watchBoth(stage, maya, groupId)
    const tabs = await Promise.all(Array.from({ length: 20 }, () => joinOverLine(stage, ben, groupId)))
    const [last, ...dying] = stage.random.shuffled(tabs)
    for (const { line } of dying) line.cut()
    await sleep(5_700)
    for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED'])
    last?.line.cut()
    const since = new Stopwatch()
    for (const watch of watches) await watch.next('LEFT', 6_500)
    // Its last sign of life may have been a ping ago, and then less than 5 s are left of it.
    since.expect(5_700, 4_000)
    await sleep(400)
    for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED', 'LEFT'])
  }),

  patient('a device goes silent without a word: it leaves once at both instances, after its lease', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await watchBoth(stage, maya, groupId)
    await join(ben.at(stage.a), groupId)
    const since = new Stopwatch()
    for (const watch of watches) await watch.next('LEFT', 11_000)
    since.expect(10_200, 9_300)
    await sleep(600)
    for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED', 'LEFT'])
  }),

  patient('the socket of a present device turns half open: it leaves within 10 s, once', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await watchBoth(stage, maya, groupId)
    const { line } = await joinOverLine(stage, ben, groupId)
    line.blackhole()
    await until('LEFT at both', () => watches.every((watch) => watch.last?.kind === 'LEFT'), 10_200)
    for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED', 'LEFT'])
  }),

  patient('joined at A, heard of by plain HTTP at B alone: it stays longer than a lease', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await watchBoth(stage, maya, groupId)
    await join(ben.at(stage.a), groupId)
    for (let n = 0; n < 3; n++) {
      await sleep(3_600)
      expect(await beat(ben.at(stage.b), groupId)).toEqual([groupId])
    }
    for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED'])
  }),

  patient('a device is cut off seven times and comes back to the other instance each time: nobody hears of it', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await watchBoth(stage, maya, groupId)
    for (let hop = 0; hop < 7; hop++) {
      const { line } = await joinOverLine(stage, ben, groupId, hop % 2 === 0 ? stage.a : stage.b)
      await sleep(stage.random.between(0, 200))
      line.cut()
      await sleep(stage.random.between(0, 2_000))
    }
    const back = stage.socket(ben, stage.a)
    expect(await beat(back, groupId)).toEqual([groupId])
    await sleep(1_000)
    for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED'])
  }),

  patient(
    'two sockets of one session at two instances, one dies: neither presence nor the burst of the other is shortened',
    async (stage) => {
      const { groupId, maya, ben } = await stage.trio()
      const watches = await watchBoth(stage, maya, groupId)
      const [floor] = await stage.watchBoth(maya, groupId)
      const { line } = await joinOverLine(stage, ben, groupId, stage.a)
      const speaking = stage.socket(ben, stage.b)
      await talk(speaking, groupId, 'r1')
      line.cut()
      await sleep(3_000)
      expect((await floorOf(maya.at(stage.a), groupId)).state).toBe('TAKEN')
      await sleep(2_800)
      for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED'])
      expect(floor.last?.previous?.endReason, 'what nobody renewed ends by its own lease').toBe('CONNECTION_LOST')
      const { startedAt, endedAt } = floor.last?.previous ?? {}
      expect(Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '')).toBe(4_000)
    },
  ),

  patient('a device that left at B does not come back by the socket over which it had joined at A', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio()
    const watches = await watchBoth(stage, maya, groupId)
    await joinOverLine(stage, ben, groupId, stage.a)
    await talk(cleo.at(stage.a), groupId, 'c1')
    expect((await press(ben.at(stage.a), groupId, 'b1', { queue: true })).outcome).toBe('QUEUED')
    await leave(ben.at(stage.b), groupId)
    for (const watch of watches) await watch.next(({ kind, member }) => kind === 'LEFT' && member?.user.id === ben.userId, 1_000)
    expect((await floorOf(maya.at(stage.a), groupId)).queueLength).toBe(0)
    await sleep(4_300)
    expect(await beat(ben.at(stage.b), groupId)).toEqual([])
    for (const watch of watches) expect(watch.kindsOf(ben.userId)).toEqual(['JOINED', 'LEFT'])
  }),

  patient('one device joins at both instances at once and leaves at both at once: JOINED and LEFT are told once each', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await watchBoth(stage, maya, groupId)
    for (let round = 0; round < 10; round++) {
      for (const act of [join, leave]) await Promise.all([act(ben.at(stage.a), groupId), act(ben.at(stage.b), groupId)])
    }
    const expected = Array.from({ length: 10 }, () => ['JOINED', 'LEFT']).flat()
    for (const watch of watches) {
      await until('all told', () => watch.kindsOf(ben.userId).length >= expected.length)
      expect(watch.kindsOf(ben.userId)).toEqual(expected)
    }
  }),

  patient('100 devices join, leave and die at random: both instances count right afterwards', async (stage) => {
    const { groupId, manager, members } = await stage.team(9)
    const watches = await watchBoth(stage, manager, groupId)
    const devices = [...members, ...(await Promise.all(members.slice(0, 4).map((member) => member.other())))]
    const isHere = new Map(devices.map((device) => [device, false]))
    await Promise.all(
      devices.map(async (device) => {
        for (let n = 0; n < 8; n++) {
          const comes = stage.random.chance(0.6)
          if (!comes) await leave(device.at(stage.either), groupId)
          else if (stage.random.chance(0.7)) await join(device.at(stage.either), groupId)
          else (await joinOverLine(stage, device, groupId)).line.cut()
          isHere.set(device, comes)
        }
      }),
    )
    // Who comes back within the time that a lost connection leaves was never away; the others lapse.
    const staying = devices.filter((device) => isHere.get(device) && stage.random.chance(0.6))
    const byUser = Map.groupBy(staying, ({ userId }) => userId)
    const expected = Object.fromEntries([...byUser].map(([userId, devices]) => [userId, devices.length]))
    for (let round = 0; round < 4; round++) {
      for (const device of staying) expect(await beat(device.at(stage.either), groupId)).toEqual([groupId])
      await sleep(2_600)
    }
    for (const watch of watches) expect(watch.present).toEqual(expected)
    for (const place of [stage.a, stage.b]) expect((await stage.watchPresence(manager.at(place), groupId)).present).toEqual(expected)
  }),
]
