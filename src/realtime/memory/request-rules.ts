import { QUEUE_LIMIT_MS, RETRY_AFTER_LIMIT_MS, type ReleaseTalk, type RequestTalk, type TalkAnswer } from '../engine.ts'
import type { FloorDenyReason } from '../events.ts'
import { clearHolder, endBurst, extendLease, grant, remainingMs } from './burst-rules.ts'
import { join } from './presence-rules.ts'
import { enqueue, hasRoom, outranks, positionOf, preempt, renameWaiter, waiterOf, withdraw } from './queue-rules.ts'
import { forgetAt, recordOf, remember, spendPress } from './request-records.ts'
import { type Holder, listenerCount, type RequestRecord, type Waiter } from './state.ts'
import type { Transition } from './transition.ts'

type Press = RequestTalk & { readonly pressRate: number }
type Refusal = { readonly reason: FloorDenyReason; readonly retryAt: number | null }

export function requestTalk(t: Transition, press: Press): TalkAnswer {
  const known = recordOf(t, press.sessionId, press.requestId)
  if (known) return repeat(t, press, known)
  if (t.state.closed) return deny(t, press, { reason: 'GROUP_CLOSED', retryAt: null })
  join(t, press)
  const tooFast = spendPress(t, press)
  if (tooFast !== null) return answer(t, press, { outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: tooFast })
  const forbidden = reasonToForbid(t, press)
  if (forbidden) return deny(t, press, forbidden)
  return t.state.holder ? meetTakenFloor(t, press, t.state.holder) : granted(t, press, grant(t, asWaiter(t, press), null, null))
}

/** The present state of a request that was asked before. Only a burst that still runs is touched: its lease is renewed. */
function repeat(t: Transition, press: Press, known: RequestRecord): TalkAnswer {
  switch (known.state) {
    case 'HOLDING':
      extendLease(t, press.connectionId)
      return granted(t, press, t.state.holder)
    case 'WAITING':
      return queued(t, press)
    case 'ENDED':
      return answer(t, press, { outcome: 'ENDED', burst: known.burst })
    case 'DENIED':
      return denied(t, press, known)
    case 'CANCELLED':
      return answer(t, press, { outcome: 'CANCELLED' })
  }
}

/** Rights, mute and the session's own penalty: judged before the floor's state. */
function reasonToForbid(t: Transition, press: Press): Refusal | null {
  if (!press.canTalk) return { reason: 'RECEIVE_ONLY', retryAt: null }
  const mutedUntil = t.state.mutedUntil.get(press.person.id)
  if (mutedUntil !== undefined && mutedUntil > t.now) return { reason: 'RECEIVE_ONLY', retryAt: mutedUntil }
  const retryAt = t.state.retryAt.get(press.sessionId)
  if (retryAt === undefined || retryAt <= t.now) return null
  return { reason: 'RETRY_AFTER', retryAt: Math.min(retryAt, t.now + RETRY_AFTER_LIMIT_MS) }
}

function meetTakenFloor(t: Transition, press: Press, holder: Holder): TalkAnswer {
  if (holder.burst.sessionId === press.sessionId) return rename(t, press, holder)
  const waiter = waiterOf(t, press.sessionId)
  if (waiter) return renameInQueue(t, press, waiter)
  const retryAt = holder.burst.expiresAt
  if (holder.burst.speaker.id === press.person.id) return deny(t, press, { reason: 'HELD_BY_OWN_DEVICE', retryAt })
  const inTheWay = t.state.preemption?.by.priority ?? holder.burst.priority
  if (outranks(press.priority, inTheWay)) return cutOff(t, press, holder)
  if (!press.queue || press.queueCapacity === 0) return deny(t, press, { reason: 'FLOOR_TAKEN', retryAt })
  const entry = asWaiter(t, press)
  if (!hasRoom(t, entry)) return deny(t, press, { reason: 'QUEUE_FULL', retryAt })
  enqueue(t, entry)
  remember(t, press.sessionId, [press.requestId], { state: 'WAITING' })
  t.tellFloor('QUEUE', null)
  return queued(t, press)
}

