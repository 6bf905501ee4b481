import type { Prisma } from '../../../prisma/generated/client/client.ts'
import { type Actor, note } from '../../database/audit-log.ts'
import { append, type Change } from '../../database/change-log.ts'
import { violates } from '../../database/violations.ts'
import { Refusal } from '../../errors.ts'
import { type GroupId, newId, type UserId } from '../../ids.ts'
import { name } from '../../input.ts'
import { searchTextOf } from '../../search.ts'
import type { PasswordRules } from '../auth/password-rules.ts'
import { hashPassword } from '../auth/passwords.ts'
import type { Rights } from '../auth/rights.ts'
import { endSessions } from '../auth/sign-out.ts'
import { done, type Outcome, refused, type UserError } from '../outcome.ts'

type SystemRole = 'ADMIN' | 'USER'
type Transaction = Prisma.TransactionClient

export interface NewUser {
  readonly username: string
  readonly displayName: string | null
  readonly password: string
  readonly systemRole: SystemRole
}

/** What is absent stays. */
export interface UserChange {
  readonly userId: UserId
  readonly username?: string | undefined
  readonly displayName?: string | undefined
  readonly systemRole?: SystemRole | undefined
}

export interface UsersDeps {
  readonly rights: Rights
  readonly passwordRules: PasswordRules
}

interface Account {
  readonly id: string
  readonly username: string
  readonly displayName: string
  readonly systemRole: SystemRole
  readonly disabledAt: Date | null
  readonly totpSince: Date | null
}

/** People and their rights in the whole system. Who may call this is said where it is offered; who does, is noted: null is NEDA itself. */
export class UsersService {
  readonly #deps: UsersDeps

  constructor(deps: UsersDeps) {
    this.#deps = deps
  }

