import { LRUCache } from 'lru-cache'
import { badInput } from '../../errors.ts'
import {
  type BurstId,
  type ConnectionId,
  type GroupId,
  newId,
  type RequestId,
  type SessionId,
  type UserId,
  type VoiceSessionId,
} from '../../ids.ts'
import { LEASE_MS, type RealtimeEngine, type TalkAnswer } from '../../realtime/engine.ts'
import type { Floor, FloorEvent, FloorMessage, FloorPriority, Position } from '../../realtime/events.ts'
import type { Feed } from '../../realtime/feed.ts'
import type { OpenStreams } from '../../realtime/open-streams.ts'
import { openMessages, type Stream } from '../../realtime/stream.ts'
import { asAsker, type Viewer } from '../auth/auth.service.ts'
import type { MemberStanding } from '../auth/facts.ts'
import type { GroupsService } from '../groups/groups.service.ts'
import { type Outcome, refused } from '../outcome.ts'
import type { Joined } from '../presence/joined.ts'
import { guarded, watchGroup } from '../presence/presence.service.ts'

export interface FloorDeps {
  readonly engine: RealtimeEngine
  readonly groups: GroupsService
  readonly streams: OpenStreams
  readonly joined: Joined
}

export interface FloorRequest {
  readonly groupId: GroupId
  readonly requestId: string
  readonly queue: boolean
  /** Null: the membership's. */
  readonly priority: FloorPriority | null
}

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/
const MUTE_MS = { least: 1_000, most: 24 * 60 * 60_000 }
const RANKS: readonly FloorPriority[] = ['LOW', 'NORMAL', 'HIGH', 'EMERGENCY']

/** Who may speak now. Rights are checked here, from memory; the engine decides between those who have them. */
export class FloorService {
  readonly #deps: FloorDeps

  /** Devices that pressed or renewed within a lease, and the connections over which they did: those are not closed without need. */
  readonly #talking = new LRUCache<ConnectionId | SessionId, true>({ max: 40_000, ttl: LEASE_MS, ttlResolution: 100 })

  constructor(deps: FloorDeps) {
    this.#deps = deps
  }

  /** Whether this device probably talks, or over this connection. */
  isTalking(who: ConnectionId | SessionId): boolean {
    return this.#talking.has(who)
  }

