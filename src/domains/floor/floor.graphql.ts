import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { selfContained } from '../../graphql/self-contained.ts'
import type { GroupId } from '../../ids.ts'
import { cursorOf, positionOf } from '../../realtime/cursor.ts'
import type { Burst, Floor as EngineFloor, FloorEvent } from '../../realtime/events.ts'
import { ended } from '../../realtime/feed.ts'
import type { SnapshotItem } from '../../realtime/stream.ts'
import { FloorPriority, Group } from '../groups/groups.graphql.ts'
import { User } from '../users/users.graphql.ts'
import { FloorState, SpeakerChangeKind, TalkBurstEndReason } from './floor-enums.graphql.ts'

const instant = (ms: number | null) => (ms === null ? null : new Date(ms))

export const TalkBurst = builder.objectRef<Burst>('TalkBurst').implement({
  description: 'One granted transmission: who spoke, when, and why it ended (a talk burst, 3GPP TS 24.380).',
  ...selfContained,
  fields: (t) => ({
    id: t.globalID({ description: 'Names this burst.', resolve: ({ id }) => ({ type: 'TalkBurst', id }) }),
    group: t.field({ type: Group, description: 'Where it was spoken.', resolve: ({ group }) => group }),
    speaker: t.field({ type: User, description: 'Who speaks or spoke.', resolve: ({ speaker }) => speaker }),
    priority: t.field({ type: FloorPriority, description: 'Its rank, fixed at the grant.', resolve: ({ priority }) => priority }),
    fencingToken: t.string({
      description:
        'A whole number that grows with every grant in the group: of two bursts the one with the higher token is right. Compare as numbers.',
      resolve: ({ fencingToken }) => fencingToken.toString(),
    }),
    startedAt: t.field({ type: 'DateTime', description: 'When it was granted.', resolve: ({ startedAt }) => new Date(startedAt) }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The talk limit: when it ends at the latest. Never the lease.',
      resolve: ({ expiresAt }) => new Date(expiresAt),
    }),
    endedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it ended; null while it runs.',
      resolve: ({ endedAt }) => instant(endedAt),
    }),
    durationMs: t.int({
      nullable: true,
      description: 'How long it lasted in milliseconds; null while it runs.',
      resolve: ({ startedAt, endedAt }) => (endedAt === null ? null : endedAt - startedAt),
    }),
    endReason: t.field({
      type: TalkBurstEndReason,
      nullable: true,
      description: 'Why it ended; null while it runs.',
      resolve: ({ endReason }) => endReason,
    }),
    revokedBy: t.field({
      type: User,
      nullable: true,
      description: 'The manager or admin who ended it, when one did.',
      resolve: ({ revokedBy }) => revokedBy,
    }),
  }),
})

export const Floor = builder.objectRef<EngineFloor>('Floor').implement({
  description: 'The right to talk in one group, as it stands now.',
  ...selfContained,
  fields: (t) => ({
    groupId: t.globalID({ description: 'The group.', resolve: ({ groupId }) => ({ type: 'Group', id: groupId }) }),
    state: t.field({ type: FloorState, description: 'Whether somebody has the floor.', resolve: ({ state }) => state }),
    burst: t.field({
      type: TalkBurst,
      nullable: true,
      description: 'Who talks now; null when nobody does.',
      resolve: ({ burst }) => burst,
    }),
    queueLength: t.exposeInt('queueLength', { description: 'How many floor requests wait.' }),
    epoch: t.exposeString('epoch', {
      description: 'A life of the real-time engine. A new one forgets everything before: take it as the new truth.',
    }),
    sequence: t.exposeInt('sequence', { description: "The number of the group's last floor event in this epoch." }),
    cursor: t.field({
      type: 'EventCursor',
      description: 'This position: give it to `speakerChanged` as `after` to hear what happened since.',
      resolve: (floor) => cursorOf('floor', floor.groupId, floor),
    }),
    serverTime: t.field({ type: 'DateTime', description: 'When this was so, by the server.', resolve: ({ at }) => new Date(at) }),
  }),
})

builder.prismaObjectField(Group, 'floor', (t) =>
  t.field({
    type: Floor,
    description: 'Who may speak in this group now.',
    resolve: ({ id }, _args, { floor }) => floor.floorOf(id as GroupId),
  }),
)

builder.queryField('floor', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: Floor,
    description: 'Who may speak in a group now. Members and admins may ask; for all others it is NOT_FOUND.',
    args: { groupId: t.arg.id({ required: true, description: 'The group.' }) },
    resolve: (_root, { groupId }, { floor, viewer }) => floor.floor(viewer, fromGlobalId('Group', groupId)),
  }),
)

const SpeakerChanged = builder.objectRef<FloorEvent | SnapshotItem<EngineFloor>>('SpeakerChanged').implement({
  description: 'Who speaks in a group, or how that changed. Every event carries the whole floor.',
  ...selfContained,
  fields: (t) => ({
    kind: t.field({ type: SpeakerChangeKind, description: 'What this event tells.', resolve: ({ kind }) => kind }),
    floor: t.field({ type: Floor, description: 'The floor after the event.', resolve: (item) => floorOf(item) }),
    previous: t.field({
      type: TalkBurst,
      nullable: true,
      description: 'The burst that this event ended.',
      resolve: (item) => ('snapshot' in item ? null : item.previous),
    }),
    gap: t.boolean({
      description: 'True when something happened since `after` that can no longer be told; SNAPSHOT only.',
      resolve: (item) => 'snapshot' in item && item.gap,
    }),
    cursor: t.field({
      type: 'EventCursor',
      description: 'The position of this event: give it as `after` to go on from here.',
      resolve: (item) => cursorOf('floor', floorOf(item).groupId, floorOf(item)),
    }),
  }),
})

const floorOf = (item: FloorEvent | SnapshotItem<EngineFloor>) => ('snapshot' in item ? item.snapshot : item.floor)

builder.subscriptionField('speakerChanged', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: SpeakerChanged,
    description:
      'Who speaks. With `after`: what was missed since then, in order. Then always one SNAPSHOT, which says: you are live. Then every change. A gap that cannot be filled is a SNAPSHOT with `gap: true`. Members and admins may watch; for all others the group is NOT_FOUND. A stream that the server ends says why in a last error: ACCESS_REVOKED, SESSION_REVOKED, GROUP_CLOSED or SLOW_CONSUMER.',
    ...selfContained,
    args: {
      groupId: t.arg.id({ required: true, description: 'The group.' }),
      after: t.arg({ type: 'EventCursor', description: 'The cursor of the last floor event that was seen.' }),
    },
    subscribe: (_root, args, { floor, viewer }) => {
      const groupId = fromGlobalId('Group', args.groupId)
      return floor.watch(viewer, groupId, positionOf('floor', groupId, args.after))
    },
    resolve: (item) => ended(item),
  }),
)