/** The holder's next request is the same burst under a new name: same start, same limit. */
function rename(t: Transition, press: Press, holder: Holder): TalkAnswer {
  t.set({ holder: { ...holder, requestIds: [...holder.requestIds, press.requestId] } })
  remember(t, press.sessionId, [press.requestId], { state: 'HOLDING' })
  extendLease(t, press.connectionId)
  return granted(t, press, t.state.holder)
}

/** A waiter's next request is the same entry under a new name: same place, same rank. */
function renameInQueue(t: Transition, press: Press, waiter: Waiter): TalkAnswer {
  renameWaiter(t, waiter, { ...waiter, requestIds: [...waiter.requestIds, press.requestId], connectionId: press.connectionId })
  remember(t, press.sessionId, [press.requestId], { state: 'WAITING' })
  return queued(t, press)
}

/** A strictly higher rank: at once if the group gives no grace, or else when the grace is over. */
function cutOff(t: Transition, press: Press, holder: Holder): TalkAnswer {
  const graceMs = press.priority === 'EMERGENCY' ? 0 : press.preemptGraceMs
  const entry = asWaiter(t, press)
  if (graceMs === 0) {
    if (t.state.preemption) preempt(t, entry, t.now)
    t.set({ preemption: null })
    return granted(t, press, grant(t, entry, clearHolder(t, 'PREEMPTED'), null))
  }
  const isFirst = t.state.preemption === null
  remember(t, press.sessionId, [press.requestId], { state: 'WAITING' })
  preempt(t, entry, t.now + graceMs)
  const { burst } = holder
  if (isFirst)
    t.tellDevice({ to: burst.sessionId, kind: 'REVOKED', requestId: holder.requestIds.at(-1), burst, endReason: 'PREEMPTED', graceMs })
  return queued(t, press)
}

export function releaseTalk(t: Transition, { sessionId, requestId }: ReleaseTalk) {
  const known = recordOf(t, sessionId, requestId)
  let released = known !== undefined && 'engaged' in known && known.engaged
  const waiter = waiterOf(t, sessionId)
  if (known?.state === 'HOLDING' && t.state.holder?.requestIds.at(-1) === requestId) {
    endBurst(t, 'RELEASED')
    released = true
  } else if (known?.state === 'WAITING' && waiter?.requestIds.at(-1) === requestId) {
    withdraw(t, waiter)
    released = true
  }
  // Overtaken by its release, the request must never be granted when it arrives.
  if (!known) remember(t, sessionId, [requestId], { state: 'CANCELLED', engaged: false, forgetAt: forgetAt(t) })
  return { released, floor: t.floor() }
}

function asWaiter(t: Transition, press: Press): Waiter {
  const arrival = t.state.arrivals
  t.set({ arrivals: arrival + 1 })
  const { person, sessionId, connectionId, group, priority, talkLimitMs, queueCapacity, queue, burstId, voiceSessionId } = press
  const asked = { requestIds: [press.requestId], expiresAt: t.now + QUEUE_LIMIT_MS, arrival }
  return { person, sessionId, connectionId, group, priority, talkLimitMs, queueCapacity, queue, burstId, voiceSessionId, ...asked }
}

const granted = (t: Transition, press: Press, holder: Holder | null) =>
  answer(t, press, { outcome: 'GRANTED', burst: holder?.burst ?? null, remainingMs: holder && remainingMs(t, holder) })

const queued = (t: Transition, press: Press) => answer(t, press, { outcome: 'QUEUED', queuePosition: positionOf(t, press.sessionId) })

function deny(t: Transition, press: Press, refusal: Refusal): TalkAnswer {
  remember(t, press.sessionId, [press.requestId], { state: 'DENIED', ...refusal, engaged: false, forgetAt: forgetAt(t) })
  return denied(t, press, refusal)
}

const denied = (t: Transition, press: Press, { reason, retryAt }: Refusal) =>
  answer(t, press, { outcome: 'DENIED', denyReason: reason, retryAfterMs: retryAt === null ? null : Math.max(0, retryAt - t.now) })

const answer = (t: Transition, press: Press, part: Pick<TalkAnswer, 'outcome'> & Partial<TalkAnswer>): TalkAnswer => ({
  burst: null,
  remainingMs: null,
  queuePosition: null,
  denyReason: null,
  retryAfterMs: null,
  listenerCount: listenerCount(t.state, press.person.id),
  floor: t.floor(),
  ...part,
})
