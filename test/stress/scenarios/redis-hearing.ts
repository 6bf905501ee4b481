import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { RemoveGroupMemberDocument } from '../../generated/operations.ts'
import { traffic } from '../load.ts'
import { alone } from '../scenario.ts'
import { release, renew, talk } from '../talk.ts'
import { subscriber } from './redis-links.ts'

/** What happens elsewhere does not come through to one of the instances: whoever listens there is whole again, by itself. */
export const redisHearing = [
  alone(
    'B is cut off from Redis while people listen at B: their sockets stay open and are whole after the mending, by themselves',
    async (stage) => {
      const { groupId, maya, ben } = await stage.trio()
      const socket = stage.socket(maya, stage.b)
      const there = await stage.watch(socket, groupId)
      await stage.watch(maya.at(stage.a), groupId)
      stage.b.redis.cut()
      for (let n = 0; n < 10; n++) {
        await talk(ben.at(stage.a), groupId, `r${n}`)
        await release(ben.at(stage.a), groupId, `r${n}`)
      }
      await sleep(1_000)
      stage.b.redis.mend()
      await stage.converged(groupId, maya)
      expect(socket.isOpen).toBe(true)
      expect(there.events.filter(({ gap }) => gap)).toEqual([])
      expect(there.events).toHaveLength(21)
    },
  ),

  alone('B no longer hears what happens, and no connection breaks: its streams are whole again by themselves', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watch(maya.at(stage.a), groupId)
    const there = await stage.watch(stage.socket(maya, stage.b), groupId)
    stage.b.redis.blackhole(subscriber)
    for (let n = 0; n < 10; n++) {
      await talk(ben.at(stage.either), groupId, `r${n}`)
      await release(ben.at(stage.either), groupId, `r${n}`)
    }
    await stage.converged(groupId, maya, 2_500)
    expect(there.events).toHaveLength(21)
  }),

  alone('the last thing that B was to hear is lost: it knows within 2 s', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watch(maya.at(stage.a), groupId)
    const there = await stage.watch(maya.at(stage.b), groupId)
    stage.b.redis.blackhole(subscriber)
    const burst = await talk(ben.at(stage.a), groupId, 'r')
    const holding = stage.keepOn(() => renew(ben.at(stage.a), groupId, burst.id), 1_000)
    const { floor } = await there.next('TAKEN', 2_300)
    expect(floor.burst?.id).toBe(burst.id)
    await holding.stop()
  }),

  alone('the connection over which B hears breaks again and again amid 100 presses: no gap, no repeat, no step back', async (stage) => {
    const { groupId, maya, ben, cleo } = await stage.trio()
    await stage.watch(maya.at(stage.a), groupId)
    const there = await stage.watch(stage.socket(maya, stage.b), groupId)
    const load = traffic(stage, groupId, [ben, cleo], 15)
    for (let n = 0; n < 10; n++) {
      await sleep(stage.random.between(50, 300))
      stage.b.redis.reset(subscriber)
    }
    await load.stop(50)
    await stage.converged(groupId, maya)
    expect(there.events.filter(({ gap }) => gap)).toEqual([])
  }),

  alone('a member is removed at A while B hears nothing: its stream at B ends within 1 s all the same', async (stage) => {
    const { groupId, ben } = await stage.trio()
    const here = await stage.watch(stage.socket(ben, stage.b), groupId)
    stage.b.redis.blackhole(subscriber)
    await stage.adminAt(stage.a).get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.userId } })
    expect(await here.ended(1_000)).toBe('ACCESS_REVOKED')
  }),
]
