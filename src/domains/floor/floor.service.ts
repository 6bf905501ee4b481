import { badInput, Refusal } from '../../errors.ts'
import { type BurstId, type ConnectionId, type GroupId, newId, type RequestId, type VoiceSessionId } from '../../ids.ts'
import type { RealtimeEngine, TalkAnswer } from '../../realtime/engine.ts'
import type { Floor, FloorEvent, Position } from '../../realtime/events.ts'
import type { OpenStreams } from '../../realtime/open-streams.ts'
import type { Stream } from '../../realtime/stream.ts'
import { asAsker, type Viewer } from '../auth/auth.service.ts'
import type { GroupsService } from '../groups/groups.service.ts'
import { watchGroup } from '../presence/presence.service.ts'

export interface FloorDeps {
  readonly engine: RealtimeEngine
  readonly groups: GroupsService
  readonly streams: OpenStreams
}

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/

/** Who may speak now. Rights are checked here, from memory; the engine decides between those who have them. */
export class FloorService {
  readonly #deps: FloorDeps

  constructor(deps: FloorDeps) {
    this.#deps = deps
  }

  async requestTalk(viewer: Viewer, connectionId: ConnectionId | null, groupId: GroupId, requestId: string): Promise<TalkAnswer> {
    const { group, member } = this.#deps.groups.own(viewer, groupId)
    return this.#deps.engine.requestTalk({
      ...asAsker(viewer, connectionId),
      group: { id: group.id, name: group.name },
      requestId: validRequestId(requestId),
      canTalk: member.canTalk,
      priority: member.priority,
      talkLimitMs: group.talkLimitMs,
      burstId: newId<BurstId>(),
      voiceSessionId: newId<VoiceSessionId>(),
    })
  }

  async renewTalk(viewer: Viewer, connectionId: ConnectionId | null, groupId: GroupId, burstId: BurstId) {
    this.#deps.groups.own(viewer, groupId)
    return this.#deps.engine.renewTalk({ groupId, sessionId: viewer.sessionId, connectionId, burstId })
  }

  async releaseTalk(viewer: Viewer, groupId: GroupId, requestId: string) {
    this.#deps.groups.own(viewer, groupId)
    return this.#deps.engine.releaseTalk({ groupId, sessionId: viewer.sessionId, requestId: validRequestId(requestId) })
  }

  /** By the group's manager, or an admin. */
  async revokeTalk(viewer: Viewer, groupId: GroupId, burstId: BurstId) {
    const { member } = this.#deps.groups.visible(viewer, groupId)
    if (member?.role !== 'GROUP_MANAGER' && viewer.systemRole !== 'ADMIN') throw new Refusal('FORBIDDEN')
    return this.#deps.engine.revokeTalk({ groupId, burstId, by: asAsker(viewer, null).person })
  }

  async floor(viewer: Viewer, groupId: GroupId): Promise<Floor> {
    this.#deps.groups.visible(viewer, groupId)
    const { snapshot } = await this.#deps.engine.floorLog.read(groupId)
    return snapshot
  }

  watch(viewer: Viewer, groupId: GroupId, after: Position | undefined): Promise<Stream<FloorEvent, Floor>> {
    return watchGroup(this.#deps, this.#deps.engine.floorLog, viewer, groupId, after)
  }
}

function validRequestId(value: string): RequestId {
  if (!REQUEST_ID.test(value)) throw badInput(['input', 'requestId'], 'A requestId has 1 to 64 characters of A-Z, a-z, 0-9, _ and -.')
  return value as RequestId
}