  /** Creates a person who may sign in. USERNAME_TAKEN and WEAK_PASSWORD are answers. */
  async createUser(by: Actor | null, input: NewUser): Promise<Outcome<UserId>> {
    const username = name(input.username, ['input', 'username'])
    const displayName = name(input.displayName ?? username, ['input', 'displayName'])
    const weak = this.#deps.passwordRules.weakness(input.password, { username, displayName, totpSince: null })
    if (weak) return refused('WEAK_PASSWORD', ['input', 'password'], weak)
    const passwordHash = await hashPassword(input.password)
    const id = newId<UserId>()
    const searchText = searchTextOf(username, displayName)
    const data = { id, username, displayName, searchText, passwordHash, systemRole: input.systemRole }
    return unlessTaken(() =>
      this.#deps.rights.change(async (tx) => {
        await tx.user.create({ data })
        await tell(tx, id)
        await note(tx, { ...about(id), action: 'USER_CREATED', actor: by, details: { systemRole: input.systemRole } })
        return done(id)
      }),
    )
  }

  /** Creates the admin that the operator named, unless somebody has that name already. */
  async ensureAdmin({ username, password }: { username: string; password: string }): Promise<void> {
    const { userErrors } = await this.createUser(null, { username, displayName: null, password, systemRole: 'ADMIN' })
    const [error] = userErrors
    if (error && error.code !== 'USERNAME_TAKEN') throw new Error(`NEDA_BOOTSTRAP_ADMIN_…: ${error.message}`)
  }

  /** A former admin's streams of groups that are not its own end. */
  async updateUser(by: Actor | null, { userId, systemRole, ...change }: UserChange): Promise<Outcome<UserId>> {
    const username = change.username === undefined ? undefined : name(change.username, ['input', 'username'])
    const displayName = change.displayName === undefined ? undefined : name(change.displayName, ['input', 'displayName'])
    return unlessTaken(() =>
      this.#change(userId, async (tx, account) => {
        if (systemRole === 'USER' && (await isLastAdmin(tx, userId, account))) return lastAdmin
        const named = { username: username ?? account.username, displayName: displayName ?? account.displayName }
        const data = { ...named, searchText: searchTextOf(named.username, named.displayName), systemRole: systemRole ?? account.systemRole }
        await tx.user.update({ where: { id: userId }, data })
        await tell(tx, userId)
        const details = { ...(systemRole ? { systemRole } : {}), renamed: username !== undefined || displayName !== undefined }
        await note(tx, { ...about(userId), action: 'USER_UPDATED', actor: by, details })
        return null
      }),
    )
  }

  /** Keeps a person out, on every device, at once. */
  disableUser(by: Actor | null, userId: UserId): Promise<Outcome<UserId>> {
    return this.#keepOut(by, userId, { disabledAt: new Date() })
  }

  async enableUser(by: Actor | null, userId: UserId): Promise<Outcome<UserId>> {
    return this.#change(userId, async (tx) => {
      await tx.user.update({ where: { id: userId }, data: { disabledAt: null } })
      await tell(tx, userId)
      await note(tx, { ...about(userId), action: 'USER_ENABLED', actor: by })
      return null
    })
  }

  /** Makes a person invisible everywhere, and its username free; what it said stays. */
  deleteUser(by: Actor | null, userId: UserId): Promise<Outcome<UserId>> {
    return this.#keepOut(by, userId, { deletedAt: new Date() })
  }

  async resetUserPassword(by: Actor | null, userId: UserId, password: string): Promise<Outcome<UserId>> {
    const passwordHash = await hashPassword(password)
    return this.#change(userId, async (tx, account) => {
      const weak = this.#deps.passwordRules.weakness(password, account)
      if (weak) return { code: 'WEAK_PASSWORD', message: weak, field: ['input', 'newPassword'] }
      await tx.user.update({ where: { id: userId }, data: { passwordHash } })
      const sessionsEnded = await endSessions(tx, userId, 'all')
      await note(tx, { ...about(userId), action: 'PASSWORD_RESET', actor: by, details: { sessionsEnded } })
      return null
    })
  }

  async #keepOut(by: Actor | null, userId: UserId, mark: { disabledAt: Date } | { deletedAt: Date }): Promise<Outcome<UserId>> {
    return this.#change(userId, async (tx, account) => {
      if (await isLastAdmin(tx, userId, account)) return lastAdmin
      const memberships = { userId, deletedAt: null, group: { deletedAt: null } }
      if ((await tx.groupMember.count({ where: { ...memberships, role: 'GROUP_MANAGER' } })) > 0) return needsManager
      await tx.user.update({ where: { id: userId }, data: mark })
      await tell(tx, userId)
      const sessionsEnded = await endSessions(tx, userId, 'all')
      if ('deletedAt' in mark) await endMemberships(tx, userId, mark)
      const action = 'deletedAt' in mark ? 'USER_DELETED' : 'USER_DISABLED'
      await note(tx, { ...about(userId), action, actor: by, details: { sessionsEnded } })
      return null
    })
  }

  /** Changes one account under its lock; NOT_FOUND for who does not exist. The work answers why it changed nothing, or null. */
  async #change(userId: UserId, work: (tx: Transaction, account: Account) => Promise<UserError | null>): Promise<Outcome<UserId>> {
    return this.#deps.rights.change(async (tx) => {
      // Of an admin all admins, and in order: of two changes that would each leave the other as the last, one waits and sees that it is.
      const locked = await tx.$queryRaw<Account[]>`
        SELECT "id", "username", "displayName", "systemRole"::text AS "systemRole", "disabledAt", "totpSince" FROM "User"
        WHERE "deletedAt" IS NULL AND ("id" = ${userId}::uuid
          OR ("systemRole" = 'ADMIN' AND (SELECT "systemRole" FROM "User" WHERE "id" = ${userId}::uuid) = 'ADMIN'))
        ORDER BY "id" FOR NO KEY UPDATE`
      const account = locked.find(({ id }) => id === userId)
      if (!account) throw new Refusal('NOT_FOUND')
      const error = await work(tx, account)
      return error ? { done: null, userErrors: [error] } : done(userId)
    })
  }
}

const about = (userId: UserId) => ({ target: { kind: 'USER', id: userId } }) as const

/** That there is something new to know of a user. Losing a role takes nothing from floor and presence. */
const tell = (tx: Transaction, userId: UserId) => append(tx, [{ kind: 'USER', userId }], { owed: false })

async function endMemberships(tx: Transaction, userId: UserId, mark: { deletedAt: Date }): Promise<void> {
  const ended = await tx.groupMember.updateManyAndReturn({ where: { userId, deletedAt: null }, data: mark, select: { groupId: true } })
  const changes = ended.map(({ groupId }): Change => ({ kind: 'MEMBER', groupId: groupId as GroupId, userId }))
  await append(tx, changes, { owed: true })
}

async function unlessTaken(write: () => Promise<Outcome<UserId>>): Promise<Outcome<UserId>> {
  try {
    return await write()
  } catch (error) {
    if (violates(error, 'user_active_username')) return refused('USERNAME_TAKEN', ['input', 'username'], 'Somebody else has this username.')
    throw error
  }
}

const lastAdmin: UserError = { code: 'LAST_ADMIN', message: 'Somebody must be left to administer.', field: ['input', 'userId'] }
const needsManager: UserError = {
  code: 'GROUP_NEEDS_MANAGER',
  message: 'This user manages a group: hand it over first.',
  field: ['input', 'userId'],
}

async function isLastAdmin(tx: Transaction, userId: UserId, { systemRole, disabledAt }: Account): Promise<boolean> {
  if (systemRole !== 'ADMIN' || disabledAt !== null) return false
  return (await tx.user.count({ where: { systemRole: 'ADMIN', disabledAt: null, deletedAt: null, id: { not: userId } } })) === 0
}
