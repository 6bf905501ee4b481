import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { until } from '../../stress/until.ts'
import { keeping } from '../scenario.ts'

/** A presence lease and a sweep, and a little for this machine. */
const LEFT_WITHIN_MS = 10_200

export const people = [
  keeping(
    'an instance is killed: its people leave within 10 s and once, but not who comes back elsewhere or was elsewhere as well',
    async (stage) => {
      const busy = await stage.busyGroup()
      const { groupId, manager, members } = await stage.team(6)
      const readers = await stage.readers(manager, groupId)
      const gone = members.slice(0, 3)
      const [back, alsoBack, twofold] = members.slice(3)
      if (!back || !alsoBack || !twofold) throw new Error('three are missing')
      const dying = await Promise.all(gone.map((device) => stage.roamer(device, groupId, [stage.a])))
      const returning = await Promise.all([back, alsoBack].map((device) => stage.roamer(device, groupId, stage.from(stage.a))))
      const here = await stage.roamer(twofold, groupId, [stage.a])
      const there = await stage.roamer(twofold, groupId, [stage.b])
      for (const device of [...dying, ...returning, here, there]) await device.join()
      await stage.a.kill()
      for (const device of [...dying, here]) await device.die()
      const haveLeft = () => readers.every((reader) => gone.every((device) => reader.presenceOf(device).includes('LEFT')))
      expect(await until('all have left', haveLeft, 12_000)).toBeLessThan(LEFT_WITHIN_MS)
      await sleep(1_000)
      for (const reader of readers) {
        for (const device of gone) expect(reader.presenceOf(device)).toEqual(['JOINED', 'LEFT'])
        for (const device of [back, alsoBack, twofold]) expect(reader.presenceOf(device)).toEqual(['JOINED'])
      }
      await stage.settle([busy])
    },
  ),
]
