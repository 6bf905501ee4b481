import type { BurstId, ConnectionId, GroupId, RequestId, SessionId, UserId, VoiceSessionId } from '../ids.ts'
import type {
  Burst,
  Floor,
  FloorDenyReason,
  FloorEvent,
  FloorMessage,
  FloorPriority,
  GroupName,
  Person,
  Position,
  Presence,
  PresenceEvent,
  RecordEntry,
  TalkBurstEndReason,
} from './events.ts'

/** A burst not renewed for this long ends CONNECTION_LOST (TS 24.380 T1). */
export const LEASE_MS = 4_000
/** How often the holder renews: three tries fit into one lease. */
export const RENEW_EVERY_MS = 1_300
/** What is left of the lease once the socket over which it was last pressed or renewed has closed. */
export const LEASE_AFTER_CLOSE_MS = 2_000
/** How long a session waits after a burst that ended TALK_LIMIT (TS 24.380 T9). */
export const RETRY_AFTER_LIMIT_MS = 3_000
/** How long a request is remembered after its end. */
export const REMEMBER_MS = 600_000
/** A device not heard of for this long is no longer present. */
export const PRESENCE_LEASE_MS = 9_500
export const HEARTBEAT_EVERY_MS = 4_000
/** What is left of a presence lease once a connection of the device has closed: longer than a heartbeat. */
export const PRESENCE_AFTER_CLOSE_MS = 5_000
/** A voice session ends this long after its last burst. */
export const VOICE_SESSION_IDLE_MS = 60_000
/** The longest grace that a group can give a pre-empted speaker. */
export const LONGEST_GRACE_MS = 3_000
/** A floor request waits no longer than this. */
export const QUEUE_LIMIT_MS = 30_000
/** A grant out of the queue must be taken up within this (TS 24.380 T132). */
export const ACCEPT_WITHIN_MS = 2_000
/** How many presses a session may make at once, as a multiple of its rate per second. */
export const PRESS_BURST = 2

/** When a holder is warned before its talk limit. */
export const warnBeforeMs = (talkLimitMs: number) => Math.min(5_000, talkLimitMs / 2)

/** A device that asks: its user, its session, and the socket it speaks over (null over plain HTTP). */
export interface Asker {
  readonly person: Person
  readonly sessionId: SessionId
  readonly connectionId: ConnectionId | null
}

export interface RequestTalk extends Asker {
  readonly group: GroupName
  readonly requestId: RequestId
  /** False for a member who may only listen. */
  readonly canTalk: boolean
  /** Its rank, already limited to what the membership allows. */
  readonly priority: FloorPriority
  /** Whether to wait when the floor is taken. */
  readonly queue: boolean
  readonly talkLimitMs: number
  readonly queueCapacity: number
  /** How long a holder of lower rank may finish. */
  readonly preemptGraceMs: number
  /** The names that a burst and a voice session get if this request begins them. */
  readonly burstId: BurstId
  readonly voiceSessionId: VoiceSessionId
}

export interface TalkAnswer {
  readonly outcome: 'GRANTED' | 'QUEUED' | 'DENIED' | 'CANCELLED' | 'ENDED'
  /** GRANTED and ENDED. */
  readonly burst: Burst | null
  /** GRANTED: until the talk limit, or the end of the grace. */
  readonly remainingMs: number | null
  /** QUEUED: from 1. */
  readonly queuePosition: number | null
  readonly denyReason: FloorDenyReason | null
  readonly retryAfterMs: number | null
  /** Other users present at the decision. */
  readonly listenerCount: number
  readonly floor: Floor
}

export interface ReleaseTalk {
  readonly groupId: GroupId
  readonly sessionId: SessionId
  readonly requestId: RequestId
}

export interface RenewTalk {
  readonly groupId: GroupId
  readonly sessionId: SessionId
  readonly connectionId: ConnectionId | null
  readonly burstId: BurstId
}

export interface RevokeTalk {
  readonly groupId: GroupId
  readonly burstId: BurstId
  readonly by: Person
}

export interface JoinGroup extends Asker {
  readonly groupId: GroupId
}

export interface MuteMember {
  readonly groupId: GroupId
  readonly userId: UserId
  readonly durationMs: number
  readonly by: Person
}

export interface UnmuteMember {
  readonly groupId: GroupId
  readonly userId: UserId
}

/** A member that may only listen from now on. */
export interface ForbidTalk {
  readonly groupId: GroupId
  readonly userId: UserId
}

/** Takes somebody's rights away: all devices of a user or one session, in one group or in all. */
export interface Evict {
  readonly groupId?: GroupId
  readonly userId: UserId
  readonly sessionId?: SessionId
  readonly reason: TalkBurstEndReason
}

