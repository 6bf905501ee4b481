import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { BurstId, SessionId } from '../../src/ids.ts'
import type { TalkAnswer } from '../../src/realtime/engine.ts'
import type { FloorPriority } from '../../src/realtime/events.ts'
import type { Actor } from './actors.ts'
import { type CreateEngine, Stage } from './contract-stage.ts'

const CAPACITY = 2
const OPERATIONS = [
  'press',
  'press',
  'press',
  'renew',
  'renew',
  'release',
  'leave',
  'disconnect',
  'revoke',
  'evict',
  'forbid',
  'mute',
] as const

/** What devices, managers and time do, in any order: few devices and few names, so that they meet. */
const steps = fc.array(
  fc.record({
    operation: fc.constantFrom(...OPERATIONS),
    device: fc.nat({ max: 4 }),
    requestId: fc.constantFrom('r1', 'r2', 'r3'),
    priority: fc.constantFrom<FloorPriority>('LOW', 'NORMAL', 'HIGH', 'EMERGENCY'),
    queue: fc.boolean(),
    preemptGraceMs: fc.constantFrom(0, 500),
    waitMs: fc.constantFrom(0, 0, 0, 300, 1_300, 2_500, 5_000),
  }),
  { minLength: 20, maxLength: 60 },
)
type Step = (typeof steps extends fc.Arbitrary<infer Steps> ? Steps : never)[number]

/** What is true after every transition, whatever was done in whatever order. */
export function invariants(create: CreateEngine) {
  test('invariants: one holder that does not wait, no gap in the numbers, one end of each burst, whatever is done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        await using stage = await Stage.open(create)
        const devices = [stage.ben, stage.ben.otherDevice(), stage.cleo, stage.dan, stage.eve]
        const granted = new Map<string, BurstId>()
        for (const step of sequence) {
          const device = devices[step.device] ?? stage.ben
          await stage.advance(step.waitMs)
          const answer = await take(stage, device, step)
          if (answer) meansWhatItSays(answer, device.sessionId)
          if (answer?.burst) {
            const name = `${device.sessionId} ${step.requestId}`
            expect(granted.get(name) ?? answer.burst.id).toBe(answer.burst.id)
            granted.set(name, answer.burst.id)
          }
          const floor = await stage.floor()
          expect(floor.state === 'TAKEN' || floor.state === 'PENDING_REVOKE').toBe(floor.burst !== null)
        }
        await stage.advance(120_000)
        expect(await stage.floor()).toMatchObject({ state: 'IDLE', queueLength: 0 })
        followsItself(stage)
      }),
      { numRuns: 60 },
    )
  })
}

async function take(stage: Stage, device: Actor, { operation, requestId, ...press }: Step): Promise<TalkAnswer | null> {
  const { engine, groupId } = stage
  const user = { groupId, userId: device.person.id }
  const talking = async () => (await stage.floor()).burst?.id ?? ('none' as BurstId)
  if (operation === 'press') return device.press(requestId, { ...press, queueCapacity: CAPACITY, talkLimitMs: 6_000 })
  if (operation === 'renew') await device.renew(await talking())
  else if (operation === 'release') await device.release(requestId)
  else if (operation === 'leave') await device.leave()
  else if (operation === 'disconnect') await device.disconnect()
  else if (operation === 'revoke') await device.revoke(await talking())
  else if (operation === 'evict') await engine.evict({ ...user, reason: 'MEMBER_REMOVED' })
  else if (operation === 'forbid') await engine.forbidTalk(user)
  else await engine.muteMember({ ...user, durationMs: 1_000, by: stage.eve.person })
  return null
}

function meansWhatItSays({ outcome, burst, queuePosition, denyReason, remainingMs, floor }: TalkAnswer, sessionId: SessionId) {
  expect([outcome, burst !== null]).toEqual([outcome, outcome === 'GRANTED' || outcome === 'ENDED'])
  expect([outcome, queuePosition !== null]).toEqual([outcome, outcome === 'QUEUED'])
  expect([outcome, denyReason !== null]).toEqual([outcome, outcome === 'DENIED'])
  expect([outcome, remainingMs !== null]).toEqual([outcome, outcome === 'GRANTED'])
  if (burst) expect(burst.sessionId).toBe(sessionId)
  if (outcome === 'GRANTED') expect(floor.burst?.id).toBe(burst?.id)
  if (outcome === 'QUEUED') {
    expect(floor.burst?.sessionId).not.toBe(sessionId)
    expect(queuePosition).toBeLessThanOrEqual(floor.queueLength)
  }
}

/** Read from the first event to the last, they tell one story; and so does the record. */
function followsItself(stage: Stage) {
  let current: BurstId | null = null
  let token = 0n
  for (const [n, { sequence, kind, floor, previous }] of stage.floorEvents.entries()) {
    expect([sequence, floor.sequence]).toEqual([n + 1, n + 1])
    expect(floor.queueLength).toBeLessThanOrEqual(CAPACITY + (floor.state === 'PENDING_REVOKE' ? 1 : 0))
    if (!floor.burst) expect([kind, floor.state, floor.queueLength]).toEqual(['IDLE', 'IDLE', 0])
    const ended = floor.burst?.id === current ? null : current
    expect(previous?.id ?? null).toBe(ended)
    if (floor.burst && floor.burst.id !== current) {
      expect(kind).toBe('TAKEN')
      expect(floor.burst.fencingToken).toBeGreaterThan(token)
      token = floor.burst.fencingToken
    }
    current = floor.burst?.id ?? null
  }
  const ends = stage.recorded().filter(({ endedAt }) => endedAt !== null)
  expect(new Set(ends.map(({ id }) => id)).size).toBe(ends.length)
  expect(new Set(stage.recorded().map(({ id }) => id)).size).toBe(ends.length)
  for (const { startedAt, endedAt, endReason } of ends) expect([(endedAt ?? 0) >= startedAt, endReason !== null]).toEqual([true, true])
}
