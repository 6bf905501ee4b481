import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { SpeakerChangedDocument } from '../../generated/operations.ts'
import type { Client, Socket } from '../../support/client.ts'
import { traffic } from '../load.ts'
import type { Device, Place } from '../people.ts'
import { busy, patient } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { type FloorEvent, judge } from '../story.ts'
import { codeOf, floorOf, join, leave, press, release, talk } from '../talk.ts'
import { hear } from './queue.ts'

type Open = (place: Place) => Promise<{ over: Client | Socket; breakOff: () => void }>

/**
 * A reader that is interrupted again and again and goes on at the other instance from its last cursor: what it heard in all must be what
 * happened, each event once and in order.
 */
async function resumed(stage: Stage, groupId: string, open: Open, kicks: number): Promise<FloorEvent[]> {
  const heard: FloorEvent[] = []
  let last: FloorEvent | undefined
  for (let kick = 0; kick <= kicks; kick++) {
    const { over, breakOff } = await open(kick % 2 === 0 ? stage.a : stage.b)
    const watch = await stage.watch(over, groupId, last)
    await sleep(stage.random.between(30, 250))
    breakOff()
    const { events } = watch
    expect(events.filter(({ gap }) => gap)).toEqual([])
    heard.push(...events.filter(({ kind }) => kind !== 'SNAPSHOT'))
    last = events.at(-1)
    await watch[Symbol.asyncDispose]()
    await sleep(stage.random.between(0, 150))
  }
  return heard
}

async function resumesWhole(stage: Stage, reader: (device: Device) => Open): Promise<void> {
  const { groupId, maya, ben, cleo } = await stage.trio()
  const [witness] = await stage.watchBoth(maya, groupId)
  const load = traffic(stage, groupId, [ben, cleo], 10)
  const heard = await resumed(stage, groupId, reader(maya), 10)
  await load.stop()
  await stage.converged(groupId, maya)
  judge(heard)
  const first = heard[0]?.floor.sequence ?? 0
  const last = heard.at(-1)?.floor.sequence ?? 0
  const numbers = witness.events.map(({ floor }) => floor.sequence).filter((sequence) => sequence >= first && sequence <= last)
  expect(heard.length).toBeGreaterThan(5)
  expect(heard.map(({ floor }) => floor.sequence)).toEqual(numbers)
}

