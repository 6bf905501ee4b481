import { LRUCache } from 'lru-cache'
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
import type { Joined } from './joined.ts'

export interface PresenceDeps {
  readonly engine: RealtimeEngine
  readonly groups: GroupsService
  readonly streams: OpenStreams
  readonly joined: Joined
  readonly log: Logger
}

export class PresenceService {
  readonly #deps: PresenceDeps

  /** From whom a sign of life was noted just now: a lease lasts many times as long. */
  readonly #heardLately = new LRUCache<SessionId, true>({ max: 20_000, ttl: 1_000, ttlResolution: 100 })

  constructor(deps: PresenceDeps) {
    this.#deps = deps
  }

  async joinGroup(viewer: Viewer, connectionId: ConnectionId | null, groupId: GroupId): Promise<Floor> {
    await this.#deps.groups.own(viewer, groupId)
    const floor = await this.#deps.engine.joinGroup({ ...asAsker(viewer, connectionId), groupId })
    // Deleted after the check above.
    if (floor.state === 'CLOSED') throw new Refusal('GROUP_CLOSED')
    this.#deps.joined.add(viewer.sessionId)
    return floor
  }

  async leaveGroup(viewer: Viewer, groupId: GroupId): Promise<Floor> {
    await this.#deps.groups.own(viewer, groupId)
    return this.#deps.engine.leaveGroup({ groupId, sessionId: viewer.sessionId })
  }

  /** Renews the device's presence where it is present; groups it is not in, or does not see, are left out of the answer. */
  async heartbeat(viewer: Viewer, groupIds: readonly GroupId[]): Promise<GroupId[]> {
    idList(groupIds, ['input', 'groupIds'])
    return this.#deps.engine.heartbeat({ sessionId: viewer.sessionId, groupIds })
  }

  /** Something was received from the device, whatever it was. Nobody waits for this to be noted, and not each of many is. */
  signOfLife(sessionId: SessionId): void {
    if (this.#heardLately.has(sessionId)) return
    this.#heardLately.set(sessionId, true)
    this.#unawaited(this.#heard(sessionId))
  }

  async #heard(sessionId: SessionId) {
    const presentIn = await this.#deps.engine.heartbeat({ sessionId })
    if (presentIn.length > 0) this.#deps.joined.confirm(sessionId)
  }

  /** Whether the device is present somewhere, as far as is known: then it must be heard of often enough. */
  isJoined(sessionId: SessionId): boolean {
    return this.#deps.joined.has(sessionId)
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

/** What ended by a group's deletion is told before its streams end; it may still be on its way from the engine. */
const LAST_WORDS_MS = 750
/** Who watches a floor hears CLOSED, which may take its turn behind thousands, and ends the stream. This is for when it does not come. */
const CLOSED_WITHIN_MS = 5_000

/** Opens a stream of a group's events for who may see the group, and ends it when that right ends. */
export async function watchGroup<Event extends Position & { readonly kind: string }, Snapshot extends Position>(
  { groups, streams }: Pick<PresenceDeps, 'groups' | 'streams'>,
  log: Parameters<typeof openStream<Event, Snapshot>>[0],
  viewer: Viewer,
  groupId: GroupId,
  after: Position | undefined,
  { tellsItsEnd }: { readonly tellsItsEnd: boolean },
): Promise<Stream<Event, Snapshot>> {
  await groups.visible(viewer, groupId)
  const stream = await openStream(log, groupId, after)
  const lost = () => groups.lostRight(viewer.sessionId, groupId, { asMember: false })
  return guarded(streams, stream, lost, tellsItsEnd ? CLOSED_WITHIN_MS : LAST_WORDS_MS)
}

/** Ends a stream when the right to it is lost. */
export function guarded<Opened extends Pick<Feed<unknown>, 'onEnd' | 'end'>>(
  streams: OpenStreams,
  stream: Opened,
  lost: () => RefusalCode | null,
  closedWithinMs = LAST_WORDS_MS,
): Opened {
  const end = (code: RefusalCode) => {
    if (code !== 'GROUP_CLOSED') return stream.end(code)
    const last = setTimeout(() => stream.end(code), closedWithinMs)
    stream.onEnd(() => clearTimeout(last))
  }
  stream.onEnd(streams.add({ lost, end }))
  // The right may have been lost while the stream was being opened and nobody could end it yet.
  const code = lost()
  if (code) stream.end(code)
  return stream
}
