import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../../database/client.ts'
import { badInput, Refusal } from '../../errors.ts'
import { newId, type SessionId, type UserId } from '../../ids.ts'
import { name } from '../../input.ts'
import type { Asker } from '../../realtime/engine.ts'
import type { AccessTokens } from './access-tokens.ts'
import { verifyPassword } from './passwords.ts'
import type { Standing, UserStanding } from './standing.ts'

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
const LONGEST_PASSWORD = 128

export interface AuthDeps {
  readonly db: Database
  readonly standing: Standing
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
    return this.#openSession(user.id as UserId, deviceName)
  }

  /** Who holds this access token, as things stand now. Throws UNAUTHENTICATED, or SESSION_REVOKED for a device that was signed out. */
  async viewer(accessToken: string): Promise<Viewer> {
    const { sessionId } = await this.#deps.accessTokens.verify(accessToken)
    return this.viewerOfSession(sessionId)
  }

  /** The same for a socket, which proved its session when it was opened. */
  viewerOfSession(sessionId: SessionId): Viewer {
    const user = this.#deps.standing.sessionUser(sessionId)
    if (!user) throw new Refusal('SESSION_REVOKED')
    return { ...user, sessionId }
  }

  async #openSession(userId: UserId, deviceName: string): Promise<SignIn> {
    const { db, standing, accessTokens } = this.#deps
    const sessionId = newId<SessionId>()
    const refreshToken = randomBytes(32).toString('base64url')
    const refreshTokenHash = createHash('sha256').update(refreshToken).digest('base64url')
    const expiresAt = new Date(Date.now() + SESSION_LIFETIME_MS)
    await db.session.create({ data: { id: sessionId, userId, deviceName, refreshTokenHash, expiresAt } })
    await standing.sessionChanged(sessionId)
    const { token, expiresAt: accessTokenExpiresAt } = await accessTokens.mint({ userId, sessionId })
    return { accessToken: token, accessTokenExpiresAt, refreshToken, sessionId, userId }
  }

  async #userNamed(username: string) {
    const [user] = await this.#deps.db.$queryRaw<{ id: string; passwordHash: string; disabledAt: Date | null }[]>`
      SELECT "id", "passwordHash", "disabledAt" FROM "User" WHERE lower("username") = lower(${username}) AND "deletedAt" IS NULL`
    return user
  }
}

/** The viewer as the real-time engine knows a device. */
export const asAsker = ({ id, username, displayName, sessionId }: Viewer, connectionId: Asker['connectionId']): Asker => ({
  person: { id, username, displayName },
  sessionId,
  connectionId,
})
