import type { ConnectionId, RequestId, SessionId } from '../../ids.ts'
import {
  LEASE_AFTER_CLOSE_MS,
  LEASE_MS,
  PRESS_BURST,
  REMEMBER_MS,
  RETRY_AFTER_LIMIT_MS,
  type ReleaseTalk,
  type RenewTalk,
  type RequestTalk,
  type RevokeTalk,
  type TalkAnswer,
  VOICE_SESSION_IDLE_MS,
} from '../engine.ts'
import type { Burst, FloorDenyReason, Person, TalkBurstEndReason } from '../events.ts'
import { join } from './presence-rules.ts'
import { type Holder, listenerCount, type RequestRecord } from './state.ts'
import { mapWith, type Transition } from './transition.ts'

type Press = RequestTalk & { readonly pressRate: number }

export function requestTalk(t: Transition, press: Press): TalkAnswer {
  const known = t.state.requests.get(press.sessionId)?.get(press.requestId)
  if (known) return repeat(t, press, known)
  join(t, press)
  const tooFast = spendPress(t, press)
  if (tooFast !== null) return answer(t, press, { outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: tooFast })
  const { holder } = t.state
  if (press.canTalk && holder?.burst.sessionId === press.sessionId) return rename(t, press, holder)
  const refusal = reasonToDeny(t, press, holder)
  if (refusal) return deny(t, press, refusal)
  return grant(t, press)
}

/** The present state of a request that was asked before. Only a burst that still runs is touched: its lease is renewed. */
function repeat(t: Transition, press: Press, known: RequestRecord): TalkAnswer {
  switch (known.state) {
    case 'HOLDING':
      extendLease(t, press.connectionId)
      return granted(t, press)
    case 'ENDED':
      return answer(t, press, { outcome: 'ENDED', burst: known.burst })
    case 'DENIED':
      return answer(t, press, {
        outcome: 'DENIED',
        denyReason: known.reason,
        retryAfterMs: known.retryAt === null ? null : Math.max(0, known.retryAt - t.now),
      })
    case 'CANCELLED':
      return answer(t, press, { outcome: 'CANCELLED' })
  }
}

/** The holder's next request is the same burst under a new name: same start, same limit. */
function rename(t: Transition, press: Press, holder: Holder): TalkAnswer {
  t.set({ holder: { ...holder, requestIds: [...holder.requestIds, press.requestId] } })
  remember(t, press.sessionId, press.requestId, { state: 'HOLDING' })
  extendLease(t, press.connectionId)
  return granted(t, press)
}

/** Rights first, then the session's own penalty, then the floor's state. */
function reasonToDeny(t: Transition, press: Press, holder: Holder | null): { reason: FloorDenyReason; retryAt: number | null } | null {
  if (!press.canTalk) return { reason: 'RECEIVE_ONLY', retryAt: null }
  const retryAt = t.state.retryAt.get(press.sessionId)
  if (retryAt !== undefined && retryAt > t.now) return { reason: 'RETRY_AFTER', retryAt: Math.min(retryAt, t.now + RETRY_AFTER_LIMIT_MS) }
  if (!holder) return null
  const own = holder.burst.speaker.id === press.person.id
  return { reason: own ? 'HELD_BY_OWN_DEVICE' : 'FLOOR_TAKEN', retryAt: holder.burst.expiresAt }
}

function deny(t: Transition, press: Press, { reason, retryAt }: { reason: FloorDenyReason; retryAt: number | null }): TalkAnswer {
  remember(t, press.sessionId, press.requestId, { state: 'DENIED', reason, retryAt, forgetAt: t.now + REMEMBER_MS })
  return answer(t, press, { outcome: 'DENIED', denyReason: reason, retryAfterMs: retryAt === null ? null : retryAt - t.now })
}

function grant(t: Transition, press: Press): TalkAnswer {
  const last = t.state.fencingToken
  const micros = BigInt(t.now) * 1_000n
  const fencingToken = micros > last ? micros : last + 1n
  const voiceSession = t.state.voiceSession ?? {
    id: press.voiceSessionId,
    groupId: t.state.groupId,
    startedAt: t.now,
    endedAt: null,
    closesAt: null,
  }
  const burst: Burst = {
    id: press.burstId,
    group: press.group,
    speaker: press.person,
    sessionId: press.sessionId,
    voiceSessionId: voiceSession.id,
    priority: press.priority,
    fencingToken,
    startedAt: t.now,
    expiresAt: t.now + press.talkLimitMs,
    endedAt: null,
    endReason: null,
    revokedBy: null,
  }
  if (!t.state.voiceSession) t.record({ voiceSession })
  t.set({
    fencingToken,
    voiceSession: { ...voiceSession, closesAt: null },
    holder: {
      burst,
      talkLimitMs: press.talkLimitMs,
      requestIds: [press.requestId],
      leaseUntil: t.now + LEASE_MS,
      connectionId: press.connectionId,
      warned: false,
    },
  })
  remember(t, press.sessionId, press.requestId, { state: 'HOLDING' })
  t.tellFloor('TAKEN', null)
  t.record({ burst })
  return granted(t, press)
}

