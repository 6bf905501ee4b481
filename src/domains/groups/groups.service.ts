import { type Actor, type AuditDetails, note } from '../../database/audit-log.ts'
import { append, type Change } from '../../database/change-log.ts'
import { lockGroup, lockMember, lockUsers } from '../../database/locks.ts'
import { violates } from '../../database/violations.ts'
import { Refusal, type RefusalCode } from '../../errors.ts'
import { type GroupId, type MemberId, newId, type SessionId, type UserId } from '../../ids.ts'
import { idList, name, text } from '../../input.ts'
import type { FloorPriority } from '../../realtime/events.ts'
import { searchTextOf } from '../../search.ts'
import type { Viewer } from '../auth/auth.service.ts'
import type { GroupStanding, MemberStanding } from '../auth/facts.ts'
import type { Rights } from '../auth/rights.ts'
import type { Standing } from '../auth/standing.ts'
import { done, type Outcome, refused, type UserError } from '../outcome.ts'

export interface NewGroup {
  readonly name: string
  readonly description: string | null
  readonly managerId: UserId
  readonly memberIds: readonly UserId[]
  readonly settings: TalkSettings
}

/** What a group allows its speakers; what is absent stays, or is the default. */
interface TalkSettings {
  readonly talkLimitMs?: number | undefined
  readonly queueCapacity?: number | undefined
  readonly preemptGraceMs?: number | undefined
}

export interface GroupChange {
  readonly groupId: GroupId
  readonly name?: string | undefined
  /** Null: none any more. */
  readonly description?: string | null | undefined
  readonly settings: TalkSettings
}

/** What a member may do; what is absent stays, or is the default. */
export interface MemberRights {
  readonly groupId: GroupId
  readonly userId: UserId
  readonly canTalk?: boolean | undefined
  readonly priority?: FloorPriority | undefined
}

/** A group for one who sees it, and as what. */
interface Seen {
  readonly group: GroupStanding
  readonly member: MemberStanding | undefined
}

export interface GroupsDeps {
  readonly standing: Standing
  readonly rights: Rights
}

const ALLOWED = {
  talkLimitMs: { least: 5_000, most: 300_000, what: 'The talk limit is 5000 to 300000 ms.' },
  queueCapacity: { least: 0, most: 100, what: 'A queue has 0 to 100 places.' },
  preemptGraceMs: { least: 0, most: 3_000, what: 'The grace is 0 to 3000 ms.' },
} as const

export class GroupsService {
  readonly #deps: GroupsDeps

  constructor(deps: GroupsDeps) {
    this.#deps = deps
  }

  /** The group if the viewer may see it: its members, and admins. For all others it does not exist. */
  visible(viewer: Viewer, groupId: GroupId): Promise<Seen> {
    return this.#seenAs(viewer, groupId, () => true)
  }

  /** Why a session may not watch a group any more, as things stand now; null while it may. */
  lostRight(sessionId: SessionId, groupId: GroupId, { asMember }: { asMember: boolean }): RefusalCode | null {
    const user = this.#deps.standing.sessionUser(sessionId)
    if (!user) return 'SESSION_REVOKED'
    const group = this.#deps.standing.group(groupId)
    if (!group) return 'GROUP_CLOSED'
    const may = group.members.has(user.id) || (!asMember && user.systemRole === 'ADMIN')
    return may ? null : 'ACCESS_REVOKED'
  }

  /** The group if the viewer belongs to it. An admin who only sees it is FORBIDDEN. */
  async own(viewer: Viewer, groupId: GroupId): Promise<{ group: GroupStanding; member: MemberStanding }> {
    const { group, member } = await this.#seenAs(viewer, groupId, ({ member }) => member !== undefined)
    if (!member) throw new Refusal('FORBIDDEN', { sentence: 'Only members join and talk.' })
    return { group, member }
  }

  /** The group if the viewer has the say in it: its manager, and admins. */
  async managed(viewer: Viewer, groupId: GroupId): Promise<Seen> {
    const mayManage = ({ member }: Seen) => member?.role === 'GROUP_MANAGER' || this.#isAdmin(viewer)
    const seen = await this.#seenAs(viewer, groupId, mayManage)
    if (!mayManage(seen)) throw new Refusal('FORBIDDEN')
    return seen
  }

  hasMember(groupId: GroupId, userId: UserId): Promise<boolean> {
    return this.#holds(() => this.#deps.standing.group(groupId)?.members.has(userId) === true)
  }

  exists(groupId: GroupId): Promise<boolean> {
    return this.#holds(() => this.#deps.standing.group(groupId) !== undefined)
  }

  /** Whether a device may hear what is said in a group: it is signed in, and its user a member. */
  mayHear(userId: UserId, sessionId: SessionId, groupId: GroupId): Promise<boolean> {
    const { standing } = this.#deps
    return this.#holds(() => standing.sessionUser(sessionId)?.id === userId && standing.group(groupId)?.members.has(userId) === true)
  }

