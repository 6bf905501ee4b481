import { createHash, randomBytes } from 'node:crypto'
import { append } from '../../database/change-log.ts'
import type { Database } from '../../database/client.ts'
import { badInput, Refusal } from '../../errors.ts'
import { newId, type SessionId, type UserId } from '../../ids.ts'
import { name } from '../../input.ts'
import type { Asker } from '../../realtime/engine.ts'
import { type Outcome, refused } from '../outcome.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { UserStanding } from './facts.ts'
import { hashPassword, LONGEST_PASSWORD, verifyPassword, weakness } from './passwords.ts'
import type { Rights } from './rights.ts'
import { endSessions } from './sign-out.ts'
import type { Standing } from './standing.ts'

/** A device that proved who it is. */
export interface Viewer extends UserStanding {
  readonly sessionId: SessionId
}

export interface SignIn {
  readonly accessToken: string
  readonly accessTokenExpiresAt: Date
  readonly refreshToken: string
  readonly sessionId: SessionId
  readonly userId: UserId
}

/** The password of the demo people, who exist only where nobody but this machine can reach them. */
export const DEMO_PASSWORD = 'push-to-talk'

const SESSION_LIFETIME_MS = 30 * 24 * 60 * 60_000

export interface AuthDeps {
  readonly db: Database
  readonly standing: Standing
  readonly rights: Rights
  readonly accessTokens: AccessTokens
  /** Whether the demo password opens anything here. */
  readonly demo: boolean
}

export class AuthService {
  readonly #deps: AuthDeps

  constructor(deps: AuthDeps) {
    this.#deps = deps
  }

  /** Signs a device in. Unknown, wrong and disabled answer the same, after the same work. */
  async login(input: { username: string; password: string; deviceName: string | null }): Promise<SignIn> {
    const deviceName = name(input.deviceName ?? 'Unnamed device', ['input', 'deviceName'])
    const username = name(input.username, ['input', 'username'])
    if (input.password.length > LONGEST_PASSWORD)
      throw badInput(['input', 'password'], `A password has at most ${LONGEST_PASSWORD} characters.`)
    const user = await this.#userNamed(username)
    const right = await verifyPassword(input.password, user?.passwordHash ?? null)
    const demoWhereThereIsNone = input.password === DEMO_PASSWORD && !this.#deps.demo
    if (!user || !right || user.disabledAt || demoWhereThereIsNone) throw new Refusal('INVALID_CREDENTIALS')
    return this.#openSession(user.id as UserId, user.passwordHash, deviceName)
  }

