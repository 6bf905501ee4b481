import type { Client } from '../client.ts'
import type { AuditTrail } from '../database/audit-trail.ts'
import type { Database } from '../database/client.ts'
import type { AuthService, Viewer } from '../domains/auth/auth.service.ts'
import type { PairingService } from '../domains/auth/pairing.service.ts'
import type { SecondFactorService } from '../domains/auth/second-factor.service.ts'
import type { FloorService } from '../domains/floor/floor.service.ts'
import type { GroupsService } from '../domains/groups/groups.service.ts'
import type { HistoryService } from '../domains/history/history.service.ts'
import type { MediaService } from '../domains/media/media.service.ts'
import type { PresenceService } from '../domains/presence/presence.service.ts'
import type { UsersService } from '../domains/users/users.service.ts'
import { Refusal } from '../errors.ts'
import type { ConnectionId } from '../ids.ts'
import type { Connection } from './connection.ts'

/** What resolvers call: one service for each domain, and the database for reads. */
export interface Services {
  readonly db: Database
  readonly audit: AuditTrail
  readonly auth: AuthService
  readonly secondFactor: SecondFactorService
  readonly pairing: PairingService
  readonly users: UsersService
  readonly groups: GroupsService
  readonly presence: PresenceService
  readonly floor: FloorService
  readonly media: MediaService
  readonly history: HistoryService
}

/** Who asks: a signed-in device, or nobody, and then why if a token was sent. A bad token is only refused where signing in matters. */
export type Identity = { readonly viewer: Viewer; readonly refusal: null } | { readonly viewer: null; readonly refusal: Refusal | null }

/** Who asks, and until when the access token that says so is good: milliseconds since 1970, null without one. */
export type Identified = Identity & { readonly tokenExpiresAt: number | null }

/** One operation. The same for POST, streams and WebSocket. */
export type Context = Services &
  Identity & {
    /** The socket, or the open HTTP stream; null for a plain POST. */
    readonly connectionId: ConnectionId | null
    /** The same, with how long it stays open. */
    readonly connection: Connection | null
    /** From where it came. */
    readonly client: Client
  }

const BEARER = /^Bearer (\S+)$/i

/** Who sent this `Authorization` value. Hearing from a device is a sign of its life. */
export async function identify({ auth, presence }: Services, authorization: string | null): Promise<Identified> {
  if (authorization === null) return { viewer: null, refusal: null, tokenExpiresAt: null }
  try {
    const token = BEARER.exec(authorization)?.[1]
    if (!token) throw new Refusal('UNAUTHENTICATED')
    const { sessionId, expiresAt } = await auth.verify(token)
    const viewer = await auth.viewerOfSession(sessionId)
    presence.signOfLife(sessionId)
    return { viewer, refusal: null, tokenExpiresAt: expiresAt }
  } catch (error) {
    if (error instanceof Refusal) return { viewer: null, refusal: error, tokenExpiresAt: null }
    throw error
  }
}

/** Who asks; refuses who is not signed in. */
export function viewerOf({ viewer, refusal }: Identity): Viewer {
  if (!viewer) throw refusal ?? new Refusal('UNAUTHENTICATED')
  return viewer
}

/** Who asks; refuses who is no admin, or not yet. */
export function adminOf(identity: Identity): Viewer {
  const viewer = viewerOf(identity)
  if (viewer.systemRole === 'ADMIN') return viewer
  const sentence = 'An admin sets up a second factor before anything else: startTotp, then confirmTotp.'
  throw new Refusal('FORBIDDEN', viewer.lacksSecondFactor ? { sentence } : {})
}
