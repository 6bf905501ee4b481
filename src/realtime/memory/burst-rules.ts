import type { ConnectionId, SessionId } from '../../ids.ts'
import {
  ACCEPT_WITHIN_MS,
  LEASE_AFTER_CLOSE_MS,
  LEASE_MS,
  RETRY_AFTER_LIMIT_MS,
  type RenewTalk,
  type RevokeTalk,
  VOICE_SESSION_IDLE_MS,
} from '../engine.ts'
import type { Burst, Person, TalkBurstEndReason } from '../events.ts'
import { takeNext } from './queue-rules.ts'
import { forgetAt, remember } from './request-records.ts'
import type { Holder, Waiter } from './state.ts'
import { mapWith, type Transition } from './transition.ts'

/** Gives the floor to a request. `previous`: the burst that has just ended, for there is no idle in between. */
export function grant(t: Transition, to: Waiter, previous: Burst | null, startBy: number | null): Holder {
  const last = t.state.fencingToken
  const micros = BigInt(t.now) * 1_000n
  const fencingToken = micros > last ? micros : last + 1n
  const voiceSession = openVoiceSession(t, to)
  const burst: Burst = {
    id: to.burstId,
    group: to.group,
    speaker: to.person,
    sessionId: to.sessionId,
    voiceSessionId: voiceSession.id,
    priority: to.priority,
    fencingToken,
    startedAt: t.now,
    expiresAt: t.now + to.talkLimitMs,
    endedAt: null,
    endReason: null,
    revokedBy: null,
  }
  const { talkLimitMs, requestIds, connectionId } = to
  const holder: Holder = { burst, talkLimitMs, requestIds, leaseUntil: t.now + LEASE_MS, connectionId, warned: false, startBy }
  t.set({ fencingToken, holder })
  remember(t, to.sessionId, requestIds, { state: 'HOLDING' })
  t.tellFloor('TAKEN', previous)
  t.record({ burst })
  return holder
}

function openVoiceSession(t: Transition, { voiceSessionId: id }: Waiter) {
  const open = t.state.voiceSession
  const voiceSession = open ?? { id, groupId: t.state.groupId, startedAt: t.now, endedAt: null }
  if (!open) t.record({ voiceSession })
  t.set({ voiceSession: { ...voiceSession, closesAt: null } })
  return voiceSession
}

export function closeVoiceSession(t: Transition) {
  const { voiceSession } = t.state
  if (!voiceSession) return
  t.set({ voiceSession: null })
  const { id, groupId, startedAt } = voiceSession
  t.record({ voiceSession: { id, groupId, startedAt, endedAt: t.now } })
}

/** Ends the current burst and serves who waits. Every way in which a burst can end goes through here, so it ends once and with one reason. */
export function endBurst(t: Transition, endReason: TalkBurstEndReason, revokedBy: Person | null = null) {
  const ended = clearHolder(t, endReason, revokedBy)
  if (ended) serveNext(t, ended)
}

/** Ends the current burst for a press that takes the floor at once. */
export function clearHolder(t: Transition, endReason: TalkBurstEndReason, revokedBy: Person | null = null): Burst | null {
  const { holder, voiceSession } = t.state
  if (!holder) return null
  const { startedAt, sessionId } = holder.burst
  // Who never started did not speak. A clock that went back meanwhile makes no burst of negative length.
  const endedAt = endReason === 'NOT_STARTED' ? startedAt : Math.max(t.now, startedAt)
  const burst: Burst = { ...holder.burst, endedAt, endReason, revokedBy }
  t.set({ holder: null })
  if (voiceSession) t.set({ voiceSession: { ...voiceSession, closesAt: t.now + VOICE_SESSION_IDLE_MS } })
  const name = holder.requestIds.at(-1)
  remember(t, sessionId, holder.requestIds.slice(0, -1), { state: 'ENDED', burst, engaged: false, forgetAt: forgetAt(t) })
  if (name) remember(t, sessionId, [name], { state: 'ENDED', burst, engaged: true, forgetAt: forgetAt(t) })
  if (endReason === 'TALK_LIMIT') t.set({ retryAt: mapWith(t.state.retryAt, sessionId, t.now + RETRY_AFTER_LIMIT_MS) })
  t.record({ burst })
  if (endReason !== 'RELEASED') t.tellDevice({ to: sessionId, kind: 'REVOKED', requestId: name, burst, endReason, graceMs: 0 })
  return burst
}

function serveNext(t: Transition, ended: Burst) {
  const next = takeNext(t)
  if (!next) return t.tellFloor('IDLE', ended)
  const { burst } = grant(t, next, ended, t.now + ACCEPT_WITHIN_MS)
  t.tellDevice({
    to: next.sessionId,
    kind: 'GRANTED',
    requestId: next.requestIds.at(-1),
    burst,
    remainingMs: burst.expiresAt - t.now,
    acceptWithinMs: ACCEPT_WITHIN_MS,
  })
}

/** How long the holder may go on: to the talk limit, or to the end of its grace. */
export const remainingMs = (t: Transition, holder: Holder) =>
  Math.min(holder.burst.expiresAt, t.state.preemption?.graceUntil ?? Number.POSITIVE_INFINITY) - t.now

export function renewTalk(t: Transition, { sessionId, connectionId, burstId }: RenewTalk) {
  const { holder } = t.state
  const renewed = holder?.burst.id === burstId && holder.burst.sessionId === sessionId
  if (renewed) extendLease(t, connectionId)
  return { renewed, remainingMs: renewed ? remainingMs(t, holder) : null, floor: t.floor() }
}

export function revokeTalk(t: Transition, { burstId, by }: RevokeTalk) {
  const revoked = t.state.holder?.burst.id === burstId
  if (revoked) endBurst(t, 'REVOKED_BY_MANAGER', by)
  return { revoked, floor: t.floor() }
}

/** A sign of the holder: it is there, and it has taken the floor up. */
export function extendLease(t: Transition, connectionId: ConnectionId | null) {
  const { holder } = t.state
  if (holder) t.set({ holder: { ...holder, leaseUntil: t.now + LEASE_MS, connectionId, startBy: null } })
}

export function shortenLease(t: Transition, sessionId: SessionId, connectionId: ConnectionId) {
  const { holder } = t.state
  if (holder?.burst.sessionId !== sessionId || holder.connectionId !== connectionId) return
  t.set({ holder: { ...holder, leaseUntil: Math.min(holder.leaseUntil, t.now + LEASE_AFTER_CLOSE_MS) } })
}

export function warnOfLimit(t: Transition) {
  const { holder } = t.state
  if (!holder) return
  t.set({ holder: { ...holder, warned: true } })
  const { burst, requestIds } = holder
  t.tellDevice({
    to: burst.sessionId,
    kind: 'LIMIT_WARNING',
    requestId: requestIds.at(-1),
    burst,
    remainingMs: burst.expiresAt - t.now,
  })
}
