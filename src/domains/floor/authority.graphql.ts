import { audited } from '../../graphql/audited.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { GroupId, UserId } from '../../ids.ts'
import type { Floor as EngineFloor } from '../../realtime/events.ts'
import { actorOf } from '../auth/actor.ts'
import { GroupMember } from '../groups/groups.graphql.ts'
import { memberPayload } from '../groups/members.graphql.ts'
import { UserError } from '../outcome.graphql.ts'
import { refused, type UserError as UserErrorShape } from '../outcome.ts'
import { Floor } from './floor.graphql.ts'

const RevokeTalkInput = builder.inputType('RevokeTalkInput', {
  description: 'Whose burst is stopped.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Where.' }),
    burstId: t.id({ required: true, description: 'The burst to stop.' }),
  }),
})

interface Revocation {
  readonly revoked: boolean
  readonly floor: EngineFloor
  readonly userErrors: readonly UserErrorShape[]
}

const RevokeTalkPayload = builder.objectRef<Revocation>('RevokeTalkPayload').implement({
  description: 'Whether the burst was stopped, and the whole floor.',
  fields: (t) => ({
    revoked: t.exposeBoolean('revoked', { description: 'True if this ended the burst; false if it had ended before.' }),
    floor: t.field({ type: Floor, nullable: true, description: 'Who talks now.', resolve: ({ floor }) => floor }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
  }),
})

builder.mutationField('revokeTalk', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: RevokeTalkPayload,
    ...audited('TALK_REVOKED'),
    description:
      "Stops a speaker at once (Floor Revoke): the burst ends REVOKED_BY_MANAGER. The group's manager and admins only, other members are FORBIDDEN; for all others the group is NOT_FOUND. User error: ALREADY_ENDED.",
    args: { input: t.arg({ type: RevokeTalkInput, required: true, description: 'The burst to stop.' }) },
    resolve: async (_root, { input }, { floor, audit, ...who }) => {
      const [groupId, burstId] = [fromGlobalId('Group', input.groupId), fromGlobalId('TalkBurst', input.burstId)]
      const answer = await floor.revokeTalk(who.viewer, groupId, burstId)
      if (answer.revoked) {
        audit.add({ action: 'TALK_REVOKED', actor: actorOf(who), target: { kind: 'BURST', id: burstId }, details: { groupId } })
        return { ...answer, userErrors: [] }
      }
      return { ...answer, userErrors: refused('ALREADY_ENDED', ['input', 'burstId'], 'This burst had ended before.').userErrors }
    },
  }),
)

builder.prismaObjectField(GroupMember, 'mutedUntil', (t) =>
  t.field({
    type: 'DateTime',
    nullable: true,
    description: 'Until when the manager or an admin muted the member; null when nobody did. Forgotten with the epoch of the floor.',
    select: { groupId: true, userId: true },
    resolve: async ({ groupId, userId }, _args, { floor }) => {
      const until = (await floor.mutedUntil(groupId as GroupId)).get(userId as UserId)
      return until === undefined ? null : new Date(until)
    },
  }),
)

const MuteMemberInput = builder.inputType('MuteMemberInput', {
  description: 'Whom to mute, where, and for how long.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'The group.' }),
    userId: t.id({ required: true, description: 'The member.' }),
    durationMs: t.int({ required: true, description: 'For how many milliseconds: 1000 (1 s) to 86400000 (24 h).' }),
  }),
})

const MuteMemberPayload = memberPayload('MuteMemberPayload', 'The muted member, or why it is not.')

builder.mutationField('muteMember', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: MuteMemberPayload,
    ...audited('MEMBER_MUTED'),
    description:
      "Keeps a member from talking for a while: its burst ends REVOKED_BY_MANAGER, its waiting request and its presses are DENIED RECEIVE_ONLY. The group's manager and admins only, other members are FORBIDDEN; for all others the group is NOT_FOUND. User errors: NOT_A_MEMBER, INVALID_VALUE.",
    args: { input: t.arg({ type: MuteMemberInput, required: true, description: 'Whom to mute.' }) },
    resolve: async (_root, { input }, { floor, audit, ...who }) => {
      const [groupId, userId] = [fromGlobalId('Group', input.groupId), fromGlobalId('User', input.userId)]
      const { durationMs } = input
      const outcome = await floor.muteMember(who.viewer, groupId, userId, durationMs)
      if (outcome.done)
        audit.add({ action: 'MEMBER_MUTED', actor: actorOf(who), target: { kind: 'GROUP', id: groupId }, details: { userId, durationMs } })
      return { ...outcome, groupId }
    },
  }),
)

const UnmuteMemberInput = builder.inputType('UnmuteMemberInput', {
  description: 'Whose mute ends, and where.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'The group.' }),
    userId: t.id({ required: true, description: 'The member.' }),
  }),
})

const UnmuteMemberPayload = memberPayload('UnmuteMemberPayload', 'The member that may talk again, or why it may not.')

builder.mutationField('unmuteMember', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: UnmuteMemberPayload,
    ...audited('MEMBER_UNMUTED'),
    description:
      "Undoes a mute; for who is not muted it changes nothing. The group's manager and admins only, other members are FORBIDDEN; for all others the group is NOT_FOUND. User error: NOT_A_MEMBER.",
    args: { input: t.arg({ type: UnmuteMemberInput, required: true, description: 'Whose mute ends.' }) },
    resolve: async (_root, { input }, { floor, audit, ...who }) => {
      const [groupId, userId] = [fromGlobalId('Group', input.groupId), fromGlobalId('User', input.userId)]
      const outcome = await floor.unmuteMember(who.viewer, groupId, userId)
      if (outcome.done)
        audit.add({ action: 'MEMBER_UNMUTED', actor: actorOf(who), target: { kind: 'GROUP', id: groupId }, details: { userId } })
      return { ...outcome, groupId }
    },
  }),
)
