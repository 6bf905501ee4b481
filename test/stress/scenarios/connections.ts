import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { RequestTalkDocument } from '../../generated/operations.ts'
import { Stopwatch } from '../../support/machine.ts'
import { patient } from '../scenario.ts'
import { floorOf, release, renew, talk } from '../talk.ts'
import { until } from '../until.ts'

/** A speaker's connections fail: the floor is neither stuck nor lost too soon. */
export const connections = [
  patient("the speaker's socket breaks: the floor is free after 2 s at both instances, by one event", async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await stage.watchBoth(maya, groupId)
    const line = await stage.line(stage.a)
    await talk(stage.socket(ben, line), groupId, 'r1')
    line.cut()
    const since = new Stopwatch()
    await until('IDLE at both', () => watches.every(({ last }) => last?.kind === 'IDLE'))
    since.expect(2_700, 1_700)
    await sleep(600)
    for (const watch of watches) expect(watch.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN', 'IDLE'])
    expect(watches[0]?.last?.previous?.endReason).toBe('CONNECTION_LOST')
  }),

  patient("the speaker's socket turns half open: the floor is free 4.5 s after the last renewal, by one event", async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await stage.watchBoth(maya, groupId)
    const line = await stage.line(stage.b)
    const socket = stage.socket(ben, line)
    const { id } = await talk(socket, groupId, 'r1')
    await sleep(stage.random.between(0, 1_300))
    await renew(socket, groupId, id)
    line.blackhole()
    const since = new Stopwatch()
    await until('IDLE at both', () => watches.every(({ last }) => last?.kind === 'IDLE'), 6_000)
    since.expect(4_600, 3_800)
    await sleep(600)
    for (const watch of watches) expect(watch.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN', 'IDLE'])
  }),

  patient('the speaker comes back to the other instance within its lease: nobody hears of it, and the burst goes on', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const watches = await stage.watchBoth(maya, groupId)
    const line = await stage.line(stage.a)
    const { id } = await talk(stage.socket(ben, line), groupId, 'r1')
    line.cut()
    await sleep(stage.random.between(200, 1_500))
    const socket = stage.socket(ben, stage.b)
    for (let n = 0; n < 4; n++) {
      expect((await renew(socket, groupId, id)).renewed).toBe(true)
      await sleep(1_300)
    }
    for (const watch of watches) expect(watch.events.map(({ kind }) => kind)).toEqual(['SNAPSHOT', 'TAKEN'])
    expect((await release(socket, groupId, 'r1')).released).toBe(true)
  }),

  patient('the speaker goes on at another socket each time, and each one it left breaks: its lease stays whole', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watchBoth(maya, groupId)
    let line = await stage.line(stage.a)
    const { id } = await talk(stage.socket(ben, line), groupId, 'r1')
    for (let hop = 0; hop < 5; hop++) {
      const next = await stage.line(hop % 2 === 0 ? stage.b : stage.a)
      expect((await renew(stage.socket(ben, next), groupId, id)).renewed).toBe(true)
      line.cut()
      line = next
    }
    await sleep(3_000)
    expect((await floorOf(maya.at(stage.a), groupId)).burst?.id).toBe(id)
  }),

  patient('who pressed over plain HTTP loses a socket: a whole lease is left', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    const line = await stage.line(stage.a)
    await floorOf(stage.socket(ben, line), groupId)
    const { id } = await talk(ben.at(stage.b), groupId, 'r1')
    line.cut()
    await sleep(3_000)
    expect((await floorOf(maya.at(stage.b), groupId)).burst?.id).toBe(id)
    expect((await floor.next('IDLE', 2_000)).previous?.durationMs).toBe(4_000)
  }),

  patient('the answers to presses are lost on the way: the repeat at the other instance finds the same burst', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    for (let round = 1; round <= 3; round++) {
      const line = await stage.line(stage.a)
      line.dropReplies()
      const lost = ben.at(line).ask(RequestTalkDocument, { input: { groupId, requestId: `r${round}` } })
      lost.catch(() => undefined) // the line is cut below: that is the fault
      const { floor: taken } = await floor.next('TAKEN', 1_000)
      line.cut()
      const again = await talk(ben.at(stage.b), groupId, `r${round}`)
      expect(again.id).toBe(taken.burst?.id)
      await release(ben.at(stage.b), groupId, `r${round}`)
    }
    await stage.converged(groupId, maya)
    expect(floor.events.filter(({ kind }) => kind === 'TAKEN')).toHaveLength(3)
  }),
]