  #talks(sessionId: SessionId, connectionId: ConnectionId | null) {
    this.#talking.set(sessionId, true)
    if (connectionId) this.#talking.set(connectionId, true)
  }

  async requestTalk(viewer: Viewer, connectionId: ConnectionId | null, request: FloorRequest): Promise<TalkAnswer> {
    const { group, member } = await this.#deps.groups.own(viewer, request.groupId)
    const answer = await this.#deps.engine.requestTalk({
      ...asAsker(viewer, connectionId),
      group: { id: group.id, name: group.name },
      requestId: validRequestId(request.requestId),
      canTalk: member.canTalk,
      priority: lower(request.priority ?? 'EMERGENCY', highestPriority(member)),
      queue: request.queue,
      talkLimitMs: group.talkLimitMs,
      queueCapacity: group.queueCapacity,
      preemptGraceMs: group.preemptGraceMs,
      burstId: newId<BurstId>(),
      voiceSessionId: newId<VoiceSessionId>(),
    })
    // A press joins.
    this.#deps.joined.add(viewer.sessionId)
    if (answer.outcome === 'GRANTED') this.#talks(viewer.sessionId, connectionId)
    return answer
  }

  async renewTalk(viewer: Viewer, connectionId: ConnectionId | null, groupId: GroupId, burstId: BurstId) {
    await this.#deps.groups.own(viewer, groupId)
    const answer = await this.#deps.engine.renewTalk({ groupId, sessionId: viewer.sessionId, connectionId, burstId })
    if (answer.renewed) this.#talks(viewer.sessionId, connectionId)
    return answer
  }

  async releaseTalk(viewer: Viewer, connectionId: ConnectionId | null, groupId: GroupId, requestId: string) {
    await this.#deps.groups.own(viewer, groupId)
    this.#talking.delete(viewer.sessionId)
    if (connectionId) this.#talking.delete(connectionId)
    return this.#deps.engine.releaseTalk({ groupId, sessionId: viewer.sessionId, requestId: validRequestId(requestId) })
  }

  /** By the group's manager, or an admin. */
  async revokeTalk(viewer: Viewer, groupId: GroupId, burstId: BurstId) {
    await this.#deps.groups.managed(viewer, groupId)
    return this.#deps.engine.revokeTalk({ groupId, burstId, by: asAsker(viewer, null).person })
  }

  /** By the group's manager, or an admin. Kept in the engine: a new epoch forgets it. */
  async muteMember(viewer: Viewer, groupId: GroupId, userId: UserId, durationMs: number): Promise<Outcome<UserId>> {
    await this.#deps.groups.managed(viewer, groupId)
    if (durationMs < MUTE_MS.least || durationMs > MUTE_MS.most)
      return refused('INVALID_VALUE', ['input', 'durationMs'], `A mute lasts ${MUTE_MS.least} to ${MUTE_MS.most} ms.`)
    if (!(await this.#deps.groups.hasMember(groupId, userId))) return notAMember
    await this.#deps.engine.muteMember({ groupId, userId, durationMs, by: asAsker(viewer, null).person })
    return { done: userId, userErrors: [] }
  }

  async unmuteMember(viewer: Viewer, groupId: GroupId, userId: UserId): Promise<Outcome<UserId>> {
    await this.#deps.groups.managed(viewer, groupId)
    if (!(await this.#deps.groups.hasMember(groupId, userId))) return notAMember
    await this.#deps.engine.unmuteMember({ groupId, userId })
    return { done: userId, userErrors: [] }
  }

  async mutedUntil(groupId: GroupId): Promise<ReadonlyMap<UserId, number>> {
    return this.#deps.engine.mutedUntil(groupId)
  }

  async floor(viewer: Viewer, groupId: GroupId): Promise<Floor> {
    await this.#deps.groups.visible(viewer, groupId)
    return this.floorOf(groupId)
  }

  /** For who sees the group already, if only for the last time. */
  async floorOf(groupId: GroupId): Promise<Floor> {
    const { snapshot } = await this.#deps.engine.floorLog.read(groupId)
    return snapshot
  }

  watch(viewer: Viewer, groupId: GroupId, after: Position | undefined): Promise<Stream<FloorEvent, Floor>> {
    return watchGroup(this.#deps, this.#deps.engine.floorLog, viewer, groupId, after, { tellsItsEnd: true })
  }

  async hearMessages(viewer: Viewer, groupId: GroupId): Promise<Feed<FloorMessage>> {
    const { groups, streams, engine } = this.#deps
    await groups.own(viewer, groupId)
    const messages = await openMessages(engine, groupId, viewer.sessionId)
    return guarded(streams, messages, () => groups.lostRight(viewer.sessionId, groupId, { asMember: true }))
  }
}

const notAMember = refused('NOT_A_MEMBER', ['input', 'userId'], 'This user is not a member.')

/** A manager has HIGH in the own group, whatever the membership says. */
const highestPriority = ({ role, priority }: MemberStanding): FloorPriority => (role === 'GROUP_MANAGER' ? 'HIGH' : priority)

const lower = (one: FloorPriority, other: FloorPriority): FloorPriority => (RANKS.indexOf(one) < RANKS.indexOf(other) ? one : other)

function validRequestId(value: string): RequestId {
  if (!REQUEST_ID.test(value)) throw badInput(['input', 'requestId'], 'A requestId has 1 to 64 characters of A-Z, a-z, 0-9, _ and -.')
  return value as RequestId
}
