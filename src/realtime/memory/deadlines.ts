import type { SessionId } from '../../ids.ts'
import {
  ACCEPT_WITHIN_MS,
  LEASE_MS,
  LONGEST_GRACE_MS,
  PRESENCE_LEASE_MS,
  QUEUE_LIMIT_MS,
  VOICE_SESSION_IDLE_MS,
  warnBeforeMs,
} from '../engine.ts'
import { closeVoiceSession, endBurst, warnOfLimit } from './burst-rules.ts'
import { depart } from './presence-rules.ts'
import { dismiss } from './queue-rules.ts'
import type { GroupState, Waiter } from './state.ts'
import { mapWith, type Transition } from './transition.ts'

interface Deadline {
  readonly at: number
  readonly fall: (t: Transition) => void
}

/** The first thing that will happen by itself. Of two at the same instant the limit comes before the lease: it is the stronger reason. */
export function nextDeadline(state: GroupState): Deadline | null {
  let next: Deadline | null = null
  const consider = (at: number | null, fall: Deadline['fall']) => {
    if (at !== null && at < (next?.at ?? Number.POSITIVE_INFINITY)) next = { at, fall }
  }
  const { holder, preemption, queue } = state
  if (holder) {
    const { expiresAt } = holder.burst
    if (!holder.warned) consider(expiresAt - warnBeforeMs(holder.talkLimitMs), warnOfLimit)
    consider(expiresAt, (t) => endBurst(t, 'TALK_LIMIT'))
    consider(preemption?.graceUntil ?? null, (t) => endBurst(t, 'PREEMPTED'))
    consider(holder.startBy, (t) => endBurst(t, 'NOT_STARTED'))
    consider(holder.leaseUntil, (t) => endBurst(t, 'CONNECTION_LOST'))
  }
  for (const waiter of queue) consider(waiter.expiresAt, (t) => dismiss(t, waiter, 'RETRY_AFTER', t.now))
  const lapse = firstLapse(state.devices)
  if (lapse) consider(lapse.until, (t) => depart(t, lapse.sessionId))
  consider(state.voiceSession?.closesAt ?? null, closeVoiceSession)
  consider(state.forgetAt, forget)
  return next
}

/** Of several at one instant by their names, so that every engine tells the same. */
function firstLapse(devices: GroupState['devices']) {
  let first: { readonly sessionId: SessionId; readonly until: number } | null = null
  for (const [sessionId, { until }] of devices)
    if (!first || until < first.until || (until === first.until && sessionId < first.sessionId)) first = { sessionId, until }
  return first
}

/** Lets everything fall that is due, in the order in which it fell due. */
export function settle(t: Transition) {
  const now = t.now
  clampToClock(t)
  for (let due = nextDeadline(t.state); due && due.at <= now; due = nextDeadline(t.state)) {
    t.now = due.at
    due.fall(t)
  }
  t.now = now
}

/** A clock that went back must not lengthen anything: no deadline lies further ahead than when it was just set. A mute is until an instant. */
function clampToClock(t: Transition) {
  const { holder, preemption, queue, devices, voiceSession } = t.state
  const longestWait = t.now + QUEUE_LIMIT_MS
  const clamped = (waiter: Waiter): Waiter => ({ ...waiter, expiresAt: Math.min(waiter.expiresAt, longestWait) })
  if (preemption && preemption.by.expiresAt > longestWait)
    t.set({ preemption: { by: clamped(preemption.by), graceUntil: Math.min(preemption.graceUntil, t.now + LONGEST_GRACE_MS) } })
  if (queue.some(({ expiresAt }) => expiresAt > longestWait)) t.set({ queue: queue.map(clamped) })
  if (holder && (holder.leaseUntil > t.now + LEASE_MS || holder.burst.expiresAt > t.now + holder.talkLimitMs)) {
    const burst = { ...holder.burst, expiresAt: Math.min(holder.burst.expiresAt, t.now + holder.talkLimitMs) }
    const startBy = holder.startBy && Math.min(holder.startBy, t.now + ACCEPT_WITHIN_MS)
    t.set({ holder: { ...holder, burst, startBy, leaseUntil: Math.min(holder.leaseUntil, t.now + LEASE_MS) } })
  }
  if (voiceSession?.closesAt && voiceSession.closesAt > t.now + VOICE_SESSION_IDLE_MS)
    t.set({ voiceSession: { ...voiceSession, closesAt: t.now + VOICE_SESSION_IDLE_MS } })
  for (const [sessionId, device] of devices)
    if (device.until > t.now + PRESENCE_LEASE_MS)
      t.set({ devices: mapWith(t.state.devices, sessionId, { ...device, until: t.now + PRESENCE_LEASE_MS }) })
}

function forget(t: Transition) {
  const stillDue = <K>(map: ReadonlyMap<K, number>) => new Map([...map].filter(([, at]) => at > t.now))
  const requests = [...t.state.requests].map(
    ([session, own]) => [session, new Map([...own].filter(([, record]) => !('forgetAt' in record) || record.forgetAt > t.now))] as const,
  )
  t.set({
    requests: new Map(requests.filter(([, own]) => own.size > 0)),
    mutedUntil: stillDue(t.state.mutedUntil),
    retryAt: stillDue(t.state.retryAt),
    pressedUntil: stillDue(t.state.pressedUntil),
    forgetAt: Number.POSITIVE_INFINITY,
  })
  const { requests: kept, mutedUntil, retryAt, pressedUntil } = t.state
  if (kept.size + mutedUntil.size + retryAt.size + pressedUntil.size > 0) t.forgetLater()
}
