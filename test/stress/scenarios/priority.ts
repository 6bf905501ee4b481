import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { MuteMemberDocument } from '../../generated/operations.ts'
import { patient } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { floorOf, press, release, renew, talk } from '../talk.ts'
import { hear } from './queue.ts'

/** Ben talks at A, and the manager, who may cut him off, presses at B. */
async function cutOff(stage: Stage, preemptGraceMs: number) {
  const { groupId, maya, ben, cleo } = await stage.trio({ preemptGraceMs })
  const [floor] = await stage.watchBoth(cleo, groupId)
  const [toBen, toMaya] = await Promise.all([hear(stage, ben.at(stage.a), groupId), hear(stage, maya.at(stage.b), groupId)])
  const burst = await talk(ben.at(stage.a), groupId, 'b')
  const pressed = await press(maya.at(stage.b), groupId, 'm')
  return { groupId, maya, ben, cleo, floor, toBen, toMaya, burst, pressed }
}

/** Who outranks whom, when they are at two instances. */
export const priority = [
  patient('a cut-off speaker releases within the grace at the other instance: the pre-emptor gets the floor at once', async (stage) => {
    const { groupId, maya, ben, toBen, toMaya, pressed, floor } = await cutOff(stage, 3_000)
    expect(pressed).toMatchObject({ outcome: 'QUEUED', queuePosition: 1, floor: { state: 'PENDING_REVOKE' } })
    expect(await toBen.next('REVOKED')).toMatchObject({ endReason: 'PREEMPTED', graceMs: 3_000 })
    await release(ben.at(stage.b), groupId, 'b')
    const granted = await toMaya.next('GRANTED', 1_000)
    expect((await renew(maya.at(stage.a), groupId, granted?.burst?.id ?? '')).renewed).toBe(true)
    expect((await floor.next(({ previous }) => previous !== null)).previous?.endReason).toBe('RELEASED')
  }),

  patient('a cut-off speaker goes on renewing at both instances: the grace ends all the same, with no idle in between', async (stage) => {
    const { groupId, ben, maya, burst, toMaya, floor } = await cutOff(stage, 500)
    const hammering = stage.keepOn(() => renew(ben.at(stage.either), groupId, burst.id), 20)
    const granted = await toMaya.next('GRANTED', 1_500)
    expect((await renew(maya.at(stage.b), groupId, granted?.burst?.id ?? '')).renewed).toBe(true)
    await hammering.stop()
    expect((await renew(ben.at(stage.a), groupId, burst.id)).renewed).toBe(false)
    await floor.next(({ floor }) => floor.burst?.speaker.id === maya.userId)
    expect(floor.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN', 'PENDING_REVOKE', 'TAKEN'])
    const { endReason, startedAt, endedAt } = floor.last?.previous ?? {}
    expect(endReason).toBe('PREEMPTED')
    expect(Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '')).toBeGreaterThanOrEqual(500)
  }),

  patient('the pre-emptor withdraws at the other instance: the speaker keeps the floor and is told so', async (stage) => {
    const { groupId, maya, ben, burst, toBen, floor } = await cutOff(stage, 3_000)
    await toBen.next('REVOKED')
    await Promise.all([release(maya.at(stage.a), groupId, 'm'), renew(ben.at(stage.b), groupId, burst.id)])
    expect((await toBen.next('GRANTED', 1_000))?.burst?.id).toBe(burst.id)
    await sleep(3_200)
    expect((await floorOf(ben.at(stage.b), groupId)).burst?.id, 'the grace is forgotten').toBe(burst.id)
    expect(floor.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN', 'PENDING_REVOKE', 'TAKEN'])
  }),

  patient('two who outrank the speaker press at once at both instances: one takes over, the other meets a taken floor', async (stage) => {
    const { groupId, maya, ben } = await stage.trio({ preemptGraceMs: 1_000 })
    const [dan] = await stage.people(1)
    if (!dan) return
    await stage.addMember(groupId, dan, 'HIGH')
    const [floor] = await stage.watchBoth(maya, groupId)
    await talk(ben.at(stage.a), groupId, 'b')
    const both = await Promise.all([press(maya.at(stage.a), groupId, 'm'), press(dan.at(stage.b), groupId, 'd')])
    expect(both.map(({ outcome }) => outcome).toSorted()).toEqual(['DENIED', 'QUEUED'])
    expect(both.map(({ denyReason }) => denyReason)).toContain('FLOOR_TAKEN')
    const winner = both[0].outcome === 'QUEUED' ? maya : dan
    const taken = await floor.next(({ kind, floor }) => kind === 'TAKEN' && floor.burst?.speaker.id !== ben.userId, 2_500)
    expect(taken.floor.burst?.speaker.id).toBe(winner.userId)
  }),

  patient('the pre-emptor vanishes during the grace: its turn ends unused after 2 s, and the floor is free', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio({ preemptGraceMs: 500 })
    const [floor] = await stage.watchBoth(cleo, groupId)
    await talk(ben.at(stage.a), groupId, 'b')
    const line = await stage.line(stage.b)
    await press(stage.socket(maya, line), groupId, 'm')
    line.blackhole()
    expect((await floor.next('IDLE')).previous).toMatchObject({ endReason: 'NOT_STARTED', durationMs: 0, speaker: { id: maya.userId } })
  }),

  patient('without a grace the speaker renews while it is cut off: nothing renews once the answer is there', async (stage) => {
    const { groupId, maya, ben } = await stage.trio({ preemptGraceMs: 0 })
    const [floor] = await stage.watchBoth(maya, groupId)
    for (let round = 0; round < 5; round++) {
      const burst = await talk(ben.at(stage.a), groupId, `b${round}`)
      const hammering = stage.keepOn(() => Promise.all([stage.a, stage.b].map((place) => renew(ben.at(place), groupId, burst.id))))
      const taken = await talk(maya.at(stage.b), groupId, `m${round}`)
      expect((await renew(ben.at(stage.a), groupId, burst.id)).renewed).toBe(false)
      await hammering.stop()
      expect((await floorOf(ben.at(stage.a), groupId)).burst?.id).toBe(taken.id)
      await release(maya.at(stage.a), groupId, `m${round}`)
    }
    await stage.converged(groupId, maya)
    const reasons = floor.events.flatMap(({ previous }) => previous?.endReason ?? [])
    expect(reasons).toEqual(Array.from({ length: 5 }, () => ['PREEMPTED', 'RELEASED']).flat())
  }),

  patient('a member is muted at A while it presses without end at B: no grant after the answer', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    let n = 0
    const pressing = stage.keepOn(async () => {
      const id = `p${n++}`
      await press(ben.at(stage.b), groupId, id, { queue: true })
      await release(ben.at(stage.b), groupId, id)
    }, 15)
    await sleep(300)
    const mute = await maya.at(stage.a).get(MuteMemberDocument, { input: { groupId, userId: ben.userId, durationMs: 60_000 } })
    expect(mute.muteMember.userErrors).toEqual([])
    const { sequence } = await floorOf(maya.at(stage.a), groupId)
    await sleep(300)
    await pressing.stop()
    expect(await press(ben.at(stage.b), groupId, 'after')).toMatchObject({ outcome: 'DENIED', denyReason: 'RECEIVE_ONLY' })
    await stage.converged(groupId, maya)
    expect(floor.events.filter(({ kind, floor }) => kind === 'TAKEN' && floor.sequence > sequence)).toEqual([])
    expect(floor.last?.floor.state).toBe('IDLE')
  }),
]
