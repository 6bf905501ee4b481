import type { SessionId } from '../../ids.ts'
import type { FloorDenyReason, FloorPriority } from '../events.ts'
import { forgetAt, remember } from './request-records.ts'
import { type Waiter, waiting } from './state.ts'
import type { Transition } from './transition.ts'

const RANK: Readonly<Record<FloorPriority, number>> = { LOW: 0, NORMAL: 1, HIGH: 2, EMERGENCY: 3 }

export const outranks = (one: FloorPriority, other: FloorPriority) => RANK[one] > RANK[other]

export const waiterOf = (t: Transition, sessionId: SessionId) => waiting(t.state).find((waiter) => waiter.sessionId === sessionId)

/** The place in the order of service, from 1; 0 for who does not wait. */
export const positionOf = (t: Transition, sessionId: SessionId) =>
  waiting(t.state).findIndex((waiter) => waiter.sessionId === sessionId) + 1

/** Whether one more fits; the pre-emptor takes no place of the queue. */
export const hasRoom = (t: Transition, { queueCapacity }: Pick<Waiter, 'queueCapacity'>) => t.state.queue.length < queueCapacity

const isServedBefore = (one: Waiter, other: Waiter) =>
  outranks(one.priority, other.priority) || (one.priority === other.priority && one.arrival < other.arrival)

/** By rank, then by arrival, which is when it pressed and not when it came into the queue. */
export function enqueue(t: Transition, waiter: Waiter) {
  const place = t.state.queue.findIndex((other) => isServedBefore(waiter, other))
  t.set({ queue: t.state.queue.toSpliced(place === -1 ? t.state.queue.length : place, 0, waiter) })
}

/** A waiter under a new name: same place, same deadline. */
export function renameWaiter(t: Transition, waiter: Waiter, renamed: Waiter) {
  const { preemption, queue } = t.state
  if (preemption?.by === waiter) t.set({ preemption: { ...preemption, by: renamed } })
  else t.set({ queue: queue.map((one) => (one === waiter ? renamed : one)) })
}

/** Takes a waiter out and tells so. A pre-emptor that withdraws leaves the floor to its holder. */
function remove(t: Transition, waiter: Waiter) {
  const { preemption, queue } = t.state
  if (preemption?.by !== waiter) {
    t.set({ queue: queue.filter((one) => one !== waiter) })
    t.tellFloor('QUEUE', null)
    return
  }
  t.set({ preemption: null })
  t.tellFloor('TAKEN', null)
  const { holder } = t.state
  if (!holder) return
  const { burst } = holder
  t.tellDevice({ to: burst.sessionId, kind: 'GRANTED', requestId: holder.requestIds.at(-1), burst, remainingMs: burst.expiresAt - t.now })
}

/** What waited under its last name waited to the end. */
function rememberWaiter(
  t: Transition,
  { sessionId, requestIds }: Waiter,
  how: 'CANCELLED' | { reason: FloorDenyReason; retryAt: number | null },
) {
  const past = how === 'CANCELLED' ? ({ state: 'CANCELLED' } as const) : ({ state: 'DENIED', ...how } as const)
  remember(t, sessionId, requestIds.slice(0, -1), { ...past, engaged: false, forgetAt: forgetAt(t) })
  remember(t, sessionId, requestIds.slice(-1), { ...past, engaged: true, forgetAt: forgetAt(t) })
}

/** The device no longer waits, by its own doing: released, left, or gone. */
export function withdraw(t: Transition, waiter: Waiter) {
  rememberWaiter(t, waiter, 'CANCELLED')
  remove(t, waiter)
}

/** The device no longer waits, against its will: it is told why. */
export function dismiss(t: Transition, waiter: Waiter, reason: FloorDenyReason, retryAt: number | null = null) {
  refuse(t, waiter, reason, retryAt)
  remove(t, waiter)
}

/** Tells a waiter that its turn will not come. */
export function refuse(t: Transition, waiter: Waiter, reason: FloorDenyReason, retryAt: number | null = null) {
  rememberWaiter(t, waiter, { reason, retryAt })
  t.tellDevice({ to: waiter.sessionId, kind: 'DENIED', requestId: waiter.requestIds.at(-1), denyReason: reason })
}

/** Makes the press the one that cuts the holder off. A former pre-emptor waits on if it asked to and there is room. The grace is not restarted. */
export function preempt(t: Transition, by: Waiter, graceUntil: number) {
  const former = t.state.preemption
  t.set({ preemption: { by, graceUntil: Math.min(graceUntil, former?.graceUntil ?? graceUntil) } })
  if (!former) return t.tellFloor('PENDING_REVOKE', null)
  if (former.by.queue && hasRoom(t, former.by)) enqueue(t, former.by)
  else refuse(t, former.by, 'FLOOR_TAKEN', t.state.holder?.burst.expiresAt ?? null)
  t.tellFloor('QUEUE', null)
}

/** Takes the next to be served out of those who wait. */
export function takeNext(t: Transition): Waiter | undefined {
  const { preemption, queue } = t.state
  if (preemption) {
    t.set({ preemption: null })
    return preemption.by
  }
  const [next, ...rest] = queue
  t.set({ queue: rest })
  return next
}
