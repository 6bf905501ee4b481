import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { selfContained } from '../../graphql/self-contained.ts'
import type { GroupId } from '../../ids.ts'
import { cursorOf, positionOf } from '../../realtime/cursor.ts'
import { HEARTBEAT_EVERY_MS } from '../../realtime/engine.ts'
import type { Presence, PresenceEvent, PresentMember as Present } from '../../realtime/events.ts'
import { ended } from '../../realtime/feed.ts'
import type { SnapshotItem } from '../../realtime/stream.ts'
import { Group } from '../groups/groups.graphql.ts'
import { UserError } from '../outcome.graphql.ts'
import { User } from '../users/users.graphql.ts'

const PresentMember = builder.objectRef<Present>('PresentMember').implement({
  description: 'A user who is present in a group, on one device or several.',
  ...selfContained,
  fields: (t) => ({
    user: t.field({ type: User, description: 'Who is present.', resolve: ({ person }) => person }),
    devices: t.exposeInt('devices', { description: 'On how many devices; 0 for who has just left.' }),
    since: t.field({ type: 'DateTime', description: 'Since when, on the first of them.', resolve: ({ since }) => new Date(since) }),
  }),
})

const PresenceChangeKind = builder.enumType('PresenceChangeKind', {
  description: 'What a presence event tells.',
  values: {
    SNAPSHOT: { description: 'Everyone who is present: you are live from here.' },
    JOINED: { description: "A user's first device came." },
    LEFT: { description: "A user's last device left, or was not heard of for 9.5 s." },
    UPDATED: { description: 'A user who stays present has one device more or less.' },
  } as const,
})

const PresenceChanged = builder.objectRef<PresenceEvent | SnapshotItem<Presence>>('PresenceChanged').implement({
  description: 'Who is present in a group, or how that changed.',
  ...selfContained,
  fields: (t) => ({
    kind: t.field({ type: PresenceChangeKind, description: 'What this event tells.', resolve: ({ kind }) => kind }),
    member: t.field({
      type: PresentMember,
      nullable: true,
      description: 'Who joined, left or changed; null in a SNAPSHOT.',
      resolve: (item) => ('snapshot' in item ? null : item.member),
    }),
    everyone: t.field({
      type: [PresentMember],
      nullable: true,
      description: 'Everyone who is present; SNAPSHOT only.',
      resolve: (item) => ('snapshot' in item ? [...item.snapshot.everyone] : null),
    }),
    gap: t.boolean({
      description: 'True when something happened since `after` that can no longer be told; SNAPSHOT only.',
      resolve: (item) => 'snapshot' in item && item.gap,
    }),
    cursor: t.field({
      type: 'EventCursor',
      description: 'The position of this event: give it as `after` to go on from here.',
      resolve: (item) => {
        const at = 'snapshot' in item ? item.snapshot : item
        return cursorOf('presence', at.groupId, at)
      },
    }),
  }),
})

builder.subscriptionField('presence', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: PresenceChanged,
    description:
      'Who is present. With `after`: what was missed since then, in order. Then always one SNAPSHOT, which says: you are live. Then every change. Members and admins may watch; for all others the group is NOT_FOUND. Subscribing is not joining. A stream that the server ends says why in a last error: ACCESS_REVOKED, SESSION_REVOKED, GROUP_CLOSED or SLOW_CONSUMER.',
    ...selfContained,
    args: {
      groupId: t.arg.id({ required: true, description: 'The group.' }),
      after: t.arg({ type: 'EventCursor', description: 'The cursor of the last presence event that was seen.' }),
    },
    subscribe: (_root, args, { presence, viewer }) => {
      const groupId = fromGlobalId('Group', args.groupId)
      return presence.watch(viewer, groupId, positionOf('presence', groupId, args.after))
    },
    resolve: (item) => ended(item),
  }),
)

