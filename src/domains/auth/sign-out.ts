import type { Prisma } from '../../../prisma/generated/client/client.ts'
import { append } from '../../database/change-log.ts'
import type { SessionId, UserId } from '../../ids.ts'

/** Which of a user's sessions end: one, all but one, or all. */
export type Ended = { readonly only: SessionId } | { readonly except: SessionId } | 'all'

/**
 * Ends sessions, as a part of a change: their tokens, streams, sockets, bursts and presences end with it, everywhere. Answers how many ended.
 */
export async function endSessions(tx: Prisma.TransactionClient, userId: UserId, sessions: Ended): Promise<number> {
  // Whoever opens a session holds its user for share: that one is there by now, and ends too. An update that waited would not see it.
  await tx.$queryRaw`SELECT 1 FROM "User" WHERE "id" = ${userId}::uuid FOR NO KEY UPDATE`
  const ended = await tx.session.updateManyAndReturn({
    where: { userId, revokedAt: null, ...idFilter(sessions) },
    data: { revokedAt: new Date() },
    select: { id: true },
  })
  const changes = ended.map(({ id }) => ({ kind: 'SESSION' as const, userId, sessionId: id as SessionId }))
  await append(tx, changes, { owed: true })
  return ended.length
}

function idFilter(sessions: Ended) {
  if (sessions === 'all') return {}
  return { id: 'only' in sessions ? sessions.only : { not: sessions.except } }
}
