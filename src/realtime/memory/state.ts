import type { BurstId, ConnectionId, GroupId, RequestId, SessionId, UserId, VoiceSessionId } from '../../ids.ts'
import {
  type Burst,
  byArrival,
  type Floor,
  type FloorDenyReason,
  type FloorPriority,
  type GroupName,
  type Person,
  type Presence,
  type PresentMember,
  type VoiceSession,
} from '../events.ts'

/** What is known of a past or present floor request, so that its repeat changes nothing. */
export type RequestRecord =
  | { readonly state: 'HOLDING' }
  | { readonly state: 'WAITING' }
  | ({ readonly state: 'ENDED'; readonly burst: Burst } & Past)
  | ({ readonly state: 'DENIED'; readonly reason: FloorDenyReason; readonly retryAt: number | null } & Past)
  | ({ readonly state: 'CANCELLED' } & Past)

interface Past {
  /** Whether this name held the floor or waited for it to the end: what its release answers. */
  readonly engaged: boolean
  readonly forgetAt: number
}

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
  /** Set while a grant out of the queue has not been taken up: until when it must be. */
  readonly startBy: number | null
}

/** A floor request that waits. */
export interface Waiter {
  readonly person: Person
  readonly sessionId: SessionId
  readonly connectionId: ConnectionId | null
  readonly group: GroupName
  readonly requestIds: readonly RequestId[]
  readonly priority: FloorPriority
  readonly talkLimitMs: number
  /** How many may wait beside it, by the group's setting when it pressed. */
  readonly queueCapacity: number
  /** Whether it asked to wait; a pre-emptor waits out the grace though it did not. */
  readonly queue: boolean
  readonly expiresAt: number
  /** Of two of one rank the lower is served first. */
  readonly arrival: number
  readonly burstId: BurstId
  readonly voiceSessionId: VoiceSessionId
}

/** Who cuts the holder off, and when the holder's grace is over. */
interface Preemption {
  readonly by: Waiter
  readonly graceUntil: number
}

interface Device {
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
  /** The group was deleted: nothing brings its floor back. */
  readonly closed: boolean
  readonly holder: Holder | null
  readonly preemption: Preemption | null
  /** By priority, then arrival. */
  readonly queue: readonly Waiter[]
  /** How many requests could have waited so far. */
  readonly arrivals: number
  readonly voiceSession: (VoiceSession & { readonly closesAt: number | null }) | null
  readonly devices: ReadonlyMap<SessionId, Device>
  readonly mutedUntil: ReadonlyMap<UserId, number>
  readonly requests: ReadonlyMap<SessionId, ReadonlyMap<RequestId, RequestRecord>>
  /** Until when a session whose burst ended TALK_LIMIT may not talk again. */
  readonly retryAt: ReadonlyMap<SessionId, number>
  /** Per session, when its presses so far would have been made at the allowed rate (GCRA's theoretical arrival time). */
  readonly pressedUntil: ReadonlyMap<SessionId, number>
  /** When to look for what may be forgotten of the four maps above. */
  readonly forgetAt: number
}

export const emptyGroup = (groupId: GroupId, epoch: string, fencingToken: bigint): GroupState => ({
  groupId,
  epoch,
  floorSequence: 0,
  presenceSequence: 0,
  fencingToken,
  closed: false,
  holder: null,
  preemption: null,
  queue: [],
  arrivals: 0,
  voiceSession: null,
  devices: new Map(),
  mutedUntil: new Map(),
  requests: new Map(),
  retryAt: new Map(),
  pressedUntil: new Map(),
  forgetAt: Number.POSITIVE_INFINITY,
})

/** Everyone who waits, in the order in which they will be served: the pre-emptor before the queue. */
export const waiting = ({ preemption, queue }: GroupState): readonly Waiter[] => (preemption ? [preemption.by, ...queue] : queue)

export const floorOf = (state: GroupState, now: number): Floor => ({
  groupId: state.groupId,
  state: floorState(state),
  burst: state.holder?.burst ?? null,
  queueLength: waiting(state).length,
  epoch: state.epoch,
  sequence: state.floorSequence,
  at: now,
})

function floorState({ closed, holder, preemption }: GroupState): Floor['state'] {
  if (closed) return 'CLOSED'
  if (!holder) return 'IDLE'
  return preemption ? 'PENDING_REVOKE' : 'TAKEN'
}

/** A user's presence over all devices; undefined when there is none. */
export function presentMember(devices: GroupState['devices'], userId: UserId): PresentMember | undefined {
  const own = [...devices.values()].filter((device) => device.person.id === userId)
  const [first] = own
  return first && { person: first.person, devices: own.length, since: Math.min(...own.map((device) => device.since)) }
}

/** Devices in the order of their names, so that every engine tells the same of several at one instant. */
export const inOrder = (devices: GroupState['devices']) => [...devices].toSorted(([one], [other]) => (one < other ? -1 : 1))

export const presenceOf = (state: GroupState): Presence => ({
  groupId: state.groupId,
  epoch: state.epoch,
  sequence: state.presenceSequence,
  everyone: presentUsers(state)
    .map((userId) => presentMember(state.devices, userId))
    .filter((member) => member !== undefined)
    .toSorted(byArrival),
})

const presentUsers = (state: GroupState) => [...new Set([...state.devices.values()].map((device) => device.person.id))]

export const listenerCount = (state: GroupState, speaker: UserId) => presentUsers(state).filter((userId) => userId !== speaker).length
