import type { Database } from '../../database/client.ts'
import type { GroupId, SessionId, UserId } from '../../ids.ts'
import type { FloorPriority } from '../../realtime/events.ts'

export interface UserStanding {
  readonly id: UserId
  readonly username: string
  readonly displayName: string
  /** What the user may do now: an admin who lacks the second factor that admins need here is a USER. */
  readonly systemRole: 'ADMIN' | 'USER'
  /** An admin but for that. */
  readonly lacksSecondFactor: boolean
}

export interface MemberStanding {
  readonly role: 'GROUP_MANAGER' | 'MEMBER'
  readonly canTalk: boolean
  readonly priority: FloorPriority
}

export interface GroupStanding {
  readonly id: GroupId
  readonly name: string
  readonly talkLimitMs: number
  readonly queueCapacity: number
  readonly preemptGraceMs: number
  readonly members: ReadonlyMap<UserId, MemberStanding>
}

export interface SessionStanding {
  readonly id: SessionId
  readonly userId: UserId
  readonly expiresAt: number
}

/** Those of these ids, or all. */
export type Which<Id extends string> = { readonly id?: { readonly in: Id[] } }

export async function readUsers(db: Database, where: Which<UserId>, adminsNeedTotp: boolean): Promise<Map<UserId, UserStanding>> {
  const users = await db.user.findMany({
    where: { ...where, deletedAt: null, disabledAt: null },
    select: { id: true, username: true, displayName: true, systemRole: true, totpSince: true },
  })
  return new Map(
    users.map(({ id, systemRole, totpSince, ...names }) => {
      const lacksSecondFactor = adminsNeedTotp && systemRole === 'ADMIN' && totpSince === null
      return [id as UserId, { id: id as UserId, ...names, systemRole: lacksSecondFactor ? 'USER' : systemRole, lacksSecondFactor }]
    }),
  )
}

export async function readGroups(db: Database, where: Which<GroupId>): Promise<Map<GroupId, GroupStanding>> {
  const members = { where: { deletedAt: null }, select: { userId: true, role: true, canTalk: true, priority: true } }
  const groups = await db.group.findMany({
    where: { ...where, deletedAt: null },
    select: { id: true, name: true, talkLimitMs: true, queueCapacity: true, preemptGraceMs: true, members },
  })
  return new Map(
    groups.map(({ id, members, ...group }) => [
      id as GroupId,
      { ...group, id: id as GroupId, members: new Map(members.map(({ userId, ...member }) => [userId as UserId, member])) },
    ]),
  )
}

export async function readSessions(db: Database, where: Which<SessionId>): Promise<Map<SessionId, SessionStanding>> {
  const sessions = await db.session.findMany({
    where: { ...where, revokedAt: null, expiresAt: { gt: new Date() } },
    select: { id: true, userId: true, expiresAt: true },
  })
  return new Map(
    sessions.map(({ id, userId, expiresAt }) => [
      id as SessionId,
      { id: id as SessionId, userId: userId as UserId, expiresAt: expiresAt.getTime() },
    ]),
  )
}
