import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { Stopwatch } from '../../support/machine.ts'
import { patient } from '../scenario.ts'
import { press, renew, talk } from '../talk.ts'
import { hear } from './queue.ts'

/** Stuck buttons: what a device asks of two instances counts together. */
export const limits = [
  patient('a button is stuck at both instances: the talk limit ends it, 3 s of rest follow, then it talks again', async (stage) => {
    const { groupId, maya, ben } = await stage.trio({ talkLimitMs: 5_000 })
    const [floor] = await stage.watchBoth(maya, groupId)
    const toBen = await hear(stage, ben.at(stage.b), groupId)
    const burst = await talk(ben.at(stage.a), groupId, 'first')
    const renewing = stage.keepOn(() => renew(ben.at(stage.either), groupId, burst.id), 400)
    expect((await floor.next('IDLE', 6_500)).previous).toMatchObject({ id: burst.id, endReason: 'TALK_LIMIT', durationMs: 5_000 })
    await renewing.stop()
    expect(toBen.kinds().filter((kind) => kind === 'LIMIT_WARNING')).toHaveLength(1)
    const since = new Stopwatch()
    for (let n = 0; ; n++) {
      const { outcome, denyReason, retryAfterMs } = await press(ben.at(stage.either), groupId, `stuck${n}`)
      if (outcome === 'GRANTED') break
      expect({ denyReason, isKnown: retryAfterMs !== null }).toEqual({ denyReason: 'RETRY_AFTER', isKnown: true })
      await sleep(100)
    }
    since.expect(3_600, 2_000)
  }),

  patient('a device gives its burst a new name at another instance all the time: its talk limit does not move', async (stage) => {
    const { groupId, maya, ben } = await stage.trio({ talkLimitMs: 5_000 })
    const [floor] = await stage.watchBoth(maya, groupId)
    const first = await talk(ben.at(stage.a), groupId, 'name')
    const renaming = stage.keepOn(async (n) => {
      const { burst, outcome } = await press(ben.at(stage.either), groupId, `name${n}`)
      if (outcome === 'GRANTED') expect(burst).toMatchObject({ id: first.id, expiresAt: first.expiresAt })
    }, 250)
    expect((await floor.next('IDLE', 6_500)).previous).toMatchObject({ id: first.id, endReason: 'TALK_LIMIT', durationMs: 5_000 })
    await renaming.stop()
    expect(floor.events.filter(({ kind }) => kind === 'TAKEN')).toHaveLength(1)
  }),
]