const JoinGroupInput = builder.inputType('JoinGroupInput', {
  description: 'Where this device is present from now on.',
  fields: (t) => ({ groupId: t.id({ required: true, description: 'The group.' }) }),
})

/** Extended by the domains that know what a device may do once it has joined. */
export const JoinGroupPayload = builder.objectRef<{ groupId: GroupId }>('JoinGroupPayload').implement({
  description: 'This device is present.',
  fields: (t) => ({
    group: t.prismaField({
      type: Group,
      nullable: true,
      description: 'The group.',
      resolve: (query, { groupId }, _args, { db }) => db.group.findUnique({ ...query, where: { id: groupId } }),
    }),
    heartbeatEveryMs: t.int({
      description:
        'How often a device must be heard of to stay present, in milliseconds. An open WebSocket does that by itself; any other device calls `heartbeat`.',
      resolve: () => HEARTBEAT_EVERY_MS,
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  }),
})

builder.mutationField('joinGroup', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: JoinGroupPayload,
    description:
      'Makes this device present in a group. A repeat renews the media token and tells nobody. Members only: an admin who is none is FORBIDDEN, for all others the group is NOT_FOUND.',
    args: { input: t.arg({ type: JoinGroupInput, required: true, description: 'Which group.' }) },
    resolve: async (_root, { input }, { presence, viewer, connectionId }) => {
      const groupId = fromGlobalId('Group', input.groupId)
      await presence.joinGroup(viewer, connectionId, groupId)
      return { groupId }
    },
  }),
)

const LeaveGroupInput = builder.inputType('LeaveGroupInput', {
  description: 'Where this device is no longer present.',
  fields: (t) => ({ groupId: t.id({ required: true, description: 'The group.' }) }),
})

const LeaveGroupPayload = builder.objectRef<{ groupId: GroupId }>('LeaveGroupPayload').implement({
  description: 'This device is not present any more.',
  fields: (t) => ({
    group: t.prismaField({
      type: Group,
      nullable: true,
      description: 'The group.',
      resolve: (query, { groupId }, _args, { db }) => db.group.findUnique({ ...query, where: { id: groupId } }),
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  }),
})

builder.mutationField('leaveGroup', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: LeaveGroupPayload,
    description:
      "Ends this device's talk burst (RELEASED) and presence in a group at once; its streams stay open. Members only: an admin who is none is FORBIDDEN, for all others the group is NOT_FOUND.",
    args: { input: t.arg({ type: LeaveGroupInput, required: true, description: 'Which group.' }) },
    resolve: async (_root, { input }, { presence, viewer }) => {
      const groupId = fromGlobalId('Group', input.groupId)
      await presence.leaveGroup(viewer, groupId)
      return { groupId }
    },
  }),
)

const HeartbeatInput = builder.inputType('HeartbeatInput', {
  description: 'Where this device wants to stay present.',
  fields: (t) => ({ groupIds: t.idList({ required: true, description: 'The groups: at most 200.' }) }),
})

const HeartbeatPayload = builder.objectRef<{ presentIn: GroupId[] }>('HeartbeatPayload').implement({
  description: 'Where this device is present.',
  fields: (t) => ({
    presentIn: t.globalIDList({
      description: 'Those of the groups in which the device is present. A group that is missing has to be joined again.',
      resolve: ({ presentIn }) => presentIn.map((id) => ({ type: 'Group', id })),
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  }),
})

builder.mutationField('heartbeat', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: HeartbeatPayload,
    description:
      'Keeps a device present that has no WebSocket open: to be called every `heartbeatEveryMs`. It renews, it never joins. Anyone signed in may call it.',
    args: { input: t.arg({ type: HeartbeatInput, required: true, description: 'Which groups.' }) },
    resolve: async (_root, { input }, { presence, viewer }) => ({
      presentIn: await presence.heartbeat(
        viewer,
        input.groupIds.map((id) => fromGlobalId('Group', id)),
      ),
    }),
  }),
)
