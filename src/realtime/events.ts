import type { BurstId, GroupId, RequestId, SessionId, UserId, VoiceSessionId } from '../ids.ts'

/**
 * What the real-time engine tells: every event carries all that its readers may show, so that delivering it reads nothing.
 * Instants are milliseconds since 1970 in engine time. Words are those of floor control in 3GPP TS 24.380.
 */

type FloorState = 'IDLE' | 'TAKEN' | 'PENDING_REVOKE' | 'CLOSED'
export type FloorPriority = 'LOW' | 'NORMAL' | 'HIGH' | 'EMERGENCY'
export type FloorDenyReason = 'FLOOR_TAKEN' | 'RECEIVE_ONLY' | 'QUEUE_FULL' | 'RETRY_AFTER' | 'HELD_BY_OWN_DEVICE' | 'GROUP_CLOSED'
export type TalkBurstEndReason =
  | 'RELEASED'
  | 'TALK_LIMIT'
  | 'PREEMPTED'
  | 'REVOKED_BY_MANAGER'
  | 'NO_PERMISSION'
  | 'CONNECTION_LOST'
  | 'NOT_STARTED'
  | 'MEMBER_REMOVED'
  | 'SESSION_REVOKED'
  | 'GROUP_CLOSED'
  | 'SERVER_RECOVERY'

/** Who a person is to the others in a group. */
export interface Person {
  readonly id: UserId
  readonly username: string
  readonly displayName: string
}

/** What a group is to an event: enough to name it. */
export interface GroupName {
  readonly id: GroupId
  readonly name: string
}

/** One granted transmission. */
export interface Burst {
  readonly id: BurstId
  readonly group: GroupName
  readonly speaker: Person
  /** The device that speaks: the holder is a device session, never a user. */
  readonly sessionId: SessionId
  readonly voiceSessionId: VoiceSessionId
  readonly priority: FloorPriority
  /** Grows with every grant in the group; of two bursts the higher one wins on every surface. */
  readonly fencingToken: bigint
  readonly startedAt: number
  /** The talk limit, never the lease. */
  readonly expiresAt: number
  readonly endedAt: number | null
  readonly endReason: TalkBurstEndReason | null
  readonly revokedBy: Person | null
}

/** A place in one of a group's logs. A new epoch means that the engine forgot what was before. */
export interface Position {
  readonly epoch: string
  readonly sequence: number
}

/** The right to talk in one group, as it stands at `at`. */
export interface Floor extends Position {
  readonly groupId: GroupId
  readonly state: FloorState
  readonly burst: Burst | null
  readonly queueLength: number
  readonly at: number
}

export interface FloorEvent extends Position {
  readonly kind: 'TAKEN' | 'IDLE' | 'PENDING_REVOKE' | 'QUEUE' | 'CLOSED'
  /** The whole floor after the event. */
  readonly floor: Floor
  /** The burst that this event ended. */
  readonly previous: Burst | null
}

/** A user who is present, on one device or several. */
export interface PresentMember {
  readonly person: Person
  readonly devices: number
  readonly since: number
}

/** JOINED and LEFT are a user's first and last device, UPDATED is what lies between. */
/** The order in which the present are named: who came first, and of those who came at once by their ids. */
export const byArrival = (one: PresentMember, other: PresentMember) => one.since - other.since || (one.person.id < other.person.id ? -1 : 1)

export interface PresenceEvent extends Position {
  readonly groupId: GroupId
  readonly kind: 'JOINED' | 'LEFT' | 'UPDATED'
  readonly member: PresentMember
}

export interface Presence extends Position {
  readonly groupId: GroupId
  readonly everyone: readonly PresentMember[]
}

/** Said to one device only. */
export interface FloorMessage {
  readonly to: SessionId
  readonly kind: 'GRANTED' | 'QUEUED' | 'DENIED' | 'REVOKED' | 'LIMIT_WARNING'
  readonly requestId: RequestId | null
  readonly burst: Burst | null
  readonly queuePosition: number | null
  readonly remainingMs: number | null
  /** REVOKED: how long the speaker may finish; 0: it is over. */
  readonly graceMs: number | null
  /** GRANTED out of the queue: how soon it must be renewed or pressed again. */
  readonly acceptWithinMs: number | null
  readonly denyReason: FloorDenyReason | null
  readonly endReason: TalkBurstEndReason | null
  readonly floor: Floor
}

export interface VoiceSession {
  readonly id: VoiceSessionId
  readonly groupId: GroupId
  readonly startedAt: number
  readonly endedAt: number | null
}

/** An engine whose state is elsewhere found that it has been forgotten: what the record shows as running since before then is over. */
export interface Forgotten {
  /** When the group's epoch began; undefined if nothing is known to be forgotten there. */
  readonly epochBegan: (groupId: GroupId) => number | undefined
}

/** A row of the record as far as it is known: written as often as it changes, in any order, the result is the same. */
export type RecordEntry = { readonly burst: Burst } | { readonly voiceSession: VoiceSession } | { readonly forgotten: Forgotten }
