import { builder } from '../../graphql/builder.ts'
import { UserError } from '../outcome.graphql.ts'
import { User } from '../users/users.graphql.ts'
import type { SignIn } from './auth.service.ts'

const Session = builder.prismaNode('Session', {
  description: 'A signed-in device. It holds the floor and is present, not its user.',
  id: { field: 'id', description: 'Names this session.' },
  fields: (t) => ({
    deviceName: t.exposeString('deviceName', { description: 'What the device was called at sign-in.' }),
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

const LoginPayload = builder.objectRef<SignIn>('LoginPayload').implement({
  description: 'The tokens of a new session.',
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
    refreshToken: t.exposeString('refreshToken', { nullable: true, description: 'A secret that brings the next access token.' }),
    session: t.prismaField({
      type: Session,
      nullable: true,
      description: 'The new session.',
      resolve: (query, { sessionId }, _args, { db }) => db.session.findUnique({ ...query, where: { id: sessionId } }),
    }),
    user: t.prismaField({
      type: User,
      nullable: true,
      description: 'Who signed in.',
      resolve: (query, { userId }, _args, { db }) => db.user.findUnique({ ...query, where: { id: userId } }),
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  }),
})

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
