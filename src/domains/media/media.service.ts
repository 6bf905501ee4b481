import type { GroupId } from '../../ids.ts'
import type { MediaServer } from '../../integrations/livekit/media-server.ts'
import type { Viewer } from '../auth/auth.service.ts'
import type { Breaker } from './breaker.ts'
import { mediaIdentity, type RoomNames } from './media-identity.ts'
import type { Roster } from './roster.ts'

/** How a device reaches the voice of a group. */
export interface MediaGrant {
  readonly state: 'READY' | 'JOIN_REQUIRED' | 'DEGRADED' | 'NONE'
  readonly url: string
  readonly room: string
  readonly identity: string
  readonly token: string
  readonly expiresAt: Date
}

/** Tokens matter at connecting only, so they need not live longer than it takes to connect. */
const PUBLISH_TOKEN_MS = 2 * 60_000
const LISTEN_TOKEN_MS = 10 * 60_000

export interface MediaDeps {
  /** Null: none is configured, and this is not the place for tokens of the development server. */
  readonly server: MediaServer | null
  readonly names: RoomNames
  readonly roster: Roster
  /** Null: there is no media server to ask. */
  readonly breaker: Breaker | null
}

export class MediaService {
  readonly #deps: MediaDeps

  constructor(deps: MediaDeps) {
    this.#deps = deps
  }

  listenGrant(viewer: Viewer, groupId: GroupId): Promise<MediaGrant | null> {
    return this.#grant(viewer, groupId, false, LISTEN_TOKEN_MS)
  }

  /** Publish rights for as long as the burst may last, and never for long. */
  talkGrant(viewer: Viewer, groupId: GroupId, remainingMs: number): Promise<MediaGrant | null> {
    return this.#grant(viewer, groupId, true, Math.min(PUBLISH_TOKEN_MS, remainingMs + 5_000))
  }

  async #grant(viewer: Viewer, groupId: GroupId, canPublish: boolean, ttlMs: number): Promise<MediaGrant | null> {
    const { server, names } = this.#deps
    if (!server) return null
    const room = names.of(groupId)
    const identity = mediaIdentity(viewer.id, viewer.sessionId)
    const expiresAt = new Date(Date.now() + ttlMs)
    const token = await server.mintToken({ room, identity, displayName: viewer.displayName, canPublish, ttlMs })
    return { state: this.#state(room, identity), url: server.url, room, identity, token, expiresAt }
  }

  #state(room: string, identity: string): MediaGrant['state'] {
    const { breaker, roster } = this.#deps
    if (!breaker) return 'NONE'
    if (breaker.isOpen) return 'DEGRADED'
    return roster.has(room, identity) ? 'READY' : 'JOIN_REQUIRED'
  }
}
