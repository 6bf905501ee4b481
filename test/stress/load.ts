import type { Device } from './people.ts'
import type { Stage } from './stage.ts'
import { outcomeOf, release } from './talk.ts'
import type { Going } from './until.ts'

/** Devices press and release at both instances, one after the other, so that something happens all the time. */
export function traffic(stage: Stage, groupId: string, devices: readonly Device[], everyMs = 20): Going {
  const run = stage.random.between(0, 1e9)
  return stage.keepOn(async (n) => {
    const device = devices[n % devices.length]
    if (!device) return
    const requestId = `t${run}-${n}`
    await outcomeOf(device.at(stage.either), groupId, requestId, { queue: stage.random.chance(0.3) })
    await release(device.at(stage.either), groupId, requestId)
  }, everyMs)
}
