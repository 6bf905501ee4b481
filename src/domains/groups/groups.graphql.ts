import { audited } from '../../graphql/audited.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { checkPage, connectionOf, withCursor } from '../../graphql/pages.ts'
import { selfContained } from '../../graphql/self-contained.ts'
import type { GroupId } from '../../ids.ts'
import { text } from '../../input.ts'
import { matching } from '../../search.ts'
import { actorOf } from '../auth/actor.ts'
import { UserError } from '../outcome.graphql.ts'
import { idsOf, type Outcome } from '../outcome.ts'

const GroupRole = builder.enumType('GroupRole', {
  description: 'What a member may do in one group.',
  values: {
    GROUP_MANAGER: { description: 'Real-time authority in this group: stops the speaker. Exactly one in each group.' },
    MEMBER: { description: 'Talks and listens.' },
  } as const,
})

export const FloorPriority = builder.enumType('FloorPriority', {
  description: 'Rank of a floor request; only a strictly greater one pre-empts. A membership has LOW to HIGH.',
  values: {
    LOW: { description: 'Below the ordinary.' },
    NORMAL: { description: 'The ordinary rank of a member.' },
    HIGH: { description: "Above the ordinary; the manager's in the own group." },
    EMERGENCY: { description: 'Comes with an emergency alert only.' },
  } as const,
})

export const GroupMember = builder.prismaNode('GroupMember', {
  description: 'That a user belongs to a group.',
  id: { field: 'id', description: 'Names this membership.' },
  fields: (t) => ({
    user: t.relation('user', { description: 'Who belongs to the group.' }),
    role: t.expose('role', { type: GroupRole, description: 'What the member may do in this group.' }),
    canTalk: t.exposeBoolean('canTalk', { description: 'False for who may only listen: its presses are DENIED RECEIVE_ONLY.' }),
    priority: t.field({
      type: FloorPriority,
      description: "The highest rank of its floor requests; a manager's is HIGH.",
      resolve: ({ role, priority }) => (role === 'GROUP_MANAGER' ? 'HIGH' : priority),
    }),
  }),
})

export const Group = builder.prismaNode('Group', {
  description: 'People who share one floor: only one of them speaks at a time.',
  select: { id: true, name: true },
  id: { field: 'id', description: 'Names this group.', ...selfContained },
  fields: (t) => ({
    name: t.string({ description: 'What the group is called.', resolve: ({ name }) => name, ...selfContained }),
    description: t.string({
      nullable: true,
      description: 'What the group is for.',
      select: { description: true },
      resolve: ({ description }) => description,
    }),
    talkLimitMs: t.int({
      description: 'The longest talk burst in milliseconds, 5000 to 300000.',
      select: { talkLimitMs: true },
      resolve: ({ talkLimitMs }) => talkLimitMs,
    }),
    queueCapacity: t.int({
      description: 'How many floor requests may wait; 0 is no queue.',
      select: { queueCapacity: true },
      resolve: ({ queueCapacity }) => queueCapacity,
    }),
    preemptGraceMs: t.int({
      description: 'How long a pre-empted speaker may finish, in milliseconds, 0 to 3000.',
      select: { preemptGraceMs: true },
      resolve: ({ preemptGraceMs }) => preemptGraceMs,
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When the group was created.',
      select: { createdAt: true },
      resolve: ({ createdAt }) => createdAt,
    }),
    manager: t.field({
      type: GroupMember,
      description: 'The one member with real-time authority in this group.',
      select: (_args, _context, nestedSelection) => ({
        members: { ...(nestedSelection() as object), where: { deletedAt: null, role: 'GROUP_MANAGER' }, take: 1 },
      }),
      resolve: ({ members: [manager] }) => {
        if (!manager) throw new Error('an active group has a manager')
        return manager
      },
    }),
    members: t.relatedConnection(
      'members',
      {
        description: 'Who belongs to the group, in the order of joining. Pages of 20, at most 100.',
        cursor: 'id',
        query: (args) => {
          checkPage(args)
          return { where: withCursor({ deletedAt: null }, args, {}), orderBy: { id: 'asc' } }
        },
      },
      ...connectionOf('GroupMember', 'members'),
    ),
  }),
})

