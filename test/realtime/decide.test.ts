import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BurstId, SessionId } from '../../src/ids.ts'
import { ACCEPT_WITHIN_MS, LEASE_MS, PRESENCE_LEASE_MS, QUEUE_LIMIT_MS } from '../../src/realtime/engine.ts'
import type { Burst } from '../../src/realtime/events.ts'
import { nextDeadline } from '../../src/realtime/memory/deadlines.ts'
import { emptyGroup, type GroupState, waiting } from '../../src/realtime/memory/state.ts'
import type { Told } from '../../src/realtime/memory/transition.ts'
import { groupId, priorities, QUEUE_CAPACITY, type Step, steps, TALK_LIMIT_MS, take } from './sequences.ts'

/** What was told so far, as a listener would keep it. */
class Listener {
  readonly bursts = new Map<BurstId, Burst>()
  current: BurstId | null = null

  hear(told: readonly Told[]) {
    for (const one of told) if ('floor' in one) this.#hearFloor(one.floor)
  }

  #hearFloor({ kind, floor, previous }: Extract<Told, { floor: unknown }>['floor']) {
    if (previous) {
      expect(this.current).toBe(previous.id)
      expect(previous.endReason).not.toBeNull()
      expect(previous.endedAt).toBeGreaterThanOrEqual(previous.startedAt)
      this.bursts.set(previous.id, previous)
      this.current = null
    }
    const { burst } = floor
    if (burst && burst.id !== this.current) {
      expect([kind, this.current, this.bursts.has(burst.id)]).toEqual(['TAKEN', null, false])
      for (const earlier of this.bursts.values()) expect(earlier.fencingToken).toBeLessThan(burst.fencingToken)
      this.bursts.set(burst.id, burst)
    }
    this.current = burst?.id ?? null
    expect(floor.state).toBe(expectedState(kind, floor.burst !== null, floor.state))
  }
}

/** TAKEN or PENDING_REVOKE if and only if somebody holds the floor, whatever the event. */
function expectedState(kind: string, held: boolean, state: string) {
  if (kind === 'CLOSED') return 'CLOSED'
  if (!held) return 'IDLE'
  if (kind === 'PENDING_REVOKE') return 'PENDING_REVOKE'
  if (kind === 'TAKEN') return 'TAKEN'
  return state === 'PENDING_REVOKE' ? 'PENDING_REVOKE' : 'TAKEN'
}

/** What must be true after every transition, whatever happened. */
function assertInvariants(before: GroupState, after: GroupState, told: readonly Told[], now: number) {
  const floors = told.flatMap((one) => ('floor' in one ? [one.floor] : []))
  floors.forEach(({ sequence, floor }, n) => {
    expect([sequence, floor.sequence]).toEqual([before.floorSequence + n + 1, before.floorSequence + n + 1])
  })
  expect(after.floorSequence).toBe(before.floorSequence + floors.length)
  expect(after.fencingToken).toBeGreaterThanOrEqual(before.fencingToken)

  const { holder, preemption, queue, devices, closed } = after
  const held = after.requests
  const inState = (state: string) =>
    [...held].flatMap(([session, own]) => [...own.values()].filter((record) => record.state === state).map(() => session))
  if (holder) {
    expect(holder.leaseUntil).toBeGreaterThan(now)
    expect(holder.leaseUntil).toBeLessThanOrEqual(now + LEASE_MS)
    expect(holder.burst.expiresAt).toBeGreaterThan(now)
    expect(holder.burst.expiresAt).toBeLessThanOrEqual(now + TALK_LIMIT_MS)
    expect(holder.startBy ?? now + 1).toBeLessThanOrEqual(now + ACCEPT_WITHIN_MS)
    expect(new Set(inState('HOLDING'))).toEqual(new Set([holder.burst.sessionId]))
  } else expect([inState('HOLDING'), preemption, queue]).toEqual([[], null, []])

  const waiters = waiting(after)
  expect(waiters.map(({ sessionId }) => sessionId)).not.toContain(holder?.burst.sessionId)
  expect(new Set(waiters.map(({ sessionId }) => sessionId)).size).toBe(waiters.length)
  expect(new Set(inState('WAITING'))).toEqual(new Set(waiters.map(({ sessionId }) => sessionId)))
  expect(queue.length).toBeLessThanOrEqual(QUEUE_CAPACITY)
  const ranks = queue.map(({ priority }) => priorities.indexOf(priority))
  expect(ranks).toEqual(ranks.toSorted((a, b) => b - a))
  for (const { expiresAt } of queue) {
    expect(expiresAt).toBeGreaterThan(now)
    expect(expiresAt).toBeLessThanOrEqual(now + QUEUE_LIMIT_MS)
  }
  if (preemption && holder) {
    expect(priorities.indexOf(preemption.by.priority)).toBeGreaterThan(priorities.indexOf(holder.burst.priority))
    expect(preemption.graceUntil).toBeGreaterThan(now)
  }
  for (const { until } of devices.values()) {
    expect(until).toBeGreaterThan(now)
    expect(until).toBeLessThanOrEqual(now + PRESENCE_LEASE_MS)
  }
  for (const { sessionId } of waiters) expect(devices.has(sessionId)).toBe(true)
  if (closed) expect([holder, devices.size, waiters.length]).toEqual([null, 0, 0])
  expect(nextDeadline(after)?.at ?? Number.POSITIVE_INFINITY).toBeGreaterThan(now)
}

describe('decide', () => {
  test('keeps its invariants through any sequence of commands, pauses and clocks set back', () => {
    const outcome = fc.check(
      fc.property(steps, (sequence) => {
        let state = emptyGroup(groupId, 'epoch', 0n)
        let now = 1_800_000_000_000
        const listener = new Listener()
        const granted = new Map<string, BurstId>()
        for (const [serial, step] of sequence.entries()) {
          now += step.wait
          const frozen = structuredClone(state)
          const { state: next, told, answer } = take(state, step, now, serial)
          expect(state).toEqual(frozen)
          listener.hear(told)
          expect(listener.current).toBe(next.holder?.burst.id ?? null)
          assertInvariants(state, next, told, now)
          if (answer && typeof answer === 'object' && 'outcome' in answer) {
            const { burst, outcome: what, queuePosition } = answer
            expect([what, burst !== null, queuePosition !== null]).toEqual([
              what,
              what === 'GRANTED' || what === 'ENDED',
              what === 'QUEUED',
            ])
            if (burst) {
              // Within ten minutes of its end a request is granted at most once.
              const name = `${step.session} r${step.request}`
              expect(granted.get(name) ?? burst.id).toBe(burst.id)
              granted.set(name, burst.id)
              expect(burst.sessionId).toBe(step.session)
            }
          }
          state = next
        }
      }),
      { numRuns: 2_000 },
    )
    if (outcome.failed) throw new Error(fc.defaultReportMessage(outcome) ?? 'failed')
    console.log(`decide: ${outcome.numRuns} sequences, seed ${outcome.seed}`)
  })

  test('is a function of its arguments: the same command at the same instant gives the same result', () => {
    const state = emptyGroup(groupId, 'epoch', 0n)
    const session = 'ann-1' as SessionId
    const step: Step = { command: 'requestTalk', session, request: 1, priority: 'NORMAL', queue: true, canTalk: true, grace: true, wait: 0 }
    expect(take(state, step, 1_000, 1)).toEqual(take(state, step, 1_000, 1))
  })
})