const granted = (t: Transition, press: Press): TalkAnswer => {
  const burst = t.state.holder?.burst ?? null
  return answer(t, press, { outcome: 'GRANTED', burst, remainingMs: burst && burst.expiresAt - t.now })
}

const answer = (t: Transition, press: Press, part: Pick<TalkAnswer, 'outcome'> & Partial<TalkAnswer>): TalkAnswer => ({
  burst: null,
  remainingMs: null,
  denyReason: null,
  retryAfterMs: null,
  listenerCount: listenerCount(t.state, press.person.id),
  floor: t.floor(),
  ...part,
})

export function renewTalk(t: Transition, { sessionId, connectionId, burstId }: RenewTalk) {
  const { holder } = t.state
  const renewed = holder?.burst.id === burstId && holder.burst.sessionId === sessionId
  if (renewed) extendLease(t, connectionId)
  return { renewed, remainingMs: renewed ? holder.burst.expiresAt - t.now : null, floor: t.floor() }
}

export function releaseTalk(t: Transition, { sessionId, requestId }: ReleaseTalk) {
  const known = t.state.requests.get(sessionId)?.get(requestId)
  const { holder } = t.state
  let released = known?.state === 'ENDED' && known.released
  if (known?.state === 'HOLDING' && holder?.requestIds.at(-1) === requestId) {
    endBurst(t, 'RELEASED')
    released = true
  }
  // Overtaken by its release, the request must never be granted when it arrives.
  if (!known) remember(t, sessionId, requestId, { state: 'CANCELLED', forgetAt: t.now + REMEMBER_MS })
  return { released, floor: t.floor() }
}

export function revokeTalk(t: Transition, { burstId, by }: RevokeTalk) {
  const revoked = t.state.holder?.burst.id === burstId
  if (revoked) endBurst(t, 'REVOKED_BY_MANAGER', by)
  return { revoked, floor: t.floor() }
}

/** Ends the current burst. Every way in which a burst can end goes through here, so it ends once and with one reason. */
export function endBurst(t: Transition, endReason: TalkBurstEndReason, revokedBy: Person | null = null) {
  const { holder, voiceSession } = t.state
  if (!holder) return
  // A clock that went back meanwhile makes no burst of negative length.
  const burst: Burst = { ...holder.burst, endedAt: Math.max(t.now, holder.burst.startedAt), endReason, revokedBy }
  const { sessionId } = burst
  t.set({ holder: null })
  if (voiceSession) t.set({ voiceSession: { ...voiceSession, closesAt: t.now + VOICE_SESSION_IDLE_MS } })
  const name = holder.requestIds.at(-1) as RequestId
  for (const requestId of holder.requestIds)
    remember(t, sessionId, requestId, { state: 'ENDED', burst, released: requestId === name, forgetAt: t.now + REMEMBER_MS })
  if (endReason === 'TALK_LIMIT') {
    t.set({ retryAt: mapWith(t.state.retryAt, sessionId, t.now + RETRY_AFTER_LIMIT_MS) })
  }
  t.tellFloor('IDLE', burst)
  t.record({ burst })
  if (endReason !== 'RELEASED') t.tellDevice({ to: sessionId, kind: 'REVOKED', requestId: name, burst, endReason })
}

function extendLease(t: Transition, connectionId: ConnectionId | null) {
  const { holder } = t.state
  if (holder) t.set({ holder: { ...holder, leaseUntil: t.now + LEASE_MS, connectionId } })
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
    requestId: requestIds.at(-1) as RequestId,
    burst,
    remainingMs: burst.expiresAt - t.now,
  })
}

function remember(t: Transition, sessionId: SessionId, requestId: RequestId, record: RequestRecord) {
  const own = mapWith(t.state.requests.get(sessionId) ?? new Map<RequestId, RequestRecord>(), requestId, record)
  t.set({ requests: mapWith(t.state.requests, sessionId, own) })
  t.forgetLater()
}

/** Takes one press from the session's allowance (GCRA); if there is none, how long until there is. */
function spendPress(t: Transition, { sessionId, pressRate }: Press): number | null {
  const everyMs = 1_000 / pressRate
  const mostAheadMs = PRESS_BURST * 1_000
  const used = t.state.pressedUntil.get(sessionId) ?? 0
  // Further ahead than a press can bring it: the clock went back.
  const from = used > t.now && used <= t.now + mostAheadMs ? used : t.now
  const until = from + everyMs
  const aheadMs = until - t.now - mostAheadMs
  if (aheadMs > 0) return Math.ceil(aheadMs)
  t.set({ pressedUntil: mapWith(t.state.pressedUntil, sessionId, until) })
  t.forgetLater()
  return null
}
