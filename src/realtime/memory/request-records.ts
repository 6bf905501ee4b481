import type { RequestId, SessionId } from '../../ids.ts'
import { PRESS_BURST, REMEMBER_MS } from '../engine.ts'
import type { RequestRecord } from './state.ts'
import { mapWith, type Transition } from './transition.ts'

export function recordOf(t: Transition, sessionId: SessionId, requestId: RequestId): RequestRecord | undefined {
  const record = t.state.requests.get(sessionId)?.get(requestId)
  return record && 'forgetAt' in record && record.forgetAt <= t.now ? undefined : record
}

export const forgetAt = (t: Transition) => t.now + REMEMBER_MS

/** What a repeat of these requests will be answered by. */
export function remember(t: Transition, sessionId: SessionId, requestIds: readonly RequestId[], record: RequestRecord) {
  let own = t.state.requests.get(sessionId) ?? new Map<RequestId, RequestRecord>()
  for (const requestId of requestIds) own = mapWith(own, requestId, record)
  t.set({ requests: mapWith(t.state.requests, sessionId, own) })
  t.forgetLater()
}

/** Takes one press from the session's allowance (GCRA); if there is none, how long until there is. */
export function spendPress(t: Transition, { sessionId, pressRate }: { sessionId: SessionId; pressRate: number }): number | null {
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
