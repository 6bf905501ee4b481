import type { Device } from './people.ts'
import type { Stage } from './stage.ts'
import { outcomeOf, release } from './talk.ts'
import type { Going } from './until.ts'

/** Devices press and release at both instances, one after the other, so that something happens all the time. */
export function traffic(stage: Stage, groupId: string, devices: readonly Device[], everyMs = 20): Going {
  const run = stage.random.between(0, 1e9)
  const sockets = devices.map((device) => [stage.socket(device, stage.a), stage.socket(device, stage.b)])
  return stage.keepOn(async (n) => {
    const either = sockets[n % sockets.length] ?? []
    const requestId = `t${run}-${n}`
    await outcomeOf(stage.random.one(either), groupId, requestId, { queue: stage.random.chance(0.3) })
    await release(stage.random.one(either), groupId, requestId)
  }, everyMs)
}
