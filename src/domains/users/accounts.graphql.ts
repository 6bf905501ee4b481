import { audited } from '../../graphql/audited.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { UserId } from '../../ids.ts'
import { actorOf } from '../auth/actor.ts'
import { UserError } from '../outcome.graphql.ts'
import { idsOf, type Outcome } from '../outcome.ts'
import { SystemRole, User } from './users.graphql.ts'

const CreateUserInput = builder.inputType('CreateUserInput', {
  description: 'A new person.',
  fields: (t) => ({
    username: t.string({ required: true, description: 'Used to sign in, in any case: 1 to 100 characters.' }),
    displayName: t.string({ description: 'Shown to others: 1 to 100 characters. The username if absent.' }),
    password: t.string({ required: true, description: '15 to 128 characters (PASSWORD_MIN_LENGTH), and none of the most common ones.' }),
    systemRole: t.field({
      type: SystemRole,
      defaultValue: 'USER',
      required: true,
      description: 'What the user may do in the whole system.',
    }),
  }),
})

/** A user as it is now. */
const userPayload = (name: string, description: string) =>
  builder.objectRef<Outcome<UserId>>(name).implement({
    description,
    fields: (t) => ({
      user: t.prismaField({
        type: User,
        nullable: true,
        description: 'The user as it is now.',
        resolve: (query, { done }, _args, { db }) => db.user.findFirst({ ...query, where: { id: { in: idsOf(done) } } }),
      }),
      userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
    }),
  })

const CreateUserPayload = userPayload('CreateUserPayload', 'The new user, or why there is none.')

builder.mutationField('createUser', (t) =>
  t.withAuth({ admin: true }).field({
    type: CreateUserPayload,
    ...audited('USER_CREATED'),
    description: 'Creates a person who may sign in. Admins only. User errors: USERNAME_TAKEN, WEAK_PASSWORD.',
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'The new person.' }) },
    resolve: (_root, { input }, context) =>
      context.users.createUser(actorOf(context), { ...input, displayName: input.displayName ?? null }),
  }),
)

const UpdateUserInput = builder.inputType('UpdateUserInput', {
  description: 'What changes of a user; what is absent stays.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'The user.' }),
    username: t.string({ description: 'Used to sign in, in any case: 1 to 100 characters.' }),
    displayName: t.string({ description: 'Shown to others: 1 to 100 characters.' }),
    systemRole: t.field({ type: SystemRole, description: 'What the user may do in the whole system.' }),
  }),
})

const UpdateUserPayload = userPayload('UpdateUserPayload', 'The changed user, or why it is not.')

builder.mutationField('updateUser', (t) =>
  t.withAuth({ admin: true }).field({
    type: UpdateUserPayload,
    ...audited('USER_UPDATED'),
    description:
      "Changes a user. A former admin's streams of groups that are not its own end ACCESS_REVOKED. Admins only. An unknown user is NOT_FOUND. User errors: USERNAME_TAKEN, LAST_ADMIN.",
    args: { input: t.arg({ type: UpdateUserInput, required: true, description: 'What changes.' }) },
    resolve: (_root, { input }, context) =>
      context.users.updateUser(actorOf(context), {
        userId: fromGlobalId('User', input.userId),
        username: input.username ?? undefined,
        displayName: input.displayName ?? undefined,
        systemRole: input.systemRole ?? undefined,
      }),
  }),
)

const DisableUserInput = builder.inputType('DisableUserInput', {
  description: 'Who is kept out.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user.' }) }),
})

const DisableUserPayload = userPayload('DisableUserPayload', 'The disabled user, or why it is not.')

builder.mutationField('disableUser', (t) =>
  t.withAuth({ admin: true }).field({
    type: DisableUserPayload,
    ...audited('USER_DISABLED'),
    description:
      'Keeps a user out, on every device, at once: sessions, streams, sockets and talk bursts end SESSION_REVOKED. Memberships stay. Admins only. An unknown user is NOT_FOUND. User errors: GROUP_NEEDS_MANAGER, LAST_ADMIN.',
    args: { input: t.arg({ type: DisableUserInput, required: true, description: 'Who is kept out.' }) },
    resolve: (_root, { input }, context) => context.users.disableUser(actorOf(context), fromGlobalId('User', input.userId)),
  }),
)

const EnableUserInput = builder.inputType('EnableUserInput', {
  description: 'Who may come back.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user.' }) }),
})

const EnableUserPayload = userPayload('EnableUserPayload', 'The user who may sign in again, or why not.')

builder.mutationField('enableUser', (t) =>
  t.withAuth({ admin: true }).field({
    type: EnableUserPayload,
    ...audited('USER_ENABLED'),
    description: 'Lets a disabled user sign in again. Admins only. An unknown user is NOT_FOUND.',
    args: { input: t.arg({ type: EnableUserInput, required: true, description: 'Who may come back.' }) },
    resolve: (_root, { input }, context) => context.users.enableUser(actorOf(context), fromGlobalId('User', input.userId)),
  }),
)

const DeleteUserInput = builder.inputType('DeleteUserInput', {
  description: 'Who is deleted.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user.' }) }),
})

const DeleteUserPayload = userPayload('DeleteUserPayload', 'The deleted user for the last time, or why it is not deleted.')

builder.mutationField('deleteUser', (t) =>
  t.withAuth({ admin: true }).field({
    type: DeleteUserPayload,
    ...audited('USER_DELETED'),
    description:
      'Deletes a user: out of all groups, on every device, at once, as `disableUser` does. Its username is free again; history still names it. Admins only. An unknown user is NOT_FOUND. User errors: GROUP_NEEDS_MANAGER, LAST_ADMIN.',
    args: { input: t.arg({ type: DeleteUserInput, required: true, description: 'Who is deleted.' }) },
    resolve: (_root, { input }, context) => context.users.deleteUser(actorOf(context), fromGlobalId('User', input.userId)),
  }),
)

const ResetUserPasswordInput = builder.inputType('ResetUserPasswordInput', {
  description: 'Whose password is replaced, and by what.',
  fields: (t) => ({
    userId: t.id({ required: true, description: 'The user.' }),
    newPassword: t.string({ required: true, description: '15 to 128 characters (PASSWORD_MIN_LENGTH), and none of the most common ones.' }),
  }),
})

const ResetUserPasswordPayload = userPayload('ResetUserPasswordPayload', 'The user with the new password, or why it has none.')

builder.mutationField('resetUserPassword', (t) =>
  t.withAuth({ admin: true }).field({
    type: ResetUserPasswordPayload,
    ...audited('PASSWORD_RESET'),
    description:
      "Replaces a user's password and signs all its devices out. Admins only. An unknown user is NOT_FOUND. User error: WEAK_PASSWORD.",
    args: { input: t.arg({ type: ResetUserPasswordInput, required: true, description: 'Whose password, and which.' }) },
    resolve: (_root, { input }, context) =>
      context.users.resetUserPassword(actorOf(context), fromGlobalId('User', input.userId), input.newPassword),
  }),
)