builder.queryField('group', (t) =>
  t.withAuth({ signedIn: true }).prismaField({
    type: Group,
    nullable: true,
    description: 'One group. Its members and admins may ask; for all others it is NOT_FOUND.',
    args: { id: t.arg.id({ required: true, description: "The group's id." }) },
    resolve: async (query, _root, args, { db, groups, viewer }) => {
      const { group } = await groups.visible(viewer, fromGlobalId('Group', args.id))
      return db.group.findUnique({ ...query, where: { id: group.id } })
    },
  }),
)

const GroupFilter = builder.inputType('GroupFilter', {
  description: 'Which groups; what is absent does not matter.',
  fields: (t) => ({
    search: t.string({ description: 'Every word of it is the beginning of a word in the name, in any case.' }),
    memberId: t.id({ description: 'Only those that this user is in.' }),
  }),
})

builder.queryField('groups', (t) =>
  t.withAuth({ signedIn: true }).prismaConnection(
    {
      type: Group,
      cursor: 'id',
      description:
        'The groups one may see, by name: for admins all, for others their own. Pages of 20, at most 100. Anyone signed in may ask.',
      args: { filter: t.arg({ type: GroupFilter, description: 'Which of them.' }) },
      resolve: (query, _root, args, { db, viewer }) => {
        checkPage(args)
        const { search, memberId } = args.filter ?? {}
        const isMember =
          typeof memberId === 'string' ? [{ members: { some: { userId: fromGlobalId('User', memberId), deletedAt: null } } }] : []
        const where = { AND: [visibleTo(viewer), matching(text(search ?? '', ['filter', 'search'])), ...isMember] }
        return db.group.findMany({
          ...query,
          where: withCursor(where, args, onceVisibleTo(viewer)),
          orderBy: [{ name: 'asc' }, { id: 'asc' }],
        })
      },
    },
    ...connectionOf('Group', 'groups'),
  ),
)

/** Those that one sees or has seen. */
const onceVisibleTo = ({ id, systemRole }: { id: string; systemRole: 'ADMIN' | 'USER' }) =>
  systemRole === 'ADMIN' ? {} : { members: { some: { userId: id } } }

const visibleTo = ({ id, systemRole }: { id: string; systemRole: 'ADMIN' | 'USER' }) => ({
  deletedAt: null,
  ...(systemRole === 'ADMIN' ? {} : { members: { some: { userId: id, deletedAt: null } } }),
})

const CreateGroupInput = builder.inputType('CreateGroupInput', {
  description: 'A new group.',
  fields: (t) => ({
    name: t.string({ required: true, description: '1 to 100 characters.' }),
    description: t.string({ description: 'At most 2000 characters.' }),
    managerId: t.id({ required: true, description: 'The user who becomes its manager.' }),
    memberIds: t.idList({ description: 'Users who become members: at most 200.' }),
    talkLimitMs: t.int({ description: 'The longest talk burst in milliseconds, 5000 to 300000; 30000 if absent.' }),
    queueCapacity: t.int({ description: 'How many floor requests may wait, 0 to 100; 10 if absent, 0 is no queue.' }),
    preemptGraceMs: t.int({ description: 'How long a pre-empted speaker may finish, in milliseconds, 0 to 3000; 500 if absent.' }),
  }),
})

/** What was not said, or said to be nothing. */
export const orAbsent = <T>(value: T | null | undefined): T | undefined => value ?? undefined

const settingsOf = (input: {
  talkLimitMs?: number | null | undefined
  queueCapacity?: number | null | undefined
  preemptGraceMs?: number | null | undefined
}) => ({
  talkLimitMs: orAbsent(input.talkLimitMs),
  queueCapacity: orAbsent(input.queueCapacity),
  preemptGraceMs: orAbsent(input.preemptGraceMs),
})

export const groupPayload = (name: string, description: string) =>
  builder.objectRef<Outcome<GroupId>>(name).implement({
    description,
    fields: (t) => ({
      group: t.prismaField({
        type: Group,
        nullable: true,
        description: 'The group as it is now.',
        resolve: (query, { done }, _args, { db }) => db.group.findFirst({ ...query, where: { id: { in: idsOf(done) } } }),
      }),
      userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
    }),
  })

const CreateGroupPayload = groupPayload('CreateGroupPayload', 'The new group, or why there is none.')

