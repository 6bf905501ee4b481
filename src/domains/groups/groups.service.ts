import type { Database } from '../../database/client.ts'
import { violates } from '../../database/violations.ts'
import { Refusal } from '../../errors.ts'
import { type GroupId, type MemberId, newId, type UserId } from '../../ids.ts'
import { idList, name, text } from '../../input.ts'
import type { RealtimeEngine } from '../../realtime/engine.ts'
import type { OpenStreams } from '../../realtime/open-streams.ts'
import type { Viewer } from '../auth/auth.service.ts'
import type { GroupStanding, MemberStanding, Standing } from '../auth/standing.ts'
import { type Outcome, refused } from '../outcome.ts'

export interface NewGroup {
  readonly name: string
  readonly description: string | null
  readonly managerId: UserId
  readonly memberIds: readonly UserId[]
  readonly talkLimitMs: number
}

export interface GroupsDeps {
  readonly db: Database
  readonly standing: Standing
  readonly engine: RealtimeEngine
  readonly streams: OpenStreams
}

const TALK_LIMIT_MS = { least: 5_000, most: 300_000 }

export class GroupsService {
  readonly #deps: GroupsDeps

  constructor(deps: GroupsDeps) {
    this.#deps = deps
  }

  /** The group if the viewer may see it: its members, and admins. For all others it does not exist. */
  visible(viewer: Viewer, groupId: GroupId): { group: GroupStanding; member: MemberStanding | undefined } {
    const group = this.#deps.standing.group(groupId)
    const member = group?.members.get(viewer.id)
    if (!group || (!member && viewer.systemRole !== 'ADMIN')) throw new Refusal('NOT_FOUND')
    return { group, member }
  }

  /** The group if the viewer belongs to it. An admin who only sees it is FORBIDDEN. */
  own(viewer: Viewer, groupId: GroupId): { group: GroupStanding; member: MemberStanding } {
    const { group, member } = this.visible(viewer, groupId)
    if (!member) throw new Refusal('FORBIDDEN', { sentence: 'Only members join and talk.' })
    return { group, member }
  }

  async createGroup(input: NewGroup): Promise<Outcome<GroupId>> {
    const groupName = name(input.name, ['input', 'name'])
    const description = input.description === null ? null : text(input.description, ['input', 'description'])
    const memberIds = new Set(idList(input.memberIds, ['input', 'memberIds']))
    for (const userId of [input.managerId, ...memberIds]) this.#mustExist(userId)
    if (input.talkLimitMs < TALK_LIMIT_MS.least || input.talkLimitMs > TALK_LIMIT_MS.most)
      return refused('INVALID_VALUE', ['input', 'talkLimitMs'], `The talk limit is ${TALK_LIMIT_MS.least} to ${TALK_LIMIT_MS.most} ms.`)
    memberIds.delete(input.managerId)
    const id = newId<GroupId>()
    await this.#deps.db.group.create({
      data: {
        id,
        name: groupName,
        description,
        talkLimitMs: input.talkLimitMs,
        members: {
          create: [
            { id: newId<MemberId>(), userId: input.managerId, role: 'GROUP_MANAGER', priority: 'HIGH' },
            ...[...memberIds].map((userId) => ({ id: newId<MemberId>(), userId })),
          ],
        },
      },
    })
    await this.#deps.standing.groupChanged(id)
    return { done: id, userErrors: [] }
  }

  async addGroupMember(input: { groupId: GroupId; userId: UserId; canTalk: boolean }): Promise<Outcome<MemberId>> {
    this.#mustBeActive(input.groupId)
    this.#mustExist(input.userId)
    const id = newId<MemberId>()
    try {
      await this.#deps.db.groupMember.create({ data: { id, ...input } })
    } catch (error) {
      if (violates(error, 'group_member_active')) return refused('ALREADY_MEMBER', ['input', 'userId'], 'This user is a member already.')
      throw error
    }
    await this.#deps.standing.groupChanged(input.groupId)
    return { done: id, userErrors: [] }
  }

  /** Takes a member out: in the database first, then from floor and presence, then its streams. A manager hands over before. */
  async removeGroupMember({ groupId, userId }: { groupId: GroupId; userId: UserId }): Promise<Outcome<GroupId>> {
    this.#mustBeActive(groupId)
    const { db, standing, engine, streams } = this.#deps
    const active = { groupId, userId, deletedAt: null }
    const { count } = await db.groupMember.updateMany({ where: { ...active, role: 'MEMBER' }, data: { deletedAt: new Date() } })
    if (count === 0) {
      const manages = await db.groupMember.findFirst({ where: active })
      return manages
        ? refused('GROUP_NEEDS_MANAGER', ['input', 'userId'], 'The manager hands the group over first.')
        : refused('NOT_A_MEMBER', ['input', 'userId'], 'This user is not a member.')
    }
    await standing.groupChanged(groupId)
    streams.end((stream) => stream.groupId === groupId && stream.userId === userId && !stream.asAdmin, 'ACCESS_REVOKED')
    await engine.evict({ groupId, userId, reason: 'MEMBER_REMOVED' })
    return { done: groupId, userErrors: [] }
  }

  #mustBeActive(groupId: GroupId) {
    if (!this.#deps.standing.group(groupId)) throw new Refusal('NOT_FOUND', { field: ['input', 'groupId'] })
  }

  #mustExist(userId: UserId) {
    if (!this.#deps.standing.user(userId)) throw new Refusal('NOT_FOUND', { field: ['input', 'userId'] })
  }
}