  /** As things stand when what changed has been read, unless it is so already. */
  async #holds(isSo: () => boolean): Promise<boolean> {
    if (isSo()) return true
    await this.#deps.standing.isUpToDate()
    return isSo()
  }

  #isAdmin({ id }: Viewer): boolean {
    return this.#deps.standing.user(id)?.systemRole === 'ADMIN'
  }

  #see(viewer: Viewer, groupId: GroupId): Seen | null {
    const group = this.#deps.standing.group(groupId)
    const member = group?.members.get(viewer.id)
    return group && (member || this.#isAdmin(viewer)) ? { group, member } : null
  }

  /** What is seen at once if that is enough, else as things stand when what changed has been read; then it is the last word. */
  async #seenAs(viewer: Viewer, groupId: GroupId, isEnough: (seen: Seen) => boolean): Promise<Seen> {
    const known = this.#see(viewer, groupId)
    if (known && isEnough(known)) return known
    // The right may have been given elsewhere a moment ago. It takes as long for a group that does not exist. If the database is away, what is
    // known counts.
    await this.#deps.standing.isUpToDate()
    const seen = this.#see(viewer, groupId)
    if (!seen) throw new Refusal('NOT_FOUND')
    return seen
  }

  async createGroup(by: Actor | null, input: NewGroup): Promise<Outcome<GroupId>> {
    const groupName = name(input.name, ['input', 'name'])
    const description = input.description === null ? null : text(input.description, ['input', 'description'])
    const memberIds = new Set(idList(input.memberIds, ['input', 'memberIds']))
    memberIds.delete(input.managerId)
    const invalid = invalidSetting(input.settings)
    if (invalid) return invalid
    const id = newId<GroupId>()
    return this.#deps.rights.change(async (tx) => {
      const users = await lockUsers(tx, [input.managerId, ...memberIds])
      if (users.get(input.managerId)?.disabled) return disabledManager
      const create = [{ ...newMember(input.managerId), role: 'GROUP_MANAGER' as const }, ...[...memberIds].map(newMember)]
      const data = { id, name: groupName, description, searchText: searchTextOf(groupName), ...given(input.settings), members: { create } }
      await tx.group.create({ data })
      await append(tx, [{ kind: 'GROUP', groupId: id }], { owed: false })
      const details = { ...given(input.settings), managerId: input.managerId, members: create.length }
      await note(tx, { ...about(id, details), action: 'GROUP_CREATED', actor: by })
      return done(id)
    })
  }

  /** Takes effect with the next press; a burst that runs keeps the limit it began with. */
  async updateGroup(by: Actor | null, { groupId, settings, ...change }: GroupChange): Promise<Outcome<GroupId>> {
    const newName = change.name === undefined ? undefined : name(change.name, ['input', 'name'])
    const description = change.description ? text(change.description, ['input', 'description']) : change.description
    const searchText = newName === undefined ? undefined : searchTextOf(newName)
    const data = given({ ...settings, name: newName, description, searchText })
    return this.#deps.rights.change(async (tx) => {
      await lockGroup(tx, groupId)
      const invalid = invalidSetting(settings)
      if (invalid) return invalid
      await tx.group.update({ where: { id: groupId }, data })
      await append(tx, [{ kind: 'GROUP', groupId }], { owed: false })
      const details = { ...given(settings), renamed: newName !== undefined, described: description !== undefined }
      await note(tx, { ...about(groupId, details), action: 'GROUP_UPDATED', actor: by })
      return done(groupId)
    })
  }

  /** Makes a group invisible everywhere and ends what happens in it; its history stays. */
  async deleteGroup(by: Actor | null, groupId: GroupId): Promise<Outcome<GroupId>> {
    return this.#deps.rights.change(async (tx) => {
      await lockGroup(tx, groupId)
      await tx.group.update({ where: { id: groupId }, data: { deletedAt: new Date() } })
      await append(tx, [{ kind: 'GROUP', groupId }], { owed: true })
      await note(tx, { ...about(groupId), action: 'GROUP_DELETED', actor: by })
      return done(groupId)
    })
  }

  /** Hands a group over: the former manager becomes a member, in one transaction. A burst that runs keeps its rank. */
  async assignGroupManager(by: Actor | null, { groupId, userId }: { groupId: GroupId; userId: UserId }): Promise<Outcome<GroupId>> {
    const active = { groupId, deletedAt: null }
    return this.#deps.rights.change(async (tx): Promise<Outcome<GroupId>> => {
      await lockGroup(tx, groupId)
      const users = await lockUsers(tx, [userId])
      if (!(await lockMember(tx, groupId, userId))) return notAMember
      if (users.get(userId)?.disabled) return { done: null, userErrors: [{ ...disabledManager.userErrors[0], field: ['input', 'userId'] }] }
      await tx.groupMember.updateMany({ where: { ...active, role: 'GROUP_MANAGER', userId: { not: userId } }, data: { role: 'MEMBER' } })
      await tx.groupMember.updateMany({ where: { ...active, userId }, data: { role: 'GROUP_MANAGER' } })
      await append(tx, [{ kind: 'GROUP', groupId }], { owed: false })
      await note(tx, { ...about(groupId, { userId }), action: 'MANAGER_ASSIGNED', actor: by })
      return done(groupId)
    })
  }

  async addGroupMember(by: Actor | null, { groupId, userId, ...rights }: MemberRights): Promise<Outcome<MemberId>> {
    if (rights.priority === 'EMERGENCY') return noEmergency
    const id = newId<MemberId>()
    try {
      return await this.#deps.rights.change(async (tx) => {
        await lockGroup(tx, groupId)
        await lockUsers(tx, [userId])
        await tx.groupMember.create({ data: { id, groupId, userId, ...given(rights) } })
        await append(tx, [member(groupId, userId)], { owed: false })
        await note(tx, { ...about(groupId, { userId, ...given(rights) }), action: 'MEMBER_ADDED', actor: by })
        return done(id)
      })
    } catch (error) {
      if (violates(error, 'group_member_active')) return refused('ALREADY_MEMBER', ['input', 'userId'], 'This user is a member already.')
      throw error
    }
  }

  /** A changed rank counts from the next press; a lost right to talk ends a burst and a queue entry at once. */
  async updateGroupMember(by: Actor | null, { groupId, userId, ...rights }: MemberRights): Promise<Outcome<UserId>> {
    return this.#deps.rights.change(async (tx) => {
      await lockGroup(tx, groupId)
      if (rights.priority === 'EMERGENCY') return noEmergency
      const active = { groupId, userId, deletedAt: null }
      const manages = await tx.groupMember.findFirst({ where: { ...active, role: 'GROUP_MANAGER' }, select: { id: true } })
      if (manages && rights.priority && rights.priority !== 'HIGH')
        return refused('INVALID_VALUE', ['input', 'priority'], 'The manager has HIGH in the own group.')
      const { count } = await tx.groupMember.updateMany({ where: active, data: given(rights) })
      if (count === 0) return notAMember
      await append(tx, [member(groupId, userId)], { owed: rights.canTalk === false })
      await note(tx, { ...about(groupId, { userId, ...given(rights) }), action: 'MEMBER_UPDATED', actor: by })
      return done(userId)
    })
  }

  /** Takes a member out: in the database first, then its streams, floor and presence. A manager hands over before. */
  async removeGroupMember(by: Actor | null, { groupId, userId }: { groupId: GroupId; userId: UserId }): Promise<Outcome<GroupId>> {
    return this.#deps.rights.change(async (tx) => {
      await lockGroup(tx, groupId)
      const active = { groupId, userId, deletedAt: null }
      const { count } = await tx.groupMember.updateMany({ where: { ...active, role: 'MEMBER' }, data: { deletedAt: new Date() } })
      if (count === 0) {
        const manages = await tx.groupMember.findFirst({ where: active, select: { id: true } })
        return manages ? refused('GROUP_NEEDS_MANAGER', ['input', 'userId'], 'The manager hands the group over first.') : notAMember
      }
      await append(tx, [member(groupId, userId)], { owed: true })
      await note(tx, { ...about(groupId, { userId }), action: 'MEMBER_REMOVED', actor: by })
      return done(groupId)
    })
  }
}

const member = (groupId: GroupId, userId: UserId): Change => ({ kind: 'MEMBER', groupId, userId })
const about = (groupId: GroupId, details: AuditDetails = {}) => ({ target: { kind: 'GROUP', id: groupId }, details }) as const
const newMember = (userId: UserId) => ({ id: newId<MemberId>(), userId })

const notAMember = refused('NOT_A_MEMBER', ['input', 'userId'], 'This user is not a member.')
const disabledManager: { done: null; userErrors: readonly [UserError] } = {
  done: null,
  userErrors: [{ code: 'INVALID_VALUE', message: 'A disabled user cannot manage a group.', field: ['input', 'managerId'] }],
}
const noEmergency = refused('INVALID_VALUE', ['input', 'priority'], 'EMERGENCY comes with an emergency alert only.')

function invalidSetting(settings: TalkSettings) {
  for (const [field, { least, most, what }] of Object.entries(ALLOWED)) {
    const value = settings[field as keyof TalkSettings]
    if (value !== undefined && (value < least || value > most)) return refused('INVALID_VALUE', ['input', field], what)
  }
  return null
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without what is absent, so that it stays as it is. */
const given = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>