builder.mutationField('createGroup', (t) =>
  t.withAuth({ admin: true }).field({
    type: CreateGroupPayload,
    ...audited('GROUP_CREATED'),
    description: 'Creates a group with its manager and members. Admins only. An unknown user is NOT_FOUND. User error: INVALID_VALUE.',
    args: { input: t.arg({ type: CreateGroupInput, required: true, description: 'The new group.' }) },
    resolve: (_root, { input }, context) =>
      context.groups.createGroup(actorOf(context), {
        name: input.name,
        description: input.description ?? null,
        managerId: fromGlobalId('User', input.managerId),
        memberIds: (input.memberIds ?? []).map((id) => fromGlobalId('User', id)),
        settings: settingsOf(input),
      }),
  }),
)

const UpdateGroupInput = builder.inputType('UpdateGroupInput', {
  description: 'What changes of a group; what is absent stays.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'The group.' }),
    name: t.string({ description: '1 to 100 characters.' }),
    description: t.string({ description: 'At most 2000 characters; null for none.' }),
    talkLimitMs: t.int({ description: 'The longest talk burst in milliseconds, 5000 to 300000.' }),
    queueCapacity: t.int({ description: 'How many floor requests may wait, 0 to 100; 0 is no queue.' }),
    preemptGraceMs: t.int({ description: 'How long a pre-empted speaker may finish, in milliseconds, 0 to 3000.' }),
  }),
})

const UpdateGroupPayload = groupPayload('UpdateGroupPayload', 'The changed group, or why it is not.')

builder.mutationField('updateGroup', (t) =>
  t.withAuth({ admin: true }).field({
    type: UpdateGroupPayload,
    ...audited('GROUP_UPDATED'),
    description:
      'Changes a group; its talk settings count from the next press. Admins only. An unknown group is NOT_FOUND. User error: INVALID_VALUE.',
    args: { input: t.arg({ type: UpdateGroupInput, required: true, description: 'What changes.' }) },
    resolve: (_root, { input }, context) =>
      context.groups.updateGroup(actorOf(context), {
        groupId: fromGlobalId('Group', input.groupId),
        name: orAbsent(input.name),
        description: input.description,
        settings: settingsOf(input),
      }),
  }),
)

const DeleteGroupInput = builder.inputType('DeleteGroupInput', {
  description: 'Which group is deleted.',
  fields: (t) => ({ groupId: t.id({ required: true, description: 'The group.' }) }),
})

const DeleteGroupPayload = groupPayload('DeleteGroupPayload', 'The deleted group for the last time.')

builder.mutationField('deleteGroup', (t) =>
  t.withAuth({ admin: true }).field({
    type: DeleteGroupPayload,
    ...audited('GROUP_DELETED'),
    description:
      'Deletes a group: its talk burst ends GROUP_CLOSED, its floor is CLOSED, its streams end GROUP_CLOSED; its history stays. Admins only. An unknown group is NOT_FOUND.',
    args: { input: t.arg({ type: DeleteGroupInput, required: true, description: 'Which group.' }) },
    resolve: (_root, { input }, context) => context.groups.deleteGroup(actorOf(context), fromGlobalId('Group', input.groupId)),
  }),
)

const AssignGroupManagerInput = builder.inputType('AssignGroupManagerInput', {
  description: 'Who manages which group from now on.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'The group.' }),
    userId: t.id({ required: true, description: 'One of its members.' }),
  }),
})

const AssignGroupManagerPayload = groupPayload('AssignGroupManagerPayload', 'The group with its new manager, or why it keeps the old one.')

builder.mutationField('assignGroupManager', (t) =>
  t.withAuth({ admin: true }).field({
    type: AssignGroupManagerPayload,
    ...audited('MANAGER_ASSIGNED'),
    description:
      'Hands a group over: the former manager becomes a member; a talk burst that runs keeps its rank. Admins only. An unknown group or user is NOT_FOUND. User errors: NOT_A_MEMBER, INVALID_VALUE (the user is disabled).',
    args: { input: t.arg({ type: AssignGroupManagerInput, required: true, description: 'Who manages which group.' }) },
    resolve: (_root, { input }, context) =>
      context.groups.assignGroupManager(actorOf(context), {
        groupId: fromGlobalId('Group', input.groupId),
        userId: fromGlobalId('User', input.userId),
      }),
  }),
)
