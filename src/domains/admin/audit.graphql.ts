import { encodeGlobalID } from '@pothos/plugin-relay'
import { AUDIT_ACTIONS, type AuditAction, type AuditDetails, type Target } from '../../database/audit-log.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { connect, connectionOf, keyedBy } from '../../graphql/pages.ts'
import { User } from '../users/users.graphql.ts'
import { type AuditEntry as Entry, readAuditLog } from './audit.ts'

const AuditAction = builder.enumType('AuditAction', {
  description: 'What was done, or, if the outcome is REFUSED, what somebody tried to do.',
  values: Object.fromEntries(Object.entries(AUDIT_ACTIONS).map(([action, description]) => [action, { description }])) as Record<
    AuditAction,
    { readonly description: string }
  >,
})

const AuditOutcome = builder.enumType('AuditOutcome', {
  description: 'What became of it.',
  values: {
    SUCCEEDED: { description: 'It was done.' },
    REFUSED: { description: 'It was refused: nothing was changed by it.' },
  } as const,
})

const AuditTargetKind = builder.enumType('AuditTargetKind', {
  description: 'What kind of thing something was done to.',
  values: {
    USER: { description: 'A user.' },
    GROUP: { description: 'A group, or a membership in it: the details name the member.' },
    SESSION: { description: 'A signed-in device.' },
    BURST: { description: 'A talk burst.' },
    PAIRING: { description: 'A device that waits to be signed in from another.' },
  } as const,
})

/** The type whose opaque id clients know, by kind of target and by name of detail. */
const TYPE_OF_TARGET: Record<Target['kind'], string> = {
  USER: 'User',
  GROUP: 'Group',
  SESSION: 'Session',
  BURST: 'TalkBurst',
  PAIRING: 'DevicePairing',
}
const TYPE_OF_DETAIL = new Map([
  ['userId', 'User'],
  ['managerId', 'User'],
  ['groupId', 'Group'],
  ['sessionId', 'Session'],
  ['burstId', 'TalkBurst'],
])

interface Detail {
  readonly name: string
  readonly value: AuditDetails[string]
}

const AuditDetail = builder.objectRef<Detail>('AuditDetail').implement({
  description: 'One of the facts that belong to an entry of the audit log.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Which fact, such as userId, priority or times.' }),
    value: t.string({
      nullable: true,
      description:
        'The fact: an opaque id where the name ends in Id and names a type of this schema, else a code, a number, true or false.',
      resolve: ({ name, value }) => {
        const type = TYPE_OF_DETAIL.get(name)
        if (value === null) return null
        return type === undefined ? String(value) : encodeGlobalID(type, String(value))
      },
    }),
  }),
})

const AuditEntry = builder.objectRef<Entry>('AuditEntry').implement({
  description:
    'Who did what, on what, from where, and what became of it. Entries are appended and never changed; the hash of each covers the one before.',
  fields: (t) => ({
    id: t.globalID({ description: 'Names this entry.', resolve: ({ id }) => ({ type: 'AuditEntry', id: id.toString() }) }),
    number: t.string({
      description: 'Its place in the log: counts from 1 without a gap. `npm run audit:verify` names entries by it.',
      resolve: ({ id }) => id.toString(),
    }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was.' }),
    action: t.expose('action', { type: AuditAction, description: 'What was done, or refused.' }),
    outcome: t.field({
      type: AuditOutcome,
      description: 'What became of it.',
      resolve: ({ outcome }) => (outcome === 'SUCCEEDED' ? outcome : 'REFUSED'),
    }),
    refusalCode: t.string({
      nullable: true,
      description: 'Why it was refused: what stood in `extensions.code`. Null if it succeeded.',
      resolve: ({ outcome }) => (outcome === 'SUCCEEDED' ? null : outcome),
    }),
    actor: t.prismaField({
      type: User,
      nullable: true,
      description: 'Who did it. Null for NEDA itself, for who was not signed in, and for who has been deleted since.',
      resolve: (query, { actorId }, _args, { db }) => {
        const what = { ...query }
        // Prisma makes one query of all that are asked for at once.
        return actorId === null ? null : db.user.findUnique({ ...what, where: { id: actorId, deletedAt: null } })
      },
    }),
    actorId: t.id({
      nullable: true,
      description: 'The user who did it, deleted or not. Null for NEDA itself, and for who was not signed in.',
      resolve: ({ actorId }) => actorId && encodeGlobalID('User', actorId),
    }),
    sessionId: t.id({
      nullable: true,
      description: 'The signed-in device from which it was done. Null where there was none.',
      resolve: ({ sessionId }) => sessionId && encodeGlobalID('Session', sessionId),
    }),
    address: t.exposeString('address', {
      nullable: true,
      description: 'The network address from which it was done. Null for NEDA itself.',
    }),
    targetKind: t.expose('targetKind', { type: AuditTargetKind, nullable: true, description: 'What kind of thing it was done to.' }),
    targetId: t.id({
      nullable: true,
      description: 'What it was done to, deleted or not. Null where there is no such thing.',
      resolve: ({ targetKind, targetId }) => (targetKind && targetId ? encodeGlobalID(TYPE_OF_TARGET[targetKind], targetId) : null),
    }),
    details: t.field({
      type: [AuditDetail],
      description: 'What else belongs to it: ids, numbers and codes, no names and no secrets.',
      resolve: ({ details }) => Object.entries(details).map(([name, value]) => ({ name, value })),
    }),
    hash: t.exposeString('hash', {
      description: 'SHA-256 of the hash of the entry before and of this entry, in hexadecimal.',
    }),
  }),
})

const AuditFilter = builder.inputType('AuditFilter', {
  description: 'Which entries; what is absent does not matter.',
  fields: (t) => ({
    actorId: t.id({ description: 'Only what this user did.' }),
    action: t.field({ type: AuditAction, description: 'Only this.' }),
    from: t.field({ type: 'DateTime', description: 'Only what was then or later.' }),
    to: t.field({ type: 'DateTime', description: 'Only what was before.' }),
  }),
})

const entries = keyedBy('auditEntry', /^\d{1,18}$/, BigInt)

builder.queryField('auditLog', (t) =>
  t.connection(
    {
      authScopes: { admin: true },
      type: AuditEntry,
      description:
        'What admins, managers and NEDA itself did, and who signed in or could not, newest first. Pages of 20, at most 100. Admins only. An actorId that is no id of a user is NOT_FOUND.',
      args: { filter: t.arg({ type: AuditFilter, description: 'Which of them.' }) },
      resolve: (_root, args, { db }) => {
        const { actorId, action, from, to } = args.filter ?? {}
        const filter = {
          actorId: actorId ? fromGlobalId('User', actorId) : null,
          action: action ?? null,
          from: from ?? null,
          to: to ?? null,
        }
        const cursors = { toKey: entries.toKey, toCursor: ({ id }: Entry) => entries.toCursor(id.toString()) }
        return connect(args, cursors, (page) => readAuditLog(db, filter, page))
      },
    },
    ...connectionOf('AuditEntry', 'audit entries'),
  ),
)
