import { audited } from '../../graphql/audited.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { GroupId, MemberId, UserId } from '../../ids.ts'
import { actorOf } from '../auth/actor.ts'
import { UserError } from '../outcome.graphql.ts'
import { idsOf, type Outcome } from '../outcome.ts'
import { FloorPriority, GroupMember, groupPayload, orAbsent } from './groups.graphql.ts'

/** A membership as it is now, by group and user. */
export const memberPayload = (name: string, description: string) =>
  builder.objectRef<Outcome<UserId> & { readonly groupId: GroupId }>(name).implement({
    description,
    fields: (t) => ({
      member: t.prismaField({
        type: GroupMember,
        nullable: true,
        description: 'The membership as it is now.',
        resolve: (query, { done, groupId }, _args, { db }) =>
          db.groupMember.findFirst({ ...query, where: { groupId, userId: { in: idsOf(done) }, deletedAt: null } }),
      }),
      userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
    }),
  })

const AddGroupMemberInput = builder.inputType('AddGroupMemberInput', {
  description: 'Who comes into which group.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'The group.' }),
    userId: t.id({ required: true, description: 'Who becomes a member.' }),
    canTalk: t.boolean({ description: 'False for who may only listen; true if absent.' }),
    priority: t.field({ type: FloorPriority, description: 'The highest rank of its floor requests, LOW to HIGH; NORMAL if absent.' }),
  }),
})

const rightsOf = (input: {
  groupId: string
  userId: string
  canTalk?: boolean | null | undefined
  priority?: typeof FloorPriority.$inferType | null | undefined
}) => ({
  groupId: fromGlobalId('Group', input.groupId),
  userId: fromGlobalId('User', input.userId),
  canTalk: orAbsent(input.canTalk),
  priority: orAbsent(input.priority),
})

const AddGroupMemberPayload = builder.objectRef<Outcome<MemberId>>('AddGroupMemberPayload').implement({
  description: 'The new membership, or why there is none.',
  fields: (t) => ({
    member: t.prismaField({
      type: GroupMember,
      nullable: true,
      description: 'The new membership.',
      resolve: (query, { done }, _args, { db }) => db.groupMember.findFirst({ ...query, where: { id: { in: idsOf(done) } } }),
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
  }),
})

builder.mutationField('addGroupMember', (t) =>
  t.withAuth({ admin: true }).field({
    type: AddGroupMemberPayload,
    ...audited('MEMBER_ADDED'),
    description:
      'Makes a user a member of a group. Admins only. An unknown group or user is NOT_FOUND. User errors: ALREADY_MEMBER, INVALID_VALUE.',
    args: { input: t.arg({ type: AddGroupMemberInput, required: true, description: 'Who comes into which group.' }) },
    resolve: (_root, { input }, context) => context.groups.addGroupMember(actorOf(context), rightsOf(input)),
  }),
)

const UpdateGroupMemberInput = builder.inputType('UpdateGroupMemberInput', {
  description: 'What changes of a membership; what is absent stays.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'The group.' }),
    userId: t.id({ required: true, description: 'The member.' }),
    canTalk: t.boolean({ description: 'False for who may only listen.' }),
    priority: t.field({ type: FloorPriority, description: 'The highest rank of its floor requests, LOW to HIGH.' }),
  }),
})

const UpdateGroupMemberPayload = memberPayload('UpdateGroupMemberPayload', 'The changed membership, or why it is not.')

builder.mutationField('updateGroupMember', (t) =>
  t.withAuth({ admin: true }).field({
    type: UpdateGroupMemberPayload,
    ...audited('MEMBER_UPDATED'),
    description:
      'Changes what a member may do. A lost right to talk ends its burst (NO_PERMISSION) and its waiting request (RECEIVE_ONLY) at once; a rank counts from the next press. Admins only. An unknown group is NOT_FOUND. User errors: NOT_A_MEMBER, INVALID_VALUE.',
    args: { input: t.arg({ type: UpdateGroupMemberInput, required: true, description: 'What changes.' }) },
    resolve: async (_root, { input }, context) => {
      const rights = rightsOf(input)
      return { ...(await context.groups.updateGroupMember(actorOf(context), rights)), groupId: rights.groupId }
    },
  }),
)

const RemoveGroupMemberInput = builder.inputType('RemoveGroupMemberInput', {
  description: 'Who leaves which group.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'The group.' }),
    userId: t.id({ required: true, description: 'Who is no longer a member.' }),
  }),
})

const RemoveGroupMemberPayload = groupPayload('RemoveGroupMemberPayload', 'The group without the member, or why nothing changed.')

builder.mutationField('removeGroupMember', (t) =>
  t.withAuth({ admin: true }).field({
    type: RemoveGroupMemberPayload,
    ...audited('MEMBER_REMOVED'),
    description:
      'Ends a membership at once: its talk burst ends MEMBER_REMOVED, its presence ends, its streams of this group end ACCESS_REVOKED. Admins only. User errors: NOT_A_MEMBER, GROUP_NEEDS_MANAGER.',
    args: { input: t.arg({ type: RemoveGroupMemberInput, required: true, description: 'Who leaves which group.' }) },
    resolve: (_root, { input }, context) =>
      context.groups.removeGroupMember(actorOf(context), {
        groupId: fromGlobalId('Group', input.groupId),
        userId: fromGlobalId('User', input.userId),
      }),
  }),
)
