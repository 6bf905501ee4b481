import { Refusal } from '../../errors.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { checkPage, connectionOf, withCursor } from '../../graphql/pages.ts'
import { selfContained } from '../../graphql/self-contained.ts'
import { text } from '../../input.ts'
import { matching } from '../../search.ts'

export const SystemRole = builder.enumType('SystemRole', {
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

builder.queryField('user', (t) =>
  t.withAuth({ signedIn: true }).prismaField({
    type: User,
    nullable: true,
    description: 'One user. Admins and the user itself may ask; for all others it is NOT_FOUND.',
    args: { id: t.arg.id({ required: true, description: "The user's id." }) },
    resolve: async (query, _root, args, { db, viewer }) => {
      const id = fromGlobalId('User', args.id)
      const isTheirs = viewer.systemRole === 'ADMIN' || viewer.id === id
      const user = await db.user.findFirst({ ...query, where: { id, deletedAt: null, ...(isTheirs ? {} : nobody) } })
      if (!user) throw new Refusal('NOT_FOUND')
      return user
    },
  }),
)

const nobody = { AND: { id: { in: [] } } }

const UserFilter = builder.inputType('UserFilter', {
  description: 'Which users; what is absent does not matter.',
  fields: (t) => ({
    search: t.string({ description: 'Every word of it is the beginning of a word in the username or the display name, in any case.' }),
    systemRole: t.field({ type: SystemRole, description: 'Only those of this role.' }),
    disabled: t.boolean({ description: 'Only those who are kept out, or only those who are not.' }),
  }),
})

builder.queryField('users', (t) =>
  t.withAuth({ admin: true }).prismaConnection(
    {
      type: User,
      cursor: 'id',
      description: 'All users, by username. Pages of 20, at most 100. Admins only.',
      args: { filter: t.arg({ type: UserFilter, description: 'Which of them.' }) },
      resolve: (query, _root, args, { db }) => {
        checkPage(args)
        const { search, systemRole, disabled } = args.filter ?? {}
        return db.user.findMany({
          ...query,
          where: withCursor(
            {
              deletedAt: null,
              ...matching(text(search ?? '', ['filter', 'search'])),
              ...(systemRole ? { systemRole } : {}),
              ...(typeof disabled === 'boolean' ? { disabledAt: disabled ? { not: null } : null } : {}),
            },
            args,
            {},
          ),
          orderBy: [{ username: 'asc' }, { id: 'asc' }],
        })
      },
    },
    ...connectionOf('User', 'users'),
  ),
)
