import pLimit from 'p-limit'
import type { Database } from '../../database/client.ts'
import type { GroupId, SessionId, UserId } from '../../ids.ts'
import type { Logger } from '../../logger.ts'
import type { FloorPriority } from '../../realtime/events.ts'

export interface UserStanding {
  readonly id: UserId
  readonly username: string
  readonly displayName: string
  readonly systemRole: 'ADMIN' | 'USER'
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

export interface StandingDeps {
  readonly db: Database
  readonly log: Logger
  /** Called after every change that was read: open streams and sockets follow it. */
  readonly onChange: () => void
}

const RETRY_MS = 500

/**
 * What a press needs to know of people, groups and devices, in memory: who is not deleted, not disabled, not signed out. Read whole at start;
 * whoever changes one of these facts in the database says so here after the commit, and it is read anew.
 */
export class Standing implements Disposable {
  readonly #db: Database
  readonly #log: Logger
  readonly #onChange: () => void
  readonly #users = new Map<UserId, UserStanding>()
  readonly #groups = new Map<GroupId, GroupStanding>()
  readonly #sessions = new Map<SessionId, { readonly id: SessionId; readonly userId: UserId; readonly expiresAt: number }>()
  /** One after the other: a reading that began before a commit must not overwrite one that began after it. */
  readonly #readings = pLimit(1)
  readonly #retries = new Set<NodeJS.Timeout>()

  constructor({ db, log, onChange }: StandingDeps) {
    this.#db = db
    this.#log = log
    this.#onChange = onChange
  }

  user(userId: UserId): UserStanding | undefined {
    return this.#users.get(userId)
  }

  group(groupId: GroupId): GroupStanding | undefined {
    return this.#groups.get(groupId)
  }

  /** The user of a session that is signed in and may act. */
  sessionUser(sessionId: SessionId): UserStanding | undefined {
    const session = this.#sessions.get(sessionId)
    return session && session.expiresAt > Date.now() ? this.#users.get(session.userId) : undefined
  }

  async load(): Promise<void> {
    await this.#readings(async () => {
      await Promise.all([this.#readUsers({}), this.#readGroups({}), this.#readSessions({})])
    })
  }

  userChanged(id: UserId): Promise<void> {
    return this.#readAgain(() => this.#readUsers({ id }))
  }

  groupChanged(id: GroupId): Promise<void> {
    return this.#readAgain(() => this.#readGroups({ id }))
  }

  sessionChanged(id: SessionId): Promise<void> {
    return this.#readAgain(() => this.#readSessions({ id }))
  }

  [Symbol.dispose]() {
    for (const retry of this.#retries) clearTimeout(retry)
    this.#retries.clear()
  }

  /** What was committed is true, even if reading it fails just now: it is then read again until it succeeds. */
  async #readAgain(read: () => Promise<void>): Promise<void> {
    try {
      await this.#readings(read)
      this.#onChange()
    } catch (error) {
      this.#log.error({ err: error }, 'a changed fact could not be read, trying again')
      const retry = setTimeout(() => {
        this.#retries.delete(retry)
        void this.#readAgain(read)
      }, RETRY_MS)
      this.#retries.add(retry)
    }
  }

  async #readUsers(where: { id?: UserId }): Promise<void> {
    const users = await this.#db.user.findMany({
      where: { ...where, deletedAt: null, disabledAt: null },
      select: { id: true, username: true, displayName: true, systemRole: true },
    })
    replace(this.#users, where.id, users as UserStanding[])
  }

  async #readGroups(where: { id?: GroupId }): Promise<void> {
    const members = { where: { deletedAt: null }, select: { userId: true, role: true, canTalk: true, priority: true } }
    const groups = await this.#db.group.findMany({
      where: { ...where, deletedAt: null },
      select: { id: true, name: true, talkLimitMs: true, queueCapacity: true, preemptGraceMs: true, members },
    })
    const standings = groups.map((group) => ({
      ...group,
      id: group.id as GroupId,
      members: new Map(group.members.map(({ userId, ...member }) => [userId as UserId, member])),
    }))
    replace(this.#groups, where.id, standings)
  }

  async #readSessions(where: { id?: SessionId }): Promise<void> {
    const sessions = await this.#db.session.findMany({
      where: { ...where, revokedAt: null, expiresAt: { gt: new Date() } },
      select: { id: true, userId: true, expiresAt: true },
    })
    const standings = sessions.map(({ id, userId, expiresAt }) => ({
      id: id as SessionId,
      userId: userId as UserId,
      expiresAt: expiresAt.getTime(),
    }))
    replace(this.#sessions, where.id, standings)
  }
}

/** Puts what was read in place of what was known: of one id, or of all. */
function replace<Id extends string, Fact extends { readonly id: Id }>(known: Map<Id, Fact>, id: Id | undefined, read: readonly Fact[]) {
  if (id === undefined) known.clear()
  else known.delete(id)
  for (const fact of read) known.set(fact.id, fact)
}
