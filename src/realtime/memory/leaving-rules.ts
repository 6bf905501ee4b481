import type { ConnectionId, SessionId } from '../../ids.ts'
import type { Evict } from '../engine.ts'
import { endBurst, shortenLease } from './floor-rules.ts'
import { depart, shortenPresence } from './presence-rules.ts'
import type { Transition } from './transition.ts'

/** What ends floor and presence together. */

export function leaveGroup(t: Transition, { sessionId }: { sessionId: SessionId }) {
  if (t.state.holder?.burst.sessionId === sessionId) endBurst(t, 'RELEASED')
  depart(t, sessionId)
  return t.floor()
}

export function connectionClosed(t: Transition, { sessionId, connectionId }: { sessionId: SessionId; connectionId: ConnectionId }) {
  shortenLease(t, sessionId, connectionId)
  shortenPresence(t, sessionId)
}

export function evict(t: Transition, { userId, sessionId, reason }: Evict) {
  const meant = (user: string, session: string) => user === userId && (sessionId === undefined || session === sessionId)
  const { holder } = t.state
  if (holder && meant(holder.burst.speaker.id, holder.burst.sessionId)) endBurst(t, reason)
  for (const [session, device] of t.state.devices) if (meant(device.person.id, session)) depart(t, session)
}
