import { builder } from '../../graphql/builder.ts'
import { selfContained } from '../../graphql/self-contained.ts'
import type { UserId } from '../../ids.ts'
import { UserError } from '../outcome.graphql.ts'
import { idsOf, type Outcome } from '../outcome.ts'

const SystemRole = builder.enumType('SystemRole', {
  description: 'What a user may do in the whole system.',
  values: {
    ADMIN: { description: 'Manages users, groups and memberships; sees every group.' },
    USER: { description: 'Talks and listens in the groups it is a member of.' },
  } as const,
})

export const User = builder.prismaNode('User', {
  description: 'A person, who may be signed in on several devices.',
  select: { id: true, username: true, displayName: true },
  id: { field: 'id', description: 'Names this user.', ...selfContained },
  fields: (t) => ({
    username: t.string({ description: 'The name used to sign in.', resolve: ({ username }) => username, ...selfContained }),
    displayName: t.string({ description: 'The name shown to others.', resolve: ({ displayName }) => displayName, ...selfContained }),
    systemRole: t.field({
      type: SystemRole,
      description: 'What this user may do in the whole system.',
      select: { systemRole: true },
      resolve: ({ systemRole }) => systemRole,
    }),
    disabled: t.boolean({
      description: 'True while an admin keeps this user out.',
      select: { disabledAt: true },
      resolve: ({ disabledAt }) => disabledAt !== null,
    }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When this user was created.',
      select: { createdAt: true },
      resolve: ({ createdAt }) => createdAt,
    }),
  }),
})

builder.queryField('me', (t) =>
  t.withAuth({ signedIn: true }).prismaField({
    type: User,
    description: 'Who is signed in. Anyone signed in may ask.',
    resolve: (query, _root, _args, { db, viewer }) => db.user.findUniqueOrThrow({ ...query, where: { id: viewer.id } }),
  }),
)

const CreateUserInput = builder.inputType('CreateUserInput', {
  description: 'A new person.',
  fields: (t) => ({
    username: t.string({ required: true, description: 'Used to sign in, in any case: 1 to 100 characters.' }),
    displayName: t.string({ description: 'Shown to others: 1 to 100 characters. The username if absent.' }),
    password: t.string({ required: true, description: '8 to 128 characters.' }),
    systemRole: t.field({
      type: SystemRole,
      defaultValue: 'USER',
      required: true,
      description: 'What the user may do in the whole system.',
    }),
  }),
})

const CreateUserPayload = builder.objectRef<Outcome<UserId>>('CreateUserPayload').implement({
  description: 'The new user, or why there is none.',
  fields: (t) => ({
    user: t.prismaField({
      type: User,
      nullable: true,
      description: 'The new user.',
      resolve: (query, { done }, _args, { db }) => db.user.findFirst({ ...query, where: { id: { in: idsOf(done) } } }),
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
  }),
})

builder.mutationField('createUser', (t) =>
  t.withAuth({ admin: true }).field({
    type: CreateUserPayload,
    description: 'Creates a person who may sign in. Admins only. User errors: USERNAME_TAKEN, WEAK_PASSWORD.',
    args: { input: t.arg({ type: CreateUserInput, required: true, description: 'The new person.' }) },
    resolve: (_root, { input }, { users }) => users.createUser({ ...input, displayName: input.displayName ?? null }),
  }),
)