  /** Who holds this access token, as things stand now. Throws UNAUTHENTICATED, or SESSION_REVOKED for a device that was signed out. */
  async viewer(accessToken: string): Promise<Viewer> {
    const { sessionId } = await this.#deps.accessTokens.verify(accessToken)
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
  async refreshSession(refreshToken: string): Promise<SignIn> {
    const next = newRefreshToken()
    const used = {
      refreshTokenHash: hashOf(refreshToken),
      revokedAt: null,
      expiresAt: { gt: new Date() },
      user: { disabledAt: null, deletedAt: null },
    }
    const { userId, sessionId } = await this.#deps.rights.change(async (tx) => {
      const [session] = await tx.session.updateManyAndReturn({
        where: used,
        data: { refreshTokenHash: next.hash, lastUsedAt: new Date(), expiresAt: sessionEnd() },
        select: { id: true, userId: true },
      })
      if (!session) throw new Refusal('INVALID_REFRESH_TOKEN')
      const whose = { userId: session.userId as UserId, sessionId: session.id as SessionId }
      await append(tx, [{ kind: 'SESSION', ...whose }], { owed: false })
      return whose
    })
    return this.#signIn(userId, sessionId, next.token)
  }

  /** Signs out one of one's own devices; another's does not exist for oneself. */
  async revokeSession(viewer: Viewer, sessionId: SessionId): Promise<void> {
    const ended = await this.#deps.rights.change((tx) => endSessions(tx, viewer.id, { only: sessionId }))
    if (ended === 0) throw new Refusal('NOT_FOUND', { field: ['input', 'sessionId'] })
  }

  async revokeOtherSessions(viewer: Viewer): Promise<number> {
    return this.#deps.rights.change((tx) => endSessions(tx, viewer.id, { except: viewer.sessionId }))
  }

  /** Whoever knew the old password is signed out, but for this device. */
  async changePassword(viewer: Viewer, current: string, next: string): Promise<Outcome<UserId>> {
    const { db, rights } = this.#deps
    const { passwordHash } = await db.user.findUniqueOrThrow({ where: { id: viewer.id }, select: { passwordHash: true } })
    if (current.length > LONGEST_PASSWORD || !(await verifyPassword(current, passwordHash)))
      throw new Refusal('INVALID_CREDENTIALS', { sentence: 'The current password is wrong.', field: ['input', 'currentPassword'] })
    const weak = weakness(next)
    if (weak) return refused('WEAK_PASSWORD', ['input', 'newPassword'], weak)
    const hashed = await hashPassword(next)
    return rights.change(async (tx) => {
      const { count } = await tx.user.updateMany({ where: { id: viewer.id, passwordHash }, data: { passwordHash: hashed } })
      if (count === 0) throw new Refusal('INVALID_CREDENTIALS', { sentence: 'The password was changed meanwhile.' })
      await endSessions(tx, viewer.id, { except: viewer.sessionId })
      return { done: viewer.id, userErrors: [] }
    })
  }

  /** Only if the account is still what the password was checked against: it may have been disabled, or its password replaced, meanwhile. */
  async #openSession(userId: UserId, passwordHash: string, deviceName: string): Promise<SignIn> {
    const id = newId<SessionId>()
    const refresh = newRefreshToken()
    await this.#deps.rights.change(async (tx) => {
      const unchanged = await tx.$queryRaw<unknown[]>`
        SELECT 1 FROM "User" WHERE "id" = ${userId}::uuid AND "passwordHash" = ${passwordHash}
          AND "disabledAt" IS NULL AND "deletedAt" IS NULL FOR SHARE`
      if (unchanged.length === 0) throw new Refusal('INVALID_CREDENTIALS')
      await tx.session.create({ data: { id, userId, deviceName, refreshTokenHash: refresh.hash, expiresAt: sessionEnd() } })
      await append(tx, [{ kind: 'SESSION', userId, sessionId: id }], { owed: false })
    })
    return this.#signIn(userId, id, refresh.token)
  }

  async #signIn(userId: UserId, sessionId: SessionId, refreshToken: string): Promise<SignIn> {
    const { token, expiresAt } = await this.#deps.accessTokens.mint({ userId, sessionId })
    return { accessToken: token, accessTokenExpiresAt: expiresAt, refreshToken, sessionId, userId }
  }

  async #userNamed(username: string) {
    const [user] = await this.#deps.db.$queryRaw<{ id: string; passwordHash: string; disabledAt: Date | null }[]>`
      SELECT "id", "passwordHash", "disabledAt" FROM "User" WHERE lower("username") = lower(${username}) AND "deletedAt" IS NULL`
    return user
  }
}

const sessionEnd = () => new Date(Date.now() + SESSION_LIFETIME_MS)

/** 256 random bits, of which the database learns the hash alone. */
function newRefreshToken() {
  const token = randomBytes(32).toString('base64url')
  return { token, hash: hashOf(token) }
}

const hashOf = (token: string) => createHash('sha256').update(token).digest('base64url')

/** The viewer as the real-time engine knows a device. */
export const asAsker = ({ id, username, displayName, sessionId }: Viewer, connectionId: Asker['connectionId']): Asker => ({
  person: { id, username, displayName },
  sessionId,
  connectionId,
})
