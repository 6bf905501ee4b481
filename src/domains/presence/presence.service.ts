import { Refusal, type RefusalCode } from '../../errors.ts'
import type { ConnectionId, GroupId, SessionId } from '../../ids.ts'
import { idList } from '../../input.ts'
import type { Logger } from '../../logger.ts'
import type { RealtimeEngine } from '../../realtime/engine.ts'
import type { Floor, Position, Presence, PresenceEvent } from '../../realtime/events.ts'
import type { Feed } from '../../realtime/feed.ts'
import type { OpenStreams } from '../../realtime/open-streams.ts'
import { openStream, type Stream } from '../../realtime/stream.ts'
import { asAsker, type Viewer } from '../auth/auth.service.ts'
import type { GroupsService } from '../groups/groups.service.ts'

export interface PresenceDeps {
  readonly engine: RealtimeEngine
  readonly groups: GroupsService
  readonly streams: OpenStreams
  readonly log: Logger
}

export class PresenceService {
  readonly #deps: PresenceDeps

  constructor(deps: PresenceDeps) {
    this.#deps = deps
  }

  async joinGroup(viewer: Viewer, connectionId: ConnectionId | null, groupId: GroupId): Promise<Floor> {
    this.#deps.groups.own(viewer, groupId)
    const floor = await this.#deps.engine.joinGroup({ ...asAsker(viewer, connectionId), groupId })
    // Deleted after the check above.
    if (floor.state === 'CLOSED') throw new Refusal('GROUP_CLOSED')
    return floor
  }

  async leaveGroup(viewer: Viewer, groupId: GroupId): Promise<Floor> {
    this.#deps.groups.own(viewer, groupId)
    return this.#deps.engine.leaveGroup({ groupId, sessionId: viewer.sessionId })
  }

  /** Renews the device's presence where it is present; groups it is not in, or does not see, are left out of the answer. */
  async heartbeat(viewer: Viewer, groupIds: readonly GroupId[]): Promise<GroupId[]> {
    idList(groupIds, ['input', 'groupIds'])
    return this.#deps.engine.heartbeat({ sessionId: viewer.sessionId, groupIds })
  }

  /** Something was received from the device, whatever it was. Nobody waits for this to be noted. */
  signOfLife(sessionId: SessionId): void {
    this.#unawaited(this.#deps.engine.heartbeat({ sessionId }))
  }

  /** What hangs on the connection lapses sooner, unless the device shows life another way. */
  connectionClosed(sessionId: SessionId, connectionId: ConnectionId): void {
    this.#unawaited(this.#deps.engine.connectionClosed({ sessionId, connectionId }))
  }

  #unawaited(noting: Promise<unknown>) {
    noting.catch((err: unknown) => this.#deps.log.warn({ err }, 'a sign of life, or its end, was not noted'))
  }

  watch(viewer: Viewer, groupId: GroupId, after: Position | undefined): Promise<Stream<PresenceEvent, Presence>> {
    return watchGroup(this.#deps, this.#deps.engine.presenceLog, viewer, groupId, after, { tellsItsEnd: false })
  }
}

/** Opens a stream of a group's events for who may see the group, and ends it when that right ends. */
export async function watchGroup<Event extends Position & { readonly kind: string }, Snapshot extends Position>(
  { groups, streams }: Pick<PresenceDeps, 'groups' | 'streams'>,
  log: Parameters<typeof openStream<Event, Snapshot>>[0],
  viewer: Viewer,
  groupId: GroupId,
  after: Position | undefined,
  { tellsItsEnd }: { readonly tellsItsEnd: boolean },
): Promise<Stream<Event, Snapshot>> {
  groups.visible(viewer, groupId)
  const stream = await openStream(log, groupId, after)
  const lost = () => groups.lostRight(viewer.sessionId, groupId, { asMember: false })
  // Who watches a floor hears CLOSED, which may take its turn behind thousands; the stream ends by that.
  const follows = () => (tellsItsEnd && lost() === 'GROUP_CLOSED' ? null : lost())
  return guarded(streams, stream, lost, follows)
}

/** Ends a stream when the right to it is lost. */
export function guarded<Opened extends Pick<Feed<unknown>, 'onEnd' | 'end'>>(
  streams: OpenStreams,
  stream: Opened,
  lost: () => RefusalCode | null,
  follows = lost,
): Opened {
  stream.onEnd(streams.add({ lost: follows, end: (code) => stream.end(code) }))
  // The right may have been lost while the stream was being opened and nobody could end it yet.
  const code = lost()
  if (code) stream.end(code)
  return stream
}
