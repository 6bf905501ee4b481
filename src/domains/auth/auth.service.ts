import type { Client } from '../../client.ts'
import { note } from '../../database/audit-log.ts'
import type { Database } from '../../database/client.ts'
import { Refusal } from '../../errors.ts'
import type { SessionId, UserId } from '../../ids.ts'
import type { Asker } from '../../realtime/engine.ts'
import { type Outcome, refused } from '../outcome.ts'
import type { AccessTokens, VerifiedToken } from './access-tokens.ts'
import { actorOf } from './actor.ts'
import type { UserStanding } from './facts.ts'
import { type Counted, guess, type Limits } from './limits.ts'
import type { Caller, LoginInput, PasswordLogin } from './password-login.ts'
import { isTooLong, type PasswordRules } from './password-rules.ts'
import { hashPassword, verifyPassword } from './passwords.ts'
import type { Rights } from './rights.ts'
import type { Sessions, SignIn } from './sessions.ts'
import { type Ended, endSessions } from './sign-out.ts'
import type { Standing } from './standing.ts'

/** A device that proved who it is. */
export interface Viewer extends UserStanding {
  readonly sessionId: SessionId
}

/** A signed-in device, and from where it asks. */
export interface SignedIn {
  readonly viewer: Viewer
  readonly client: Client
}

export interface AuthDeps {
  readonly db: Database
  readonly standing: Standing
  readonly rights: Rights
  readonly accessTokens: AccessTokens
  readonly sessions: Sessions
  readonly passwordLogin: PasswordLogin
  readonly limits: Limits
  readonly passwordRules: PasswordRules
}

/** Who asks, and what people do to their own sessions and passwords. */
export class AuthService {
  readonly #deps: AuthDeps

  constructor(deps: AuthDeps) {
    this.#deps = deps
  }

  /** Signs a device in. Unknown, wrong and disabled answer the same, after the same work. */
  login(input: LoginInput, caller: Caller): Promise<SignIn> {
    return this.#deps.passwordLogin.login(input, caller)
  }

  /** What a valid access token says; UNAUTHENTICATED for any other. Whether its session stands is not asked. */
  verify(accessToken: string): Promise<VerifiedToken> {
    return this.#deps.accessTokens.verify(accessToken)
  }

  /** Who holds this access token, as things stand now. Throws UNAUTHENTICATED, or SESSION_REVOKED for a device that was signed out. */
  async viewer(accessToken: string): Promise<Viewer> {
    const { sessionId } = await this.verify(accessToken)
    return this.viewerOfSession(sessionId)
  }

  /** The same for a socket, which proved its session when it was opened. At once for a session that is known here. */
  viewerOfSession(sessionId: SessionId): Viewer | Promise<Viewer> {
    return this.#known(sessionId) ?? this.#learnOf(sessionId)
  }

  #known(sessionId: SessionId): Viewer | null {
    const user = this.#deps.standing.sessionUser(sessionId)
    return user ? { ...user, sessionId } : null
  }

  /** It may have signed in elsewhere a moment ago. While that cannot be found out nobody is told to forget the tokens. */
  async #learnOf(sessionId: SessionId): Promise<Viewer> {
    const isUpToDate = await this.#deps.standing.isUpToDate()
    const viewer = this.#known(sessionId)
    if (viewer) return viewer
    throw new Refusal(isUpToDate ? 'SESSION_REVOKED' : 'SERVICE_UNAVAILABLE')
  }

  isSignedIn(sessionId: SessionId): boolean {
    return this.#deps.standing.sessionUser(sessionId) !== undefined
  }

  /** Gives the next pair of tokens for a refresh token, which is used up by that. */
  refreshSession(refreshToken: string, client: Client): Promise<SignIn> {
    return this.#deps.sessions.refresh(refreshToken, client)
  }

  /** Signs out one of one's own devices; another's does not exist for oneself. */
  async revokeSession(by: SignedIn, sessionId: SessionId): Promise<void> {
    const ended = await this.#end(by, { only: sessionId })
    if (ended === 0) throw new Refusal('NOT_FOUND')
  }

  async revokeOtherSessions(by: SignedIn): Promise<void> {
    await this.#end(by, { except: by.viewer.sessionId })
  }

  #end(by: SignedIn, which: Exclude<Ended, 'all'>): Promise<number> {
    const { id } = by.viewer
    return this.#deps.rights.change(async (tx) => {
      const sessionsEnded = await endSessions(tx, id, which)
      const what =
        'only' in which
          ? ({ action: 'SESSION_REVOKED', target: { kind: 'SESSION', id: which.only } } as const)
          : ({ action: 'OTHER_SESSIONS_REVOKED', target: { kind: 'USER', id }, details: { sessionsEnded } } as const)
      if (sessionsEnded > 0) await note(tx, { ...what, actor: actorOf(by) })
      return sessionsEnded
    })
  }

  /** Whoever knew the old password is signed out, but for this device. */
  async changePassword(by: SignedIn, current: string, next: string): Promise<Outcome<UserId>> {
    const { db, rights, passwordRules } = this.#deps
    const { id, sessionId } = by.viewer
    const select = { passwordHash: true, username: true, displayName: true, totpSince: true } as const
    const { passwordHash, ...owner } = await db.user.findUniqueOrThrow({ where: { id }, select })
    if (!(await this.#knows(sessionId, current, passwordHash)))
      throw new Refusal('INVALID_CREDENTIALS', { sentence: 'The current password is wrong.', field: ['input', 'currentPassword'] })
    const weak = passwordRules.weakness(next, owner)
    if (weak) return refused('WEAK_PASSWORD', ['input', 'newPassword'], weak)
    const hashed = await hashPassword(next)
    return rights.change(async (tx) => {
      const { count } = await tx.user.updateMany({ where: { id, passwordHash }, data: { passwordHash: hashed } })
      if (count === 0) throw new Refusal('INVALID_CREDENTIALS', { sentence: 'The password was changed meanwhile.' })
      const sessionsEnded = await endSessions(tx, id, { except: sessionId })
      await note(tx, { action: 'PASSWORD_CHANGED', actor: actorOf(by), target: { kind: 'USER', id }, details: { sessionsEnded } })
      return { done: id, userErrors: [] }
    })
  }

  /** Whoever took a signed-in device does not get to guess its user's password without end. */
  async #knows(sessionId: SessionId, password: string, passwordHash: string): Promise<boolean> {
    const counted: Counted[] = [[this.#deps.limits.of('PASSWORD_ON_DEVICE'), sessionId]]
    return !isTooLong(password) && verifyPassword(password, passwordHash, (check) => guess(counted, check))
  }
}

/** The viewer as the real-time engine knows a device. */
export const asAsker = ({ id, username, displayName, sessionId }: Viewer, connectionId: Asker['connectionId']): Asker => ({
  person: { id, username, displayName },
  sessionId,
  connectionId,
})
