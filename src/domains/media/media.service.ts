import type { GroupId, SessionId, UserId } from '../../ids.ts'
import type { MediaServer } from '../../integrations/livekit/media-server.ts'
import type { Viewer } from '../auth/auth.service.ts'

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

/** One identity per device session: a second watch of the same user does not push the first out of the room. */
export const mediaIdentity = (userId: UserId, sessionId: SessionId) => `${userId}:${sessionId}`

export interface MediaDeps {
  /** Null: none is configured, and this is not the place for tokens of the development server. */
  readonly server: MediaServer | null
  /** Part of every room's name: a token of one deployment opens no room of another with the same keys. */
  readonly environment: string
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
    const { server, environment } = this.#deps
    if (!server) return null
    const room = `${environment}:${groupId}`
    const identity = mediaIdentity(viewer.id, viewer.sessionId)
    const expiresAt = new Date(Date.now() + ttlMs)
    const token = await server.mintToken({ room, identity, displayName: viewer.displayName, canPublish, ttlMs })
    return { state: server.state, url: server.url, room, identity, token, expiresAt }
  }
}
