import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { until } from '../../stress/until.ts'
import type { Instance } from '../../support/cluster.ts'
import type { Roamer } from '../roamer.ts'
import { keeping } from '../scenario.ts'

const SERVICE_RESTART = 1_012
/** Who talks may finish its sentence, for so long at least. */
const MAY_FINISH_MS = 5_000

/** Those who are at an instance are sent away in good order, the one who talks last. */
function sentAway(from: Instance, talking: Roamer, others: readonly Roamer[]): void {
  const closingOf = ({ closings }: Roamer) => closings.filter((closing) => closing.from === from)
  const last = closingOf(talking).at(-1)
  expect(last?.code).toBe(SERVICE_RESTART)
  for (const closing of others.flatMap(closingOf)) {
    expect(closing.code).toBe(SERVICE_RESTART)
    expect((last?.at ?? 0) - closing.at, 'ms that who talks stays longer').toBeGreaterThan(MAY_FINISH_MS)
  }
}

/** All instances end, at once or one after the other. */
export const instances = [
  keeping(
    'all instances are killed under load and started again: nothing is lost or doubled, every burst ends',
    async (stage, { instanceDeaths }) => {
      const groups = await stage.busyGroups(2)
      for (let n = 0; n < instanceDeaths; n++) {
        await sleep(stage.random.between(300, 1_000))
        await Promise.all(stage.cluster.instances.map((instance) => instance.kill()))
        await Promise.all(stage.cluster.instances.map((instance) => instance.start()))
        const since = Date.now()
        await until('grants in each group', () => groups.every(({ presses }) => presses.grantsSince(since).length > 2), 6_000)
      }
      await stage.settle(groups)
      for (const { readers } of groups) {
        await stage.allKnow(readers, 5_000)
        for (const { closings, events } of readers) {
          expect(closings.length).toBeGreaterThanOrEqual(instanceDeaths)
          expect(events.filter(({ gap }) => gap)).toEqual([])
        }
      }
    },
  ),

  keeping('a rolling restart amid a burst: nobody is released, who talks is sent away last and goes on elsewhere', async (stage) => {
    const busy = await stage.busyGroup()
    const { groupId, manager, members } = await stage.team(5, { talkLimitMs: 60_000 })
    const readers = await stage.readers(manager, groupId)
    const [ben, ...listeners] = members
    if (!ben) throw new Error('nobody talks')
    const device = await stage.roamer(ben, groupId, stage.from(stage.a))
    const others = [...readers, ...(await Promise.all(listeners.map((listener) => stage.roamer(listener, groupId, stage.from(stage.a)))))]
    const { id } = await device.talk('r1')
    for (const [instance, next] of [
      [stage.a, stage.b],
      [stage.b, stage.from(stage.b)[1]],
    ] as const) {
      expect(device.place).toBe(instance)
      expect(await instance.stop()).toBe(0)
      await sleep(500)
      sentAway(instance, device, others)
      expect(device.place).toBe(next)
      await instance.start()
    }
    await sleep(2_000)
    expect(device.renewals).not.toContain(false)
    for (const { changes, last } of others) {
      expect(changes).toEqual(['TAKEN'])
      expect(last?.floor.burst?.id).toBe(id)
    }
    expect(await device.release('r1')).toBe(true)
    await stage.isRecorded(groupId, [`${id} RELEASED`])
    await stage.settle([busy])
  }),
]
