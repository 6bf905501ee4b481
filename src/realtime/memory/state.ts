import type { ConnectionId, GroupId, RequestId, SessionId, UserId } from '../../ids.ts'
import type { Burst, Floor, FloorDenyReason, Person, Presence, PresentMember, VoiceSession } from '../events.ts'

/** What is known of a past or present floor request, so that its repeat changes nothing. */
export type RequestRecord =
  | { readonly state: 'HOLDING' }
  | { readonly state: 'ENDED'; readonly burst: Burst; readonly released: boolean; readonly forgetAt: number }
  | { readonly state: 'DENIED'; readonly reason: FloorDenyReason; readonly retryAt: number | null; readonly forgetAt: number }
  | { readonly state: 'CANCELLED'; readonly forgetAt: number }

/** The device session that may talk now. */
export interface Holder {
  readonly burst: Burst
  readonly talkLimitMs: number
  /** All names this burst was asked for by; the last one is its present name. */
  readonly requestIds: readonly RequestId[]
  readonly leaseUntil: number
  /** The socket over which it was last pressed or renewed. */
  readonly connectionId: ConnectionId | null
  readonly warned: boolean
}

export interface Device {
  readonly person: Person
  readonly since: number
  readonly until: number
}

/** Everything live in one group. Never changed in place. */
export interface GroupState {
  readonly groupId: GroupId
  readonly epoch: string
  readonly floorSequence: number
  readonly presenceSequence: number
  /** Microseconds; the next grant's is greater. */
  readonly fencingToken: bigint
  readonly holder: Holder | null
  readonly voiceSession: (VoiceSession & { readonly closesAt: number | null }) | null
  readonly devices: ReadonlyMap<SessionId, Device>
  readonly requests: ReadonlyMap<SessionId, ReadonlyMap<RequestId, RequestRecord>>
  /** Until when a session whose burst ended TALK_LIMIT may not talk again. */
  readonly retryAt: ReadonlyMap<SessionId, number>
  /** Per session, when its presses so far would have been made at the allowed rate (GCRA's theoretical arrival time). */
  readonly pressedUntil: ReadonlyMap<SessionId, number>
  /** When to look for what may be forgotten of the three maps above. */
  readonly forgetAt: number
}

export const emptyGroup = (groupId: GroupId, epoch: string, fencingToken: bigint): GroupState => ({
  groupId,
  epoch,
  floorSequence: 0,
  presenceSequence: 0,
  fencingToken,
  holder: null,
  voiceSession: null,
  devices: new Map(),
  requests: new Map(),
  retryAt: new Map(),
  pressedUntil: new Map(),
  forgetAt: Number.POSITIVE_INFINITY,
})

export const floorOf = (state: GroupState, now: number): Floor => ({
  groupId: state.groupId,
  state: state.holder ? 'TAKEN' : 'IDLE',
  burst: state.holder?.burst ?? null,
  queueLength: 0,
  epoch: state.epoch,
  sequence: state.floorSequence,
  at: now,
})

/** A user's presence over all devices; undefined when there is none. */
export function presentMember(devices: GroupState['devices'], userId: UserId): PresentMember | undefined {
  const own = [...devices.values()].filter((device) => device.person.id === userId)
  const [first] = own
  return first && { person: first.person, devices: own.length, since: Math.min(...own.map((device) => device.since)) }
}

export const presenceOf = (state: GroupState): Presence => ({
  groupId: state.groupId,
  epoch: state.epoch,
  sequence: state.presenceSequence,
  everyone: presentUsers(state)
    .map((userId) => presentMember(state.devices, userId))
    .filter((member) => member !== undefined),
})

const presentUsers = (state: GroupState) => [...new Set([...state.devices.values()].map((device) => device.person.id))]

export const listenerCount = (state: GroupState, speaker: UserId) => presentUsers(state).filter((userId) => userId !== speaker).length