/** A device that got the floor of a group, or lost it. */
export interface Holding {
  readonly groupId: GroupId
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** The events of one kind in one group, numbered, the last of them kept for those who come back. */
export interface EventLog<Event extends Position, Snapshot extends Position> {
  /**
   * Resolves once acknowledged: from then on the listener gets every event, in order. Where events were lost for good, `lost` gets how things
   * stand instead, and what follows is after that. The result ends it.
   */
  subscribe(groupId: GroupId, listener: (event: Event) => void, lost?: (snapshot: Snapshot) => void): Promise<() => void>
  /** In one atomic step: what happened since `after`, and how things stand. `gap`: what happened is not known any more. */
  read(groupId: GroupId, after?: Position): Promise<{ missed: readonly Event[]; snapshot: Snapshot; gap: boolean }>
}

/**
 * The live state of all groups: who holds the floor, who is present, what happened lately. Each method is one atomic transition; it settles
 * every due deadline first, so an answer never tells of a lease that has run out. It knows no rights: who calls it has checked them. It
 * contains neither clients nor connections of its backend. Every failure to reach the state rejects; nothing is granted from memory.
 */
export interface RealtimeEngine extends AsyncDisposable {
  readonly name: string

  /** Floor Request: grants, denies, or answers the repeat of a remembered request. A new request joins the group first. */
  requestTalk(command: RequestTalk): Promise<TalkAnswer>
  /** Renews the lease of the session's current burst; anything else answers `renewed: false`. */
  renewTalk(command: RenewTalk): Promise<{ renewed: boolean; remainingMs: number | null; floor: Floor }>
  /** Floor Release: ends the burst that this request holds; before its request it leaves a tombstone. */
  releaseTalk(command: ReleaseTalk): Promise<{ released: boolean; floor: Floor }>
  /** Floor Revoke by a person. `revoked: false`: that burst had ended already. */
  revokeTalk(command: RevokeTalk): Promise<{ revoked: boolean; floor: Floor }>

  /** Makes the device present; for one that is present it renews the lease and tells nobody. */
  joinGroup(command: JoinGroup): Promise<Floor>
  /** Ends the device's burst, queue entry and presence. */
  leaveGroup(command: { groupId: GroupId; sessionId: SessionId }): Promise<Floor>
  /** Renews the device's presence in those of the groups in which it is present (all if none are named), and returns them. */
  heartbeat(command: { sessionId: SessionId; groupIds?: readonly GroupId[] }): Promise<GroupId[]>
  /** Shortens what hangs on a connection that has closed; any other sign of life of the device restores presence. */
  connectionClosed(command: { sessionId: SessionId; connectionId: ConnectionId }): Promise<void>
  /** Ends burst, queue entry and presence of somebody who lost the right to them. */
  evict(command: Evict): Promise<void>
  /** Ends burst (NO_PERMISSION) and queue entry of somebody who may only listen from now on. */
  forbidTalk(command: ForbidTalk): Promise<void>
  /** Ends burst (REVOKED_BY_MANAGER) and queue entry, and refuses presses for a while. Answers until when. */
  muteMember(command: MuteMember): Promise<number>
  unmuteMember(command: UnmuteMember): Promise<void>
  /** Until when who is muted. */
  mutedUntil(groupId: GroupId): Promise<ReadonlyMap<UserId, number>>
  /** The group was deleted: everything in it ends GROUP_CLOSED, and nothing can bring it back. */
  closeGroup(groupId: GroupId): Promise<void>

  readonly floorLog: EventLog<FloorEvent, Floor>
  readonly presenceLog: EventLog<PresenceEvent, Presence>
  /** What is said to one device in one group; not kept for later. */
  messages(groupId: GroupId, sessionId: SessionId, listener: (message: FloorMessage) => void): Promise<() => void>
  /**
   * Whose right to be heard was given or taken by what this process did or noticed. It may be lost with the process, and the floor may have
   * gone on since: a reason to look at it.
   */
  holders(listener: (changed: Holding) => void): () => void
  /**
   * Everything that must last, as it happens. An entry is kept until the promise that the listener answers has resolved: it may come twice, and
   * to another instance, but it is not lost. A rejection says that it can never be written, and puts it aside.
   */
  record(listener: (entry: RecordEntry) => unknown): () => void
  /** Resolves when what has been recorded of the group so far was taken by a listener, wherever it is; at the latest after `ms`. */
  recorded(groupId: GroupId, ms: number): Promise<void>
  /** Whether the state can be reached now. */
  answers(): Promise<boolean>
}
