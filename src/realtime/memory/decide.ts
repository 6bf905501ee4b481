import type { ConnectionId, SessionId } from '../../ids.ts'
import type { Evict, JoinGroup, ReleaseTalk, RenewTalk, RequestTalk, RevokeTalk } from '../engine.ts'
import { settle } from './deadlines.ts'
import { releaseTalk, renewTalk, requestTalk, revokeTalk } from './floor-rules.ts'
import { connectionClosed, evict, leaveGroup } from './leaving-rules.ts'
import { heartbeat, joinGroup } from './presence-rules.ts'
import { type GroupState, presenceOf } from './state.ts'
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
  readFloor: (t: Transition, _command: object) => t.floor(),
  readPresence: (t: Transition, _command: object) => presenceOf(t.state),
}

type Rules = typeof rules
export type CommandName = keyof Rules
export type Command<Name extends CommandName> = Parameters<Rules[Name]>[1]
export type Answer<Name extends CommandName> = ReturnType<Rules[Name]>

/**
 * The whole of floor control and presence as one pure function: the same state, command and instant give the same result. Due deadlines
 * fall first, so a command never meets a lease that has run out.
 */
export function decide<Name extends CommandName>(state: GroupState, name: Name, command: Command<Name>, now: number) {
  const t = new Transition(state, now)
  settle(t)
  const rule = rules[name] as (t: Transition, command: Command<Name>) => Answer<Name>
  const answer = rule(t, command)
  return { state: t.state, told: t.told as readonly Told[], answer }
}
