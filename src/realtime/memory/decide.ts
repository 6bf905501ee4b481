import type { ConnectionId, SessionId } from '../../ids.ts'
import type { Evict, ForbidTalk, JoinGroup, MuteMember, ReleaseTalk, RenewTalk, RequestTalk, RevokeTalk, UnmuteMember } from '../engine.ts'
import { renewTalk, revokeTalk } from './burst-rules.ts'
import { settle } from './deadlines.ts'
import { heartbeat, joinGroup } from './presence-rules.ts'
import { releaseTalk, requestTalk } from './request-rules.ts'
import { closeGroup, connectionClosed, evict, forbidTalk, leaveGroup, muteMember, unmuteMember } from './rights-rules.ts'
import { type GroupState, presenceOf, waiting } from './state.ts'
import { type Told, Transition } from './transition.ts'

/** Every command by its name, with what it answers. Each is one atomic transition of one group. */
const rules = {
  requestTalk: (t: Transition, command: RequestTalk & { pressRate: number }) => requestTalk(t, command),
  renewTalk: (t: Transition, command: RenewTalk) => renewTalk(t, command),
  releaseTalk: (t: Transition, command: ReleaseTalk) => releaseTalk(t, command),
  revokeTalk: (t: Transition, command: RevokeTalk) => revokeTalk(t, command),
  joinGroup: (t: Transition, command: JoinGroup) => joinGroup(t, command),
  leaveGroup: (t: Transition, command: { sessionId: SessionId }) => leaveGroup(t, command),
  heartbeat: (t: Transition, command: { sessionId: SessionId }) => heartbeat(t, command),
  connectionClosed: (t: Transition, command: { sessionId: SessionId; connectionId: ConnectionId }) => connectionClosed(t, command),
  evict: (t: Transition, command: Evict) => evict(t, command),
  forbidTalk: (t: Transition, command: ForbidTalk) => forbidTalk(t, command),
  muteMember: (t: Transition, command: MuteMember) => muteMember(t, command),
  unmuteMember: (t: Transition, command: UnmuteMember) => unmuteMember(t, command),
  closeGroup: (t: Transition, _command: object) => closeGroup(t),
  readFloor: (t: Transition, _command: object) => t.floor(),
  readMutes: (t: Transition, _command: object) => new Map([...t.state.mutedUntil].filter(([, until]) => until > t.now)),
  readPresence: (t: Transition, _command: object) => presenceOf(t.state),
}

type Rules = typeof rules
export type CommandName = keyof Rules
export type Command<Name extends CommandName> = Parameters<Rules[Name]>[1]
export type Answer<Name extends CommandName> = ReturnType<Rules[Name]>

/**
 * The whole of floor control and presence as one pure function: the same state, command and instant give the same result. Due deadlines
 * fall first, so a command never meets a lease that has run out; last, who still waits is told its new place.
 */
export function decide<Name extends CommandName>(state: GroupState, name: Name, command: Command<Name>, now: number) {
  const t = new Transition(state, now)
  settle(t)
  const rule = rules[name] as (t: Transition, command: Command<Name>) => Answer<Name>
  const answer = rule(t, command)
  tellPositions(t, state)
  t.finish()
  return { state: t.state, told: t.told as readonly Told[], answer }
}

function tellPositions(t: Transition, before: GroupState) {
  const places = new Map(waiting(before).map(({ sessionId }, index) => [sessionId, index + 1]))
  for (const [index, { sessionId, requestIds }] of waiting(t.state).entries()) {
    const place = places.get(sessionId)
    if (place !== undefined && place !== index + 1)
      t.tellDevice({ to: sessionId, kind: 'QUEUED', requestId: requestIds.at(-1), queuePosition: index + 1 })
  }
}