/** Streams tell everything once and in order, whatever happens to the connections. */
export const streams = [
  patient('a reader whose socket breaks again and again goes on by its cursor at the other instance: it misses nothing', (stage) =>
    resumesWhole(stage, (device) => async (place) => {
      const line = await stage.line(place === stage.a ? stage.a : stage.b)
      return { over: stage.socket(device, line), breakOff: () => line.reset() }
    }),
  ),

  patient('a reader whose socket turns half open goes on by its cursor at the other instance: it misses nothing', (stage) =>
    resumesWhole(stage, (device) => async (place) => {
      const line = await stage.line(place === stage.a ? stage.a : stage.b)
      return { over: stage.socket(device, line), breakOff: () => line.blackhole() }
    }),
  ),

  patient('a reader over SSE that is broken off goes on by its cursor at the other instance: it misses nothing', (stage) =>
    resumesWhole(stage, (device) => async (place) => {
      const line = await stage.line(place === stage.a ? stage.a : stage.b)
      return { over: device.at(line), breakOff: () => line.cut() }
    }),
  ),

  busy('200 presses while readers come late to both instances: each of them ends with the floor as it is', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio()
    await stage.watchBoth(maya, groupId)
    const load = traffic(stage, groupId, [ben, cleo], 0)
    const sockets = [stage.socket(maya, stage.a), stage.socket(maya, stage.b)]
    const late = Array.from({ length: 20 }, async (_, n) => {
      await sleep(stage.random.between(0, 1_500))
      await stage.watch(n % 5 === 0 ? maya.at(stage.either) : stage.random.one(sockets), groupId)
    })
    await Promise.all(late)
    await load.stop(200)
    await stage.converged(groupId, maya)
  }),

  busy('a reader comes back after more than the log keeps: it is told that there is a gap, and how things stand', async (stage) => {
    const { groupId, manager: maya, members } = await stage.team(7)
    const [old] = await stage.watchBoth(maya, groupId)
    const { cursor } = old.events[0] ?? {}
    // One after the other, or the rate of presses would be in the way.
    for (let n = 0; n < 20; n++) {
      for (const device of members) {
        await talk(device.at(stage.either), groupId, `r${n}`)
        await release(device.at(stage.either), groupId, `r${n}`)
      }
    }
    for (const place of [stage.a, stage.b]) {
      const back = stage.own(await maya.at(place).subscribeSse(SpeakerChangedDocument, { groupId, after: cursor ?? '' }))
      expect((await back.received.next()).data?.speakerChanged).toMatchObject({ kind: 'SNAPSHOT', gap: true, floor: { state: 'IDLE' } })
    }
    await stage.converged(groupId, maya)
  }),

  busy('cursors that are foreign, forged or of the other log are refused at both instances, beside a good one', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const other = await stage.group(maya, [ben])
    const [watch] = await stage.watchBoth(maya, groupId)
    const presence = await stage.watchPresence(maya.at(stage.a), groupId)
    const foreign = await floorOf(maya.at(stage.a), other)
    const good = watch.events[0]?.cursor ?? ''
    for (const place of [stage.a, stage.b]) {
      for (const after of [foreign.cursor, presence.events[0]?.cursor ?? '', 'nonsense', `${good}AAAA`, good.repeat(100)]) {
        const stream = stage.own(await maya.at(place).subscribeSse(SpeakerChangedDocument, { groupId, after }))
        expect(codeOf(await stream.received.next())).toBe('BAD_USER_INPUT')
      }
      await stage.watch(maya.at(place), groupId, watch.events[0])
    }
  }),

  busy('two groups of the same people are in use at both instances: no reader of one hears of the other', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio()
    const other = await stage.group(maya, [ben, cleo])
    const watches = [...(await stage.watchBoth(maya, groupId)), ...(await stage.watchBoth(maya, other))]
    const loads = [traffic(stage, groupId, [ben], 5), traffic(stage, other, [cleo], 5)]
    const rounds = await Promise.all(loads.map((load) => load.stop(30)))
    for (const [n, id] of [groupId, other].entries()) {
      await stage.converged(id, maya)
      for (const watch of watches.slice(2 * n, 2 * n + 2)) {
        expect(new Set(watch.events.flatMap(({ floor }) => [floor.groupId, floor.burst?.group.id ?? id]))).toEqual(new Set([id]))
        expect(watch.last?.floor.sequence).toBe(2 * (rounds[n] ?? 0))
      }
    }
  }),

  busy('many devices press, queue and release at random at both instances: tokens grow, numbers have no gap, one truth', async (stage) => {
    const { groupId, manager, members } = await stage.team(8, { preemptGraceMs: 100, queueCapacity: 3 })
    const watches = await stage.watchBoth(manager, groupId)
    const everybody = [manager, ...members]
    const loads = everybody.map((device) => traffic(stage, groupId, [device], stage.random.between(5, 40)))
    await Promise.all(loads.map((load) => load.stop(12)))
    await stage.converged(groupId, manager)
    const [here, there] = watches.map((watch) => watch.events.slice(1).map(({ floor, kind }) => `${floor.sequence} ${kind}`))
    expect(here).toEqual(there)
    const tokens = watches[0].events.flatMap(({ kind, floor }) =>
      kind === 'TAKEN' && floor.burst ? [BigInt(floor.burst.fencingToken)] : [],
    )
    const distinct = tokens.filter((token, n) => token !== tokens[n - 1])
    for (const [n, token] of distinct.entries()) if (n > 0) expect(token).toBeGreaterThan(distinct[n - 1] ?? 0n)
  }),

  busy('people come and go while a reader of presence is broken off again and again: it counts right in the end', async (stage) => {
    const { groupId, manager, members } = await stage.team(6)
    const witness = await stage.watchPresence(manager.at(stage.a), groupId)
    const churn = (async () => {
      for (let n = 0; n < 120; n++) {
        const device = stage.random.one(members)
        await (stage.random.chance(0.5) ? join : leave)(device.at(stage.either), groupId)
      }
    })()
    const told: string[] = []
    let after: { cursor: string } | undefined
    for (let kick = 0; kick < 8; kick++) {
      const line = await stage.line(kick % 2 === 0 ? stage.b : stage.a)
      const watch = await stage.watchPresence(stage.socket(manager, line), groupId, after)
      await sleep(stage.random.between(20, 120))
      if (kick === 7) await churn
      if (kick === 7) await sleep(300)
      line.cut()
      expect(watch.events.filter(({ gap }) => gap)).toEqual([])
      told.push(...watch.events.filter(({ kind }) => kind !== 'SNAPSHOT').map(({ cursor }) => cursor))
      after = watch.last
      if (kick === 7) expect(watch.present).toEqual(witness.present)
    }
    const all = witness.events.map(({ cursor }) => cursor)
    expect(told).toEqual(all.slice(all.indexOf(told[0] ?? '')))
  }),

  busy('what is said to one device is not heard by the other devices of its user, wherever they listen', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio()
    const other = await ben.other()
    const [toBen, toOther, toCleo] = await Promise.all([
      hear(stage, ben.at(stage.b), groupId),
      hear(stage, other.at(stage.b), groupId),
      hear(stage, cleo.at(stage.a), groupId),
    ])
    for (let round = 0; round < 10; round++) {
      await talk(maya.at(stage.a), groupId, `m${round}`)
      await press(ben.at(stage.a), groupId, `b${round}`, { queue: true })
      await release(maya.at(stage.b), groupId, `m${round}`)
      expect((await toBen.next('GRANTED'))?.requestId).toBe(`b${round}`)
      await release(ben.at(stage.either), groupId, `b${round}`)
    }
    expect([toOther.kinds(), toCleo.kinds()]).toEqual([[], []])
  }),
]
