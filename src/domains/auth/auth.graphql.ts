import { badInput } from '../../errors.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { UserId } from '../../ids.ts'
import { UserError } from '../outcome.graphql.ts'
import type { Outcome } from '../outcome.ts'
import { User } from '../users/users.graphql.ts'
import type { SignIn } from './sessions.ts'

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
    lastUsedAt: t.expose('lastUsedAt', { type: 'DateTime', description: 'When it last got the next tokens.' }),
    address: t.exposeString('address', {
      nullable: true,
      description: 'The network address from which it signed in or last got the next tokens. Null if it is not known.',
    }),
    userAgent: t.exposeString('userAgent', {
      nullable: true,
      description: 'What its program called itself then: at most 200 characters. Null if it said nothing.',
    }),
  }),
})

const LoginInput = builder.inputType('LoginInput', {
  description: 'Who signs in, and on what.',
  fields: (t) => ({
    username: t.string({ required: true, description: 'In any case.' }),
    password: t.string({ required: true, description: 'At most 128 characters.' }),
    deviceName: t.string({ description: 'Shown in the list of signed-in devices: 1 to 100 characters. "Unnamed device" if absent.' }),
    totpCode: t.string({
      description: 'For who has a second factor: the six digits that the app shows now, or a recovery code. Each is good once.',
    }),
  }),
})

/** What a device has that signed in. */
export const sessionTokens = (name: string, description: string) =>
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
        description:
          'A secret that `refreshSession` takes once for the next two tokens. It ends 30 days after it was given, and 90 days after the sign-in.',
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
    }),
  })

function tokensPayload(name: string, description: string) {
  const payload = sessionTokens(name, description)
  builder.objectField(payload, 'userErrors', (t) =>
    t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  )
  return payload
}

const LoginPayload = tokensPayload('LoginPayload', 'The tokens of a new session.')
const RefreshSessionPayload = tokensPayload('RefreshSessionPayload', 'The next tokens of a session.')

builder.mutationField('login', (t) =>
  t.field({
    type: LoginPayload,
    authScopes: { public: true },
    description:
      'Opens a session for a device. Anyone may call it. Unknown, wrong and disabled are all INVALID_CREDENTIALS. RATE_LIMITED, with retryAfterMs, after too many wrong passwords for this account or from this address, and when too many sign in at once; a device that sends a valid access token of the same account is not held up by what others got wrong. TOTP_REQUIRED, INVALID_TOTP or INVALID_RECOVERY_CODE for who has a second factor.',
    args: { input: t.arg({ type: LoginInput, required: true, description: 'Who signs in.' }) },
    resolve: (_root, { input }, { auth, viewer, client }) => {
      const { username, password, deviceName = null, totpCode = null } = input
      return auth.login({ username, password, deviceName, totpCode }, { viewer, client })
    },
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
      'Gives the next access token and refresh token; the old refresh token is used up. Anyone may call it who has the refresh token. Whoever did not hear the answer asks again within 60 s and gets the same refresh token. REFRESH_TOKEN_REUSED when it comes back after its successor was used: somebody else has one of them, so the session ends, as `logout` ends it. INVALID_REFRESH_TOKEN when it is unknown or ended (RFC 9700, 4.14.2).',
    args: { input: t.arg({ type: RefreshSessionInput, required: true, description: 'Which session goes on.' }) },
    resolve: (_root, { input }, { auth, client }) => auth.refreshSession(input.refreshToken, client),
  }),
)

const RenewConnectionInput = builder.inputType('RenewConnectionInput', {
  description: 'What this connection goes on with.',
  fields: (t) => ({ accessToken: t.string({ required: true, description: "This session's next access token, from `refreshSession`." }) }),
})

const RenewConnectionPayload = builder.objectRef<{ readonly expiresAt: Date | null }>('RenewConnectionPayload').implement({
  description: 'This connection stays open.',
  fields: (t) => ({
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when, unless it is renewed again: the end of the access token.',
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  }),
})

builder.mutationField('renewConnection', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: RenewConnectionPayload,
    description:
      'Keeps this socket open past the end of the access token that it was opened with; without it the socket is closed with 4403 then. What is watched over HTTP ends UNAUTHENTICATED then: subscribe again with the next token and the last cursor. Anyone signed in may call it over a connection that stays open; over a plain POST it is BAD_USER_INPUT. The token of another session is FORBIDDEN, one that is not valid UNAUTHENTICATED.',
    args: { input: t.arg({ type: RenewConnectionInput, required: true, description: 'With which token.' }) },
    resolve: async (_root, { input }, { auth, connection }) => {
      if (!connection) throw badInput([], 'A plain request has no connection that could be renewed.')
      connection.renew(await auth.verify(input.accessToken))
      return connection
    },
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
    resolve: async (_root, _args, { auth, viewer, client }) => {
      await auth.revokeSession({ viewer, client }, viewer.sessionId)
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
    resolve: async (_root, { input }, { auth, viewer, client }) => {
      await auth.revokeSession({ viewer, client }, fromGlobalId('Session', input.sessionId))
      return {}
    },
  }),
)

const RevokeOtherSessionsPayload = endPayload('RevokeOtherSessionsPayload', 'All other devices are signed out.')

builder.mutationField('revokeOtherSessions', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: RevokeOtherSessionsPayload,
    description: "Signs all of one's devices out but this one, as `logout` does. Anyone signed in may call it.",
    resolve: async (_root, _args, { auth, viewer, client }) => {
      await auth.revokeOtherSessions({ viewer, client })
      return {}
    },
  }),
)

const ChangePasswordInput = builder.inputType('ChangePasswordInput', {
  description: 'The old password and the new one.',
  fields: (t) => ({
    currentPassword: t.string({ required: true, description: 'The one that counts now.' }),
    newPassword: t.string({
      required: true,
      description: '15 to 128 characters (PASSWORD_MIN_LENGTH), 8 with a second factor, and none of the most common ones.',
    }),
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
      "Changes one's own password and signs all other devices out. Anyone signed in may call it; a wrong current password is INVALID_CREDENTIALS, and RATE_LIMITED after too many. User error: WEAK_PASSWORD.",
    args: { input: t.arg({ type: ChangePasswordInput, required: true, description: 'The old password and the new one.' }) },
    resolve: (_root, { input }, { auth, viewer, client }) =>
      auth.changePassword({ viewer, client }, input.currentPassword, input.newPassword),
  }),
)
