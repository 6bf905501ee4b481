import type { ConnectionId, SessionId } from '../../ids.ts'
import type { Evict, ForbidTalk, MuteMember, UnmuteMember } from '../engine.ts'
import type { Person, TalkBurstEndReason } from '../events.ts'
import { clearHolder, closeVoiceSession, endBurst, shortenLease } from './burst-rules.ts'
import { depart, shortenPresence } from './presence-rules.ts'
import { dismiss, refuse } from './queue-rules.ts'
import { inOrder, waiting } from './state.ts'
import { mapWith, type Transition } from './transition.ts'

/** What ends floor, queue entry and presence together, or takes the right to talk. */

export function leaveGroup(t: Transition, { sessionId }: { sessionId: SessionId }) {
  if (t.state.holder?.burst.sessionId === sessionId) endBurst(t, 'RELEASED')
  depart(t, sessionId)
  return t.floor()
}

export function connectionClosed(t: Transition, { sessionId, connectionId }: { sessionId: SessionId; connectionId: ConnectionId }) {
  shortenLease(t, sessionId, connectionId)
  shortenPresence(t, sessionId)
}

/** Waiters go before the burst, or the floor would fall to somebody who has just lost it. */
export function evict(t: Transition, { userId, sessionId, reason }: Evict) {
  const isMeant = (user: string, session: string) => user === userId && (sessionId === undefined || session === sessionId)
  for (const waiter of waiting(t.state)) if (isMeant(waiter.person.id, waiter.sessionId)) depart(t, waiter.sessionId)
  for (const [session, device] of inOrder(t.state.devices)) if (isMeant(device.person.id, session)) depart(t, session)
  const { holder } = t.state
  if (holder && isMeant(holder.burst.speaker.id, holder.burst.sessionId)) endBurst(t, reason)
}

/** Ends what the user says or waits to say; listening and presence stay. */
function silence(t: Transition, userId: string, endReason: TalkBurstEndReason, by: Person | null, retryAt: number | null) {
  for (const waiter of waiting(t.state)) if (waiter.person.id === userId) dismiss(t, waiter, 'RECEIVE_ONLY', retryAt)
  if (t.state.holder?.burst.speaker.id === userId) endBurst(t, endReason, by)
}

export function forbidTalk(t: Transition, { userId }: ForbidTalk) {
  silence(t, userId, 'NO_PERMISSION', null, null)
}

export function muteMember(t: Transition, { userId, durationMs, by }: MuteMember) {
  const mutedUntil = t.now + durationMs
  t.set({ mutedUntil: mapWith(t.state.mutedUntil, userId, mutedUntil) })
  t.forgetLater()
  silence(t, userId, 'REVOKED_BY_MANAGER', by, mutedUntil)
  return mutedUntil
}

export function unmuteMember(t: Transition, { userId }: UnmuteMember) {
  t.set({ mutedUntil: mapWith(t.state.mutedUntil, userId, undefined) })
}

/** The group is deleted: everything ends, and nothing begins any more. */
export function closeGroup(t: Transition) {
  if (t.state.closed) return
  const ended = clearHolder(t, 'GROUP_CLOSED')
  for (const waiter of waiting(t.state)) refuse(t, waiter, 'GROUP_CLOSED')
  t.set({ preemption: null, queue: [] })
  closeVoiceSession(t)
  for (const [sessionId] of inOrder(t.state.devices)) depart(t, sessionId)
  t.set({ closed: true, mutedUntil: new Map() })
  t.tellFloor('CLOSED', ended)
}
