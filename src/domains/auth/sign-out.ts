import type { Database } from '../../database/client.ts'
import type { SessionId, UserId } from '../../ids.ts'
import type { RealtimeEngine } from '../../realtime/engine.ts'
import type { Standing } from './standing.ts'

export interface SignOutDeps {
  readonly db: Database
  readonly standing: Standing
  readonly engine: RealtimeEngine
}

/** Which of a user's sessions end: one, all but one, or all. */
export type Sessions = { readonly only: SessionId } | { readonly except: SessionId } | 'all'

/** Ends sessions: in the database, then in what is known of them, by which their streams and sockets end, then burst and presence. */
export class SignOut {
  readonly #deps: SignOutDeps

  constructor(deps: SignOutDeps) {
    this.#deps = deps
  }

  /** Answers how many ended. */
  async end(userId: UserId, sessions: Sessions): Promise<number> {
    const ended = await this.#deps.db.session.updateManyAndReturn({
      where: { userId, revokedAt: null, ...idFilter(sessions) },
      data: { revokedAt: new Date() },
      select: { id: true },
    })
    await this.takeEffect(
      userId,
      ended.map(({ id }) => id as SessionId),
    )
    return ended.length
  }

  /** For sessions that were ended in the database together with something else. */
  async takeEffect(userId: UserId, sessionIds: readonly SessionId[]): Promise<void> {
    const { standing, engine } = this.#deps
    await Promise.all(sessionIds.map((sessionId) => standing.sessionChanged(sessionId)))
    await Promise.all(sessionIds.map((sessionId) => engine.evict({ userId, sessionId, reason: 'SESSION_REVOKED' })))
  }
}

function idFilter(sessions: Sessions) {
  if (sessions === 'all') return {}
  return { id: 'only' in sessions ? sessions.only : { not: sessions.except } }
}
