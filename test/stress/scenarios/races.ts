import { expect } from 'vitest'
import { RevokeTalkDocument } from '../../generated/operations.ts'
import type { Device } from '../people.ts'
import { busy } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { bursts, floorOf, outcomeOf, press, release, renew, talk } from '../talk.ts'
import { until } from '../until.ts'

const ROUNDS = 5
/** A device may press so often per second, and twice that at once. */
export const PRESS_RATE = 25
const AT_ONCE = 2 * PRESS_RATE

/** Each device at one of the two instances, half of them at each. */
const spread = (stage: Stage, devices: readonly Device[]) =>
  stage.random.shuffled(devices).map((device, n) => ({ device, over: device.at(n % 2 === 0 ? stage.a : stage.b) }))

/** What happens when two instances are asked at one moment. */
export const races = [
  busy('16 devices press at once on both instances: one is granted, and the others learn who', async (stage) => {
    const { groupId, members } = await stage.team(16)
    for (let round = 0; round < ROUNDS; round++) {
      const pressed = await Promise.all(
        spread(stage, members).map(async ({ device, over }) => ({ device, over, ...(await press(over, groupId, `r${round}`)) })),
      )
      const winners = pressed.filter(({ outcome }) => outcome === 'GRANTED')
      expect(winners).toHaveLength(1)
      const [winner] = winners
      for (const { outcome, denyReason, floor } of pressed.filter((one) => one !== winner))
        expect({ outcome, denyReason, holder: floor.burst?.speaker.id }).toEqual({
          outcome: 'DENIED',
          denyReason: 'FLOOR_TAKEN',
          holder: winner?.device.userId,
        })
      if (winner) await release(winner.over, groupId, `r${round}`)
    }
  }),

  busy('one requestId arrives at both instances at once: one burst, and both answers name it', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    for (let round = 0; round < ROUNDS; round++) {
      const [here, there] = await Promise.all([stage.a, stage.b].map((place) => talk(ben.at(place), groupId, `r${round}`)))
      expect(here?.id).toBe(there?.id)
      await release(ben.at(stage.either), groupId, `r${round}`)
    }
    await stage.converged(groupId, maya)
    expect(floor.events.filter(({ kind }) => kind === 'TAKEN')).toHaveLength(ROUNDS)
  }),

  busy('a release overtakes its press on the other instance: the floor is free when both are answered', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watchBoth(maya, groupId)
    for (let round = 0; round < ROUNDS; round++) {
      const requestId = `r${round}`
      const inOrder = stage.random.shuffled([
        () => outcomeOf(ben.at(stage.a), groupId, requestId),
        () => release(ben.at(stage.b), groupId, requestId).then(({ released }) => (released ? 'released' : 'nothing to release')),
      ])
      const said = (await Promise.all(inOrder.map((act) => act()))).toSorted()
      expect([
        ['CANCELLED', 'nothing to release'],
        ['GRANTED', 'released'],
      ]).toContainEqual(said)
      expect((await floorOf(ben.at(stage.either), groupId)).state).toBe('IDLE')
    }
  }),

  busy('a device uses another instance with every call: its burst neither breaks nor doubles', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await talk(ben.at(stage.a), groupId, `r${round}`)
      for (let n = 0; n < 3; n++) expect((await renew(ben.at(stage.either), groupId, id)).renewed).toBe(true)
      expect((await release(ben.at(stage.b), groupId, `r${round}`)).released).toBe(true)
    }
    await stage.converged(groupId, maya)
    expect(floor.events.slice(1).map(({ kind }) => kind)).toEqual(Array.from({ length: ROUNDS }, () => ['TAKEN', 'IDLE']).flat())
  }),

  busy('late copies of a release and of a renewal never touch a newer burst', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const [floor] = await stage.watchBoth(maya, groupId)
    for (let round = 0; round < ROUNDS; round++) {
      const old = await talk(ben.at(stage.a), groupId, `old${round}`)
      await release(ben.at(stage.b), groupId, `old${round}`)
      const [now] = await Promise.all([
        talk(ben.at(stage.a), groupId, `new${round}`),
        release(ben.at(stage.b), groupId, `old${round}`),
        renew(ben.at(stage.b), groupId, old.id),
      ])
      await release(ben.at(stage.b), groupId, `old${round}`)
      expect((await renew(ben.at(stage.b), groupId, old.id)).renewed).toBe(false)
      expect((await floorOf(ben.at(stage.b), groupId)).burst?.id).toBe(now.id)
      await release(ben.at(stage.a), groupId, `new${round}`)
    }
    await stage.converged(groupId, maya)
    expect(floor.events.filter(({ kind }) => kind === 'TAKEN')).toHaveLength(2 * ROUNDS)
  }),

  busy('two devices of one user press at once: the second is held by the own device', async (stage) => {
    const { groupId, ben } = await stage.trio()
    const other = await ben.other()
    for (let round = 0; round < ROUNDS; round++) {
      const [one, two] = await Promise.all([
        press(ben.at(stage.a), groupId, `r${round}`, { queue: true }),
        press(other.at(stage.b), groupId, `r${round}`, { queue: true }),
      ])
      expect([one.outcome, two.outcome].toSorted()).toEqual(['DENIED', 'GRANTED'])
      expect([one.denyReason, two.denyReason]).toContain('HELD_BY_OWN_DEVICE')
      const loser = one.outcome === 'DENIED' ? ben : other
      await release(loser.at(stage.b), groupId, `r${round}`)
      expect((await floorOf(ben.at(stage.a), groupId)).state, 'what the other device lets go is not its own').toBe('TAKEN')
      await release((loser === ben ? other : ben).at(stage.a), groupId, `r${round}`)
    }
  }),

  busy('a release and a revoke meet: the burst has one end, and who ended it is told so', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watchBoth(maya, groupId)
    const reasons: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await talk(ben.at(stage.either), groupId, `r${round}`)
      const [{ revokeTalk }] = await Promise.all([
        maya.at(stage.a).get(RevokeTalkDocument, { input: { groupId, burstId: id } }),
        release(ben.at(stage.b), groupId, `r${round}`),
      ])
      reasons.unshift(revokeTalk.revoked ? 'REVOKED_BY_MANAGER' : 'RELEASED')
    }
    const recorded = async () => (await bursts(maya.at(stage.either), groupId)).map(({ endReason }) => endReason)
    await until('the record is whole', async () => (await recorded()).join() === reasons.join(), 10_000)
  }),

  busy('two revoke one burst at both instances: one of them ended it', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    await stage.watchBoth(maya, groupId)
    for (let round = 0; round < ROUNDS; round++) {
      const { id } = await talk(ben.at(stage.either), groupId, `r${round}`)
      const by = [maya.at(stage.a), stage.adminAt(stage.b)]
      const answers = await Promise.all(by.map((over) => over.get(RevokeTalkDocument, { input: { groupId, burstId: id } })))
      expect(answers.filter(({ revokeTalk }) => revokeTalk.revoked)).toHaveLength(1)
    }
  }),

  busy('the holder presses anew at the other instance while the old name is released: the burst goes on under the new', async (stage) => {
    const { groupId, ben, maya } = await stage.trio()
    await stage.watchBoth(maya, groupId)
    for (let round = 0; round < ROUNDS; round++) {
      const first = await talk(ben.at(stage.a), groupId, `one${round}`)
      const [renamed, { released }] = await Promise.all([
        press(ben.at(stage.b), groupId, `two${round}`),
        release(ben.at(stage.a), groupId, `one${round}`),
      ])
      expect(renamed.outcome).toBe('GRANTED')
      // Either it was renamed before the release came, or released before the new press.
      expect(renamed.burst?.id === first.id).toBe(!released)
      expect((await floorOf(ben.at(stage.either), groupId)).burst?.id).toBe(renamed.burst?.id)
      await release(ben.at(stage.either), groupId, `two${round}`)
    }
  }),

  busy('a device floods both instances with presses: its allowance is one', async (stage) => {
    const { groupId, ben } = await stage.trio()
    const began = performance.now()
    const all: Awaited<ReturnType<typeof press>>[] = []
    for (let wave = 0; wave < 10; wave++) {
      const places = [stage.a, stage.b, stage.a, stage.b, stage.a, stage.b, stage.a, stage.b]
      all.push(...(await Promise.all(places.map((place, n) => press(ben.at(place), groupId, `flood${wave}-${n}`)))))
    }
    const allowed = AT_ONCE + (PRESS_RATE * (performance.now() - began)) / 1_000
    const admitted = all.filter(({ denyReason }) => denyReason !== 'RETRY_AFTER').length
    expect(admitted).toBeGreaterThanOrEqual(AT_ONCE)
    expect(admitted).toBeLessThanOrEqual(Math.ceil(allowed))
    expect(all.filter(({ denyReason, retryAfterMs }) => denyReason === 'RETRY_AFTER' && !retryAfterMs)).toEqual([])
  }),
]
