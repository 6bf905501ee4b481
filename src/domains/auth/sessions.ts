import { randomBytes } from 'node:crypto'
import { Prisma } from '../../../prisma/generated/client/client.ts'
import type { Client } from '../../client.ts'
import { note } from '../../database/audit-log.ts'
import { append } from '../../database/change-log.ts'
import type { Database } from '../../database/client.ts'
import { Refusal } from '../../errors.ts'
import { newId, type SessionId, type UserId } from '../../ids.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { RefreshClaims, RefreshTokens } from './refresh-tokens.ts'
import type { Rights } from './rights.ts'
import { endSessions } from './sign-out.ts'

/** What a device has that signed in. */
export interface SignIn {
  readonly accessToken: string
  readonly accessTokenExpiresAt: Date
  readonly refreshToken: string
  readonly sessionId: SessionId
  readonly userId: UserId
}

export interface SessionsDeps {
  readonly db: Database
  readonly rights: Rights
  readonly accessTokens: AccessTokens
  readonly refreshTokens: RefreshTokens
}

type Transaction = Prisma.TransactionClient

/** Without a refresh a session lasts so long, and with refreshes so long at most. */
const IDLE = '30 days'
const LONGEST = '90 days'
/** A device that did not hear the answer asks again within this. */
const RETRY_WITHIN = '60 seconds'
const SALT_BYTES = 32

/** Of the session and its owner: neither has ended. */
const standing = Prisma.sql`session."revokedAt" IS NULL AND session."expiresAt" > now() AND owner."disabledAt" IS NULL AND owner."deletedAt" IS NULL`

/** Signed-in devices: how a session begins, and how it goes on by refresh tokens that are good for one use each. */
export class Sessions {
  readonly #deps: SessionsDeps

  constructor(deps: SessionsDeps) {
    this.#deps = deps
  }

  /** Opens a session for who has proved to be this user, as a part of a change of rights. Good once that is committed. */
  async open(tx: Transaction, session: { userId: UserId; deviceName: string; client: Client }): Promise<SignIn> {
    const { userId, deviceName, client } = session
    const sessionId = newId<SessionId>()
    const refreshSalt = randomBytes(SALT_BYTES).toString('base64url')
    await tx.$executeRaw`
      INSERT INTO "Session" ("id", "userId", "deviceName", "refreshSalt", "refreshNumber", "address", "userAgent", "expiresAt")
      VALUES (${sessionId}::uuid, ${userId}::uuid, ${deviceName}, ${refreshSalt}, 1, ${client.address}, ${client.userAgent},
        now() + ${IDLE}::text::interval)`
    await append(tx, [{ kind: 'SESSION', userId, sessionId }], { owed: false })
    return this.#signIn(userId, { sessionId, number: 1 }, refreshSalt)
  }

  /**
   * Gives the next tokens for a refresh token. The one before is good for a little while longer, for the same next one: the answer may have
   * been lost. One that comes back after its successor was used is in somebody else's hands, or its successor is: the session ends.
   */
  async refresh(token: string, client: Client): Promise<SignIn> {
    const { db, rights, refreshTokens } = this.#deps
    const claims = refreshTokens.read(token)
    const session =
      claims && (await db.session.findUnique({ where: { id: claims.sessionId }, select: { userId: true, refreshSalt: true } }))
    if (!claims || !session || !refreshTokens.isGenuine(claims, session.refreshSalt)) throw new Refusal('INVALID_REFRESH_TOKEN')
    const userId = session.userId as UserId
    const number = await rights.change((tx) => step(tx, userId, claims, client))
    if (number === 'REUSED') throw new Refusal('REFRESH_TOKEN_REUSED')
    return this.#signIn(userId, { sessionId: claims.sessionId, number }, session.refreshSalt)
  }

  async #signIn(userId: UserId, claims: RefreshClaims, salt: string): Promise<SignIn> {
    const { accessTokens, refreshTokens } = this.#deps
    const { sessionId } = claims
    const { token, expiresAt } = await accessTokens.mint({ userId, sessionId })
    return { accessToken: token, accessTokenExpiresAt: expiresAt, refreshToken: refreshTokens.make(claims, salt), sessionId, userId }
  }
}

/** The number of the refresh token that follows this genuine one, by PostgreSQL's clock, which all instances share. */
async function step(tx: Transaction, userId: UserId, { sessionId, number }: RefreshClaims, client: Client): Promise<number | 'REUSED'> {
  // Of two at once the second waits here for the first, finds that the number has moved on, and is a retry.
  const moved = await tx.$executeRaw`
    UPDATE "Session" AS session SET "refreshNumber" = session."refreshNumber" + 1, "refreshedAt" = now(), "lastUsedAt" = now(),
      "expiresAt" = LEAST(now() + ${IDLE}::text::interval, session."createdAt" + ${LONGEST}::text::interval),
      "address" = ${client.address}, "userAgent" = ${client.userAgent}
    FROM "User" AS owner
    WHERE session."id" = ${sessionId}::uuid AND session."refreshNumber" = ${number} AND owner."id" = session."userId" AND ${standing}`
  if (moved > 0) {
    await append(tx, [{ kind: 'SESSION', userId, sessionId }], { owed: false })
    return number + 1
  }
  const [session] = await tx.$queryRaw<{ number: number; isRetry: boolean }[]>`
    SELECT session."refreshNumber" AS "number", session."refreshedAt" > now() - ${RETRY_WITHIN}::text::interval AS "isRetry"
    FROM "Session" AS session JOIN "User" AS owner ON owner."id" = session."userId"
    WHERE session."id" = ${sessionId}::uuid AND ${standing}`
  if (!session || session.number <= number) throw new Refusal('INVALID_REFRESH_TOKEN')
  const isBefore = session.number === number + 1
  if (isBefore && session.isRetry) return session.number
  // Late, but nobody used its successor: nothing shows that it is in other hands, and it opens nothing.
  if (isBefore) throw new Refusal('INVALID_REFRESH_TOKEN')
  if ((await endSessions(tx, userId, { only: sessionId })) > 0)
    await note(tx, {
      action: 'REFRESH_TOKEN_REUSED',
      outcome: 'REFRESH_TOKEN_REUSED',
      actor: { userId: null, sessionId: null, address: client.address },
      target: { kind: 'SESSION', id: sessionId },
      details: { number, expected: session.number },
    })
  return 'REUSED'
}
