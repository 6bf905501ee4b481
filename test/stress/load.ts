import type { Device } from './people.ts'
import type { Stage } from './stage.ts'
import { outcomeOf, press, release, renew, talk } from './talk.ts'
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

/**
 * Somebody talks, and meanwhile each of the others queues and gives up, so many times and all at once: two events each time, and two more.
 */
export async function storm(stage: Stage, groupId: string, holder: Device, devices: readonly Device[], times: number) {
  const run = stage.random.between(0, 1e9)
  const speaking = stage.socket(holder, stage.a)
  const burst = await talk(speaking, groupId, `s${run}`)
  const holding = stage.keepOn(() => renew(speaking, groupId, burst.id), 1_000)
  const waiters = devices.map(async (device) => {
    const either = [stage.socket(device, stage.a), stage.socket(device, stage.b)]
    for (let n = 0; n < times; n++) {
      await press(stage.random.one(either), groupId, `s${run}-${n}`, { queue: true })
      await release(stage.random.one(either), groupId, `s${run}-${n}`)
    }
  })
  await Promise.all(waiters)
  await holding.stop()
  await release(speaking, groupId, `s${run}`)
}
