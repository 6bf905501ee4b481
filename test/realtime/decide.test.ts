import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BurstId, ConnectionId, GroupId, RequestId, SessionId, UserId, VoiceSessionId } from '../../src/ids.ts'
import { LEASE_MS, PRESENCE_LEASE_MS } from '../../src/realtime/engine.ts'
import type { Burst } from '../../src/realtime/events.ts'
import { nextDeadline } from '../../src/realtime/memory/deadlines.ts'
import { decide } from '../../src/realtime/memory/decide.ts'
import { emptyGroup, type GroupState } from '../../src/realtime/memory/state.ts'
import type { Told } from '../../src/realtime/memory/transition.ts'

const groupId = 'group' as GroupId

/** Three people, of whom the first has two devices; few names, so that commands meet. */
const sessions = ['ann-1', 'ann-2', 'bob-1', 'cat-1'] as SessionId[]
const person = (sessionId: SessionId) => {
  const name = sessionId.slice(0, 3)
  return { id: name as UserId, username: name, displayName: name }
}

interface Step {
  readonly command:
    | 'requestTalk'
    | 'renewTalk'
    | 'releaseTalk'
    | 'revokeTalk'
    | 'joinGroup'
    | 'leaveGroup'
    | 'heartbeat'
    | 'connectionClosed'
    | 'evict'
    | 'readFloor'
  readonly session: SessionId
  readonly request: number
  readonly wait: number
}

const steps = fc.array(
  fc.record<Step>({
    command: fc.constantFrom(
      'requestTalk',
      'requestTalk',
      'renewTalk',
      'releaseTalk',
      'revokeTalk',
      'joinGroup',
      'leaveGroup',
      'heartbeat',
      'connectionClosed',
      'evict',
      'readFloor',
    ),
    session: fc.constantFrom(...sessions),
    request: fc.nat({ max: 4 }),
    wait: fc.oneof(fc.constant(0), fc.nat({ max: 1_500 }), fc.nat({ max: 15_000 }), fc.constant(-5_000)),
  }),
  { maxLength: 60 },
)

function take(state: GroupState, step: Step, now: number, serial: number) {
  const { session: sessionId, request } = step
  const connectionId = `${sessionId}-socket` as ConnectionId
  const asker = { person: person(sessionId), sessionId, connectionId }
  const requestId = `r${request}` as RequestId
  const burstId = state.holder?.burst.id ?? ('none' as BurstId)
  switch (step.command) {
    case 'requestTalk':
      return decide(
        state,
        'requestTalk',
        {
          ...asker,
          group: { id: groupId, name: 'group' },
          requestId,
          canTalk: sessionId !== 'cat-1' || request > 0,
          priority: 'NORMAL',
          talkLimitMs: 5_000,
          burstId: `burst-${serial}` as BurstId,
          voiceSessionId: `voice-${serial}` as VoiceSessionId,
          pressRate: 5,
        },
        now,
      )
    case 'renewTalk':
      return decide(state, 'renewTalk', { groupId, sessionId, connectionId, burstId }, now)
    case 'releaseTalk':
      return decide(state, 'releaseTalk', { groupId, sessionId, requestId }, now)
    case 'revokeTalk':
      return decide(state, 'revokeTalk', { groupId, burstId, by: person(sessionId) }, now)
    case 'joinGroup':
      return decide(state, 'joinGroup', { ...asker, groupId }, now)
    case 'leaveGroup':
      return decide(state, 'leaveGroup', { sessionId }, now)
    case 'heartbeat':
      return decide(state, 'heartbeat', { sessionId }, now)
    case 'connectionClosed':
      return decide(state, 'connectionClosed', { sessionId, connectionId }, now)
    case 'evict':
      return decide(state, 'evict', { groupId, userId: person(sessionId).id, reason: 'MEMBER_REMOVED' }, now)
    case 'readFloor':
      return decide(state, 'readFloor', {}, now)
  }
}

/** What must be true after every transition, whatever happened. */
function assertInvariants(before: GroupState, after: GroupState, told: readonly Told[], now: number, bursts: Map<BurstId, Burst>) {
  const floors = told.flatMap((one) => ('floor' in one ? [one.floor] : []))
  floors.forEach(({ sequence }, n) => expect(sequence).toBe(before.floorSequence + n + 1))
  expect(after.floorSequence).toBe(before.floorSequence + floors.length)
  expect(after.fencingToken).toBeGreaterThanOrEqual(before.fencingToken)
  for (const { kind, floor, previous } of floors) {
    expect(floor.state === 'TAKEN').toBe(floor.burst !== null)
    if (kind === 'TAKEN' && floor.burst) {
      expect(bursts.has(floor.burst.id)).toBe(false)
      expect([...bursts.values()].every(({ endedAt }) => endedAt !== null)).toBe(true)
      expect([...bursts.values()].every(({ fencingToken }) => fencingToken < (floor.burst?.fencingToken ?? 0n))).toBe(true)
      bursts.set(floor.burst.id, floor.burst)
    }
    if (previous) {
      expect(bursts.get(previous.id)?.endReason).toBeNull()
      expect(previous.endReason).not.toBeNull()
      expect(previous.endedAt).toBeGreaterThanOrEqual(previous.startedAt)
      bursts.set(previous.id, previous)
    }
  }
  const { holder } = after
  if (holder) {
    expect(bursts.get(holder.burst.id)?.endedAt).toBeNull()
    expect(holder.leaseUntil).toBeGreaterThan(now)
    expect(holder.leaseUntil).toBeLessThanOrEqual(now + LEASE_MS)
    expect(holder.burst.expiresAt).toBeGreaterThan(now)
    expect(holder.burst.expiresAt).toBeLessThanOrEqual(now + holder.talkLimitMs)
  }
  for (const { until } of after.devices.values()) {
    expect(until).toBeGreaterThan(now)
    expect(until).toBeLessThanOrEqual(now + PRESENCE_LEASE_MS)
  }
  const holding = [...after.requests.values()].flatMap((own) => [...own.values()]).filter(({ state }) => state === 'HOLDING')
  expect(holding.length > 0).toBe(holder !== null)
  expect(nextDeadline(after)?.at ?? Number.POSITIVE_INFINITY).toBeGreaterThan(now)
}

describe('decide', () => {
  test('keeps its invariants through any sequence of commands, pauses and clocks set back', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        let state = emptyGroup(groupId, 'epoch', 0n)
        let now = 1_800_000_000_000
        const bursts = new Map<BurstId, Burst>()
        const granted = new Map<string, BurstId>()
        for (const [serial, step] of sequence.entries()) {
          now += step.wait
          const frozen = structuredClone(state)
          const { state: next, told, answer } = take(state, step, now, serial)
          expect(state).toEqual(frozen)
          assertInvariants(state, next, told, now, bursts)
          if (answer && typeof answer === 'object' && 'outcome' in answer && answer.burst) {
            const name = `${step.session} r${step.request}`
            expect(granted.get(name) ?? answer.burst.id).toBe(answer.burst.id)
            granted.set(name, answer.burst.id)
            expect(answer.burst.sessionId).toBe(step.session)
          }
          state = next
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('is a function of its arguments: the same command at the same instant gives the same result', () => {
    const state = emptyGroup(groupId, 'epoch', 0n)
    const step: Step = { command: 'requestTalk', session: 'ann-1' as SessionId, request: 1, wait: 0 }
    expect(take(state, step, 1_000, 1)).toEqual(take(state, step, 1_000, 1))
  })
})
