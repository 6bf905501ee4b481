import type { SessionId } from '../../ids.ts'
import { LEASE_MS, PRESENCE_LEASE_MS, warnBeforeMs } from '../engine.ts'
import { endBurst, warnOfLimit } from './floor-rules.ts'
import { depart } from './presence-rules.ts'
import type { GroupState } from './state.ts'
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
  const { holder } = state
  if (holder) {
    const { expiresAt } = holder.burst
    if (!holder.warned) consider(expiresAt - warnBeforeMs(holder.talkLimitMs), warnOfLimit)
    consider(expiresAt, (t) => endBurst(t, 'TALK_LIMIT'))
    consider(holder.leaseUntil, (t) => endBurst(t, 'CONNECTION_LOST'))
  }
  for (const [sessionId, device] of state.devices) consider(device.until, (t) => depart(t, sessionId))
  consider(state.voiceSession?.closesAt ?? null, closeVoiceSession)
  consider(state.forgetAt, forget)
  return next
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

/** A clock that went back must not lengthen anything: no deadline lies further ahead than when it was just set. */
function clampToClock(t: Transition) {
  const { holder, devices } = t.state
  if (holder && (holder.leaseUntil > t.now + LEASE_MS || holder.burst.expiresAt > t.now + holder.talkLimitMs)) {
    const burst = { ...holder.burst, expiresAt: Math.min(holder.burst.expiresAt, t.now + holder.talkLimitMs) }
    t.set({ holder: { ...holder, burst, leaseUntil: Math.min(holder.leaseUntil, t.now + LEASE_MS) } })
  }
  for (const [sessionId, device] of devices)
    if (device.until > t.now + PRESENCE_LEASE_MS)
      t.set({ devices: mapWith(t.state.devices, sessionId, { ...device, until: t.now + PRESENCE_LEASE_MS }) })
}

function closeVoiceSession(t: Transition) {
  const { voiceSession } = t.state
  if (!voiceSession) return
  t.set({ voiceSession: null })
  const { id, groupId, startedAt } = voiceSession
  t.record({ voiceSession: { id, groupId, startedAt, endedAt: t.now } })
}

function forget(t: Transition) {
  const stillDue = (map: ReadonlyMap<SessionId, number>) => new Map([...map].filter(([, at]) => at > t.now))
  const requests = [...t.state.requests].map(
    ([session, own]) => [session, new Map([...own].filter(([, record]) => record.state === 'HOLDING' || record.forgetAt > t.now))] as const,
  )
  t.set({
    requests: new Map(requests.filter(([, own]) => own.size > 0)),
    retryAt: stillDue(t.state.retryAt),
    pressedUntil: stillDue(t.state.pressedUntil),
    forgetAt: Number.POSITIVE_INFINITY,
  })
  const { requests: kept, retryAt, pressedUntil } = t.state
  if (kept.size + retryAt.size + pressedUntil.size > 0) t.forgetLater()
}
