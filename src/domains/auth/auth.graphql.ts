import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { UserId } from '../../ids.ts'
import { UserError } from '../outcome.graphql.ts'
import type { Outcome } from '../outcome.ts'
import { User } from '../users/users.graphql.ts'
import type { SignIn } from './auth.service.ts'

const Session = builder.prismaNode('Session', {
  description: 'A signed-in device. It holds the floor and is present, not its user.',
  id: { field: 'id', description: 'Names this session.' },
  fields: (t) => ({
    deviceName: t.exposeString('deviceName', { description: 'What the device was called at sign-in.' }),
    current: t.boolean({
      description: 'Whether it is the one that asks.',
      resolve: ({ id }, _args, { viewer }) => id === (viewer?.sessionId ?? id),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the device signed in.' }),
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', description: 'When it last got an access token.' }),
  }),
})

const LoginInput = builder.inputType('LoginInput', {
  description: 'Who signs in, and on what.',
  fields: (t) => ({
    username: t.string({ required: true, description: 'In any case.' }),
    password: t.string({ required: true, description: 'At most 128 characters.' }),
    deviceName: t.string({ description: 'Shown in the list of signed-in devices: 1 to 100 characters. "Unnamed device" if absent.' }),
  }),
})

const tokensPayload = (name: string, description: string) =>
  builder.objectRef<SignIn>(name).implement({
    description,
    fields: (t) => ({
      accessToken: t.exposeString('accessToken', {
        nullable: true,
        description: 'Sent as `Authorization: Bearer …` with every request, or as `authorization` in the payload of connection_init.',
      }),
      accessTokenExpiresAt: t.expose('accessTokenExpiresAt', {
        type: 'DateTime',
        nullable: true,
        description: 'When the access token ends.',
      }),
      refreshToken: t.exposeString('refreshToken', {
        nullable: true,
        description: 'A secret that `refreshSession` takes once for the next two. It ends 30 days after it was given.',
      }),
      session: t.prismaField({
        type: Session,
        nullable: true,
        description: 'The session of this device.',
        resolve: (query, { sessionId }, _args, { db }) => db.session.findUnique({ ...query, where: { id: sessionId } }),
      }),
      user: t.prismaField({
        type: User,
        nullable: true,
        description: 'Who is signed in.',
        resolve: (query, { userId }, _args, { db }) => db.user.findUnique({ ...query, where: { id: userId } }),
      }),
      userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
    }),
  })

const LoginPayload = tokensPayload('LoginPayload', 'The tokens of a new session.')
const RefreshSessionPayload = tokensPayload('RefreshSessionPayload', 'The next tokens of a session.')

builder.mutationField('login', (t) =>
  t.field({
    type: LoginPayload,
    authScopes: { public: true },
    description:
      'Opens a session for a device. Anyone may call it. Unknown, wrong and disabled are all INVALID_CREDENTIALS; RATE_LIMITED when too many sign in at once.',
    args: { input: t.arg({ type: LoginInput, required: true, description: 'Who signs in.' }) },
    resolve: (_root, { input }, { auth }) =>
      auth.login({ username: input.username, password: input.password, deviceName: input.deviceName ?? null }),
  }),
)

const RefreshSessionInput = builder.inputType('RefreshSessionInput', {
  description: 'Which session goes on.',
  fields: (t) => ({ refreshToken: t.string({ required: true, description: 'The last one that was given.' }) }),
})

builder.mutationField('refreshSession', (t) =>
  t.field({
    type: RefreshSessionPayload,
    authScopes: { public: true },
    description:
      'Gives the next access token and refresh token; the old refresh token is used up. Anyone may call it who has the refresh token. INVALID_REFRESH_TOKEN when it is unknown, used or ended.',
    args: { input: t.arg({ type: RefreshSessionInput, required: true, description: 'Which session goes on.' }) },
    resolve: (_root, { input }, { auth }) => auth.refreshSession(input.refreshToken),
  }),
)

builder.queryField('sessions', (t) =>
  t.withAuth({ signedIn: true }).prismaField({
    type: [Session],
    description: "One's own signed-in devices, the latest first. Anyone signed in may ask.",
    resolve: (query, _root, _args, { db, viewer }) =>
      db.session.findMany({
        ...query,
        where: { userId: viewer.id, revokedAt: null, expiresAt: { gt: new Date() } },
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      }),
  }),
)

/** For what ends something and has nothing to show. */
const endPayload = (name: string, description: string) =>
  builder.objectRef<object>(name).implement({
    description,
    fields: (t) => ({ userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }) }),
  })

const LogoutPayload = endPayload('LogoutPayload', 'This device is signed out.')

builder.mutationField('logout', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: LogoutPayload,
    description:
      'Signs this device out: its tokens end, its talk burst ends SESSION_REVOKED, its streams and sockets end. Anyone signed in may call it.',
    resolve: async (_root, _args, { auth, viewer }) => {
      await auth.revokeSession(viewer, viewer.sessionId)
      return {}
    },
  }),
)

const RevokeSessionInput = builder.inputType('RevokeSessionInput', {
  description: 'Which device is signed out.',
  fields: (t) => ({ sessionId: t.id({ required: true, description: "One of one's own sessions." }) }),
})

const RevokeSessionPayload = endPayload('RevokeSessionPayload', 'That device is signed out.')

builder.mutationField('revokeSession', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: RevokeSessionPayload,
    description: "Signs one of one's own devices out, as `logout` does. Anyone signed in may call it; another's session is NOT_FOUND.",
    args: { input: t.arg({ type: RevokeSessionInput, required: true, description: 'Which device.' }) },
    resolve: async (_root, { input }, { auth, viewer }) => {
      await auth.revokeSession(viewer, fromGlobalId('Session', input.sessionId))
      return {}
    },
  }),
)

const RevokeOtherSessionsPayload = endPayload('RevokeOtherSessionsPayload', 'All other devices are signed out.')

builder.mutationField('revokeOtherSessions', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: RevokeOtherSessionsPayload,
    description: "Signs all of one's devices out but this one, as `logout` does. Anyone signed in may call it.",
    resolve: async (_root, _args, { auth, viewer }) => {
      await auth.revokeOtherSessions(viewer)
      return {}
    },
  }),
)

const ChangePasswordInput = builder.inputType('ChangePasswordInput', {
  description: 'The old password and the new one.',
  fields: (t) => ({
    currentPassword: t.string({ required: true, description: 'The one that counts now.' }),
    newPassword: t.string({ required: true, description: '8 to 128 characters.' }),
  }),
})

const ChangePasswordPayload = builder.objectRef<Outcome<UserId>>('ChangePasswordPayload').implement({
  description: 'The new password counts, or why it does not.',
  fields: (t) => ({
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
  }),
})

builder.mutationField('changePassword', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: ChangePasswordPayload,
    description:
      "Changes one's own password and signs all other devices out. Anyone signed in may call it; a wrong current password is INVALID_CREDENTIALS. User error: WEAK_PASSWORD.",
    args: { input: t.arg({ type: ChangePasswordInput, required: true, description: 'The old password and the new one.' }) },
    resolve: (_root, { input }, { auth, viewer }) => auth.changePassword(viewer, input.currentPassword, input.newPassword),
  }),
)
