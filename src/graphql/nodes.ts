import { brandWithType } from '@pothos/core'
import { decodeGlobalID } from '@pothos/plugin-relay'
import type { Viewer } from '../domains/auth/auth.service.ts'
import { badInput, Refusal } from '../errors.ts'
import { builder } from './builder.ts'
import { type Context, viewerOf } from './context.ts'
import { UUID } from './global-ids.ts'

const MOST_NODES = 100

/** How each type is found by id, and only by who may see it. */
const finders = {
  User: ({ db }: Context, viewer: Viewer, id: string) =>
    db.user.findFirst({
      where: { id, deletedAt: null, ...(viewer.systemRole === 'ADMIN' ? {} : { OR: [{ id: viewer.id }, sharesGroup(viewer)] }) },
    }),
  Group: ({ db }: Context, viewer: Viewer, id: string) => db.group.findFirst({ where: { id, deletedAt: null, ...ownGroups(viewer) } }),
  GroupMember: ({ db }: Context, viewer: Viewer, id: string) =>
    db.groupMember.findFirst({ where: { id, deletedAt: null, group: { deletedAt: null, ...ownGroups(viewer) } } }),
  Session: ({ db }: Context, viewer: Viewer, id: string) =>
    db.session.findFirst({ where: { id, userId: viewer.id, revokedAt: null, expiresAt: { gt: new Date() } } }),
} as const

const isNodeType = (name: string): name is keyof typeof finders => Object.hasOwn(finders, name)

const memberOf = ({ id }: Viewer) => ({ members: { some: { userId: id, deletedAt: null } } })

const ownGroups = (viewer: Viewer) => (viewer.systemRole === 'ADMIN' ? {} : memberOf(viewer))

const sharesGroup = (viewer: Viewer) => ({ memberships: { some: { deletedAt: null, group: { deletedAt: null, ...memberOf(viewer) } } } })

async function findNode(context: Context, globalId: string): Promise<object> {
  const { typename, id } = parse(globalId)
  const found = isNodeType(typename) && UUID.test(id) ? await finders[typename](context, viewerOf(context), id) : null
  if (!found) throw new Refusal('NOT_FOUND')
  brandWithType(found, typename as never)
  return found
}

function parse(globalId: string) {
  try {
    return decodeGlobalID(globalId)
  } catch {
    throw new Refusal('NOT_FOUND')
  }
}

const Node = builder.nodeInterfaceRef()

builder.queryField('node', (t) =>
  t.field({
    type: Node,
    nullable: true,
    authScopes: { signedIn: true },
    description:
      "Anything by its id: users (oneself, those of one's groups), groups and memberships of one's own, one's sessions. NOT_FOUND for what is not one's to see. Anyone signed in may ask; admins see all users and groups.",
    args: { id: t.arg.id({ required: true, description: 'The id.' }) },
    resolve: (_root, { id }, context) => findNode(context, id),
  }),
)

builder.queryField('nodes', (t) =>
  t.field({
    type: [Node],
    nullable: { list: false, items: true },
    authScopes: { signedIn: true },
    description:
      "Several things by their ids, in that order, as `node` does; null, with an error NOT_FOUND, for what is not one's to see. Anyone signed in may ask.",
    args: { ids: t.arg.idList({ required: true, description: 'The ids: at most 100.' }) },
    resolve: (_root, { ids }, context) => {
      if (ids.length > MOST_NODES) throw badInput(['ids'], `At most ${MOST_NODES} ids at once.`)
      return ids.map((id) => findNode(context, id))
    },
  }),
)
