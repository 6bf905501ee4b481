import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { FloorMessageDocument, type FloorMessageKind } from '../../generated/operations.ts'
import type { Client } from '../../support/client.ts'
import { patient } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { floorOf, press, release, renew, talk } from '../talk.ts'
import { until } from '../until.ts'

/** What is said to one device alone. Open when this resolves. */
export async function hear(stage: Stage, device: Client, groupId: string) {
  const { received } = stage.own(await device.subscribeSse(FloorMessageDocument, { groupId }))
  const kinds = () => received.items.map(({ data }) => data?.floorMessage.kind)
  let looked = 0
  const next = async (kind: string, withinMs = 5_000) => {
    await until(`a message ${kind}`, () => kinds().indexOf(kind as FloorMessageKind, looked) >= 0, withinMs)
    looked = kinds().indexOf(kind as FloorMessageKind, looked) + 1
    return received.items[looked - 1]?.data?.floorMessage
  }
  return { next, kinds }
}

/** Who waits at two instances is served in one order. */
export const queue = [
  patient('eight devices queue at both instances at once: each is served once, in the order that was answered', async (stage) => {
    const { groupId, manager, members } = await stage.team(9)
    const [holder, ...waiters] = members
    if (!holder) return
    const [floor] = await stage.watchBoth(manager, groupId)
    await talk(holder.at(stage.a), groupId, 'h')
    const waiting = await Promise.all(
      waiters.map(async (device) => {
        const messages = await hear(stage, device.at(stage.either), groupId)
        const { queuePosition } = await press(device.at(stage.either), groupId, 'w', { queue: true })
        return { device, messages, position: queuePosition ?? 0 }
      }),
    )
    const inOrder = waiting.toSorted((one, other) => one.position - other.position)
    expect(inOrder.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    await release(holder.at(stage.b), groupId, 'h')
    for (const { device, messages } of inOrder) {
      const granted = await messages.next('GRANTED')
      expect((await renew(device.at(stage.either), groupId, granted?.burst?.id ?? '')).renewed).toBe(true)
      await release(device.at(stage.either), groupId, 'w')
    }
    await stage.converged(groupId, manager)
    const speakers = floor.events.filter(({ kind }) => kind === 'TAKEN').map(({ floor }) => floor.burst?.speaker.id)
    expect(speakers).toEqual([holder.userId, ...inOrder.map(({ device }) => device.userId)])
    expect(
      floor.events.filter(({ kind }) => kind === 'IDLE'),
      'no idle in between',
    ).toHaveLength(1)
  }),

  patient('ten devices meet a queue of three at both instances at once: three wait, the others are told that it is full', async (stage) => {
    const { groupId, manager, members } = await stage.team(10, { queueCapacity: 3 })
    await stage.watchBoth(manager, groupId)
    await talk(manager.at(stage.a), groupId, 'h')
    const answers = await Promise.all(
      members.map((device, n) => press(device.at(n % 2 === 0 ? stage.a : stage.b), groupId, 'w', { queue: true })),
    )
    expect(answers.flatMap(({ queuePosition }) => queuePosition ?? []).toSorted((one, other) => one - other)).toEqual([1, 2, 3])
    expect(answers.filter(({ denyReason }) => denyReason === 'QUEUE_FULL')).toHaveLength(7)
    expect((await floorOf(manager.at(stage.b), groupId)).queueLength).toBe(3)
  }),

  patient(
    'who is served has vanished: after 2 s the next is, on the other instance, and nobody hears silence in between',
    async (stage) => {
      const { groupId, maya, ben, cleo } = await stage.trio()
      const [floor] = await stage.watchBoth(maya, groupId)
      const line = await stage.line(stage.a)
      const vanishing = stage.socket(ben, line)
      const toCleo = await hear(stage, cleo.at(stage.b), groupId)
      await talk(maya.at(stage.a), groupId, 'm')
      await press(vanishing, groupId, 'b', { queue: true })
      await press(cleo.at(stage.b), groupId, 'c', { queue: true })
      line.blackhole()
      await release(maya.at(stage.b), groupId, 'm')
      const granted = await toCleo.next('GRANTED')
      await renew(cleo.at(stage.a), groupId, granted?.burst?.id ?? '')
      await stage.converged(groupId, maya)
      expect(floor.last).toMatchObject({
        kind: 'TAKEN',
        previous: { endReason: 'NOT_STARTED', durationMs: 0, speaker: { id: ben.userId } },
      })
      expect(floor.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN', 'QUEUE', 'QUEUE', 'TAKEN', 'TAKEN'])
    },
  ),

  patient('a waiter loses its socket and repeats its request at the other instance: that takes up its turn', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    const line = await stage.line(stage.a)
    const held = await talk(maya.at(stage.a), groupId, 'm')
    await press(stage.socket(ben, line), groupId, 'b', { queue: true })
    line.cut()
    await renew(maya.at(stage.b), groupId, held.id)
    await release(maya.at(stage.b), groupId, 'm')
    const { burst } = await press(ben.at(stage.b), groupId, 'b', { queue: true })
    await sleep(2_600)
    expect((await floorOf(maya.at(stage.a), groupId)).burst?.id).toBe(burst?.id)
    expect(floor.last).toMatchObject({ kind: 'TAKEN', floor: { burst: { id: burst?.id, speaker: { id: ben.userId } } } })
  }),

  patient('the first waiter gives up at the other instance: the others move up and are told, and it is not served', async (stage) => {
    const { groupId, manager, members } = await stage.team(3)
    const [ben, cleo, dan] = members
    if (!ben || !cleo || !dan) return
    const [floor] = await stage.watchBoth(manager, groupId)
    await talk(manager.at(stage.a), groupId, 'h')
    for (const device of members) await press(device.at(stage.a), groupId, 'w', { queue: true })
    const messages = await Promise.all([cleo, dan].map((device) => hear(stage, device.at(stage.b), groupId)))
    const [released, repeated] = await Promise.all([release(ben.at(stage.b), groupId, 'w'), release(ben.at(stage.a), groupId, 'w')])
    expect([released.released, repeated.released]).toEqual([true, true])
    for (const [n, { next }] of messages.entries()) expect((await next('QUEUED'))?.queuePosition).toBe(n + 1)
    await release(manager.at(stage.b), groupId, 'h')
    expect(
      (await floor.next(({ floor }) => floor.burst !== null && floor.burst.speaker.id !== manager.userId)).floor.burst?.speaker.id,
    ).toBe(cleo.userId)
  }),

  patient('the holder dies while somebody waits at the other instance: the floor passes on at the end of its lease', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    const line = await stage.line(stage.b)
    await talk(stage.socket(ben, line), groupId, 'b')
    const toCleo = await hear(stage, cleo.at(stage.a), groupId)
    await press(cleo.at(stage.a), groupId, 'c', { queue: true })
    line.blackhole()
    const granted = await toCleo.next('GRANTED')
    expect((await renew(cleo.at(stage.b), groupId, granted?.burst?.id ?? '')).renewed).toBe(true)
    await stage.converged(groupId, maya)
    expect(floor.last).toMatchObject({ kind: 'TAKEN', previous: { endReason: 'CONNECTION_LOST', durationMs: 4_000 } })
  }),
]
