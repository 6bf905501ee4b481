import { coalesced } from '../../coalesced.ts'
import { type Change, type LogPosition, readChanges } from '../../database/change-log.ts'
import type { Database } from '../../database/client.ts'
import type { GroupId, SessionId, UserId } from '../../ids.ts'
import { type GroupStanding, readGroups, readSessions, readUsers, type SessionStanding, type UserStanding, type Which } from './facts.ts'

/** So many changes at once, and reading everything is the shorter way. */
const MOST_NAMED = 5_000
/** How long somebody waits for a reading; the database may be away for minutes. */
const WAIT_MS = 2_000

/**
 * What a press needs to know of people, groups and devices, in memory: who is not deleted, not disabled, not signed out. Read whole at first;
 * then whoever changes one of these facts, in this process or another, says so in the log of changes, and it is read anew.
 */
export class Standing {
  readonly #db: Database
  readonly #adminsNeedTotp: boolean
  #users = new Map<UserId, UserStanding>()
  #groups = new Map<GroupId, GroupStanding>()
  #sessions = new Map<SessionId, SessionStanding>()
  #position: LogPosition | null = null
  readonly #followers = new Set<(changes: readonly Change[]) => void>()

  constructor({ db, adminsNeedTotp }: { readonly db: Database; readonly adminsNeedTotp: boolean }) {
    this.#db = db
    this.#adminsNeedTotp = adminsNeedTotp
  }

  user(userId: UserId): UserStanding | undefined {
    return this.#users.get(userId)
  }

  group(groupId: GroupId): GroupStanding | undefined {
    return this.#groups.get(groupId)
  }

  /** The groups that a user belongs to. */
  groupsOf(userId: UserId): GroupStanding[] {
    return [...this.#groups.values()].filter(({ members }) => members.has(userId))
  }

  /** The user of a session that is signed in and may act. */
  sessionUser(sessionId: SessionId): UserStanding | undefined {
    const session = this.#sessions.get(sessionId)
    return session && session.expiresAt > Date.now() ? this.#users.get(session.userId) : undefined
  }

  /** Tells what changed, once for each reading that found something. Facts are new by then. */
  follow(follower: (changes: readonly Change[]) => void): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }

  /**
   * Reads what changed, at first everything. One reading after the other, as one that began before a commit must not overwrite one that began
   * after it; all who ask meanwhile share the next, so that who asks often does not keep the database busy. Rejects when it is away.
   */
  readonly catchUp: () => Promise<void> = coalesced(() => this.#read())

  /** Whether everything committed until now is known. False: the database did not answer in time. */
  async isUpToDate(): Promise<boolean> {
    const reading = this.catchUp().then(
      () => true,
      // Whoever polls says so in the log.
      () => false,
    )
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), WAIT_MS)
    })
    try {
      return await Promise.race([reading, silence])
    } finally {
      clearTimeout(timer)
    }
  }

  async #read(): Promise<void> {
    // The log first: what is committed from here on is found by the next reading.
    const { changes, position } = await readChanges(this.#db, this.#position)
    const isShort = changes !== null && changes.length <= MOST_NAMED
    const told = isShort ? changes : this.#everythingKnown()
    if (isShort) await this.#readAgain(changes)
    else await this.#readAll()
    // Not before the facts are there, or they would be passed over when reading them fails.
    this.#position = position
    if (told.length === 0) return
    for (const follower of this.#followers) follower(told)
  }

  async #readAll(): Promise<void> {
    const [users, groups, sessions] = await Promise.all([
      readUsers(this.#db, {}, this.#adminsNeedTotp),
      readGroups(this.#db, {}),
      readSessions(this.#db, {}),
    ])
    this.#users = users
    this.#groups = groups
    this.#sessions = sessions
  }

  async #readAgain(changes: readonly Change[]): Promise<void> {
    const userIds = new Set(changes.flatMap((change) => (change.kind === 'USER' ? [change.userId] : [])))
    const groupIds = new Set(changes.flatMap((change) => ('groupId' in change ? [change.groupId] : [])))
    const sessionIds = new Set(changes.flatMap((change) => (change.kind === 'SESSION' ? [change.sessionId] : [])))
    const [users, groups, sessions] = await Promise.all([
      named(userIds, (where) => readUsers(this.#db, where, this.#adminsNeedTotp)),
      named(groupIds, (where) => readGroups(this.#db, where)),
      named(sessionIds, (where) => readSessions(this.#db, where)),
    ])
    replace(this.#users, userIds, users)
    replace(this.#groups, groupIds, groups)
    replace(this.#sessions, sessionIds, sessions)
  }

  /** For followers, when it is not known which of it changed. */
  #everythingKnown(): Change[] {
    const users = [...this.#users.keys()].map((userId) => ({ kind: 'USER' as const, userId }))
    const groups = [...this.#groups.keys()].map((groupId) => ({ kind: 'GROUP' as const, groupId }))
    const members = [...this.#groups.values()].flatMap(({ id: groupId, members }) =>
      [...members.keys()].map((userId) => ({ kind: 'MEMBER' as const, groupId, userId })),
    )
    const sessions = [...this.#sessions.values()].filter(({ id }) => this.sessionUser(id))
    return [...users, ...groups, ...members, ...sessions.map(({ id, userId }) => ({ kind: 'SESSION' as const, userId, sessionId: id }))]
  }
}

/** Reads those facts alone, and nothing where none is named. */
async function named<Id extends string, Fact>(
  ids: ReadonlySet<Id>,
  read: (where: Which<Id>) => Promise<Map<Id, Fact>>,
): Promise<Map<Id, Fact>> {
  return ids.size === 0 ? new Map<Id, Fact>() : read({ id: { in: [...ids] } })
}

/** Puts what was read of these in place of what was known of them. */
function replace<Id extends string, Fact>(known: Map<Id, Fact>, ids: ReadonlySet<Id>, read: ReadonlyMap<Id, Fact>) {
  for (const id of ids) known.delete(id)
  for (const [id, fact] of read) known.set(id, fact)
}
