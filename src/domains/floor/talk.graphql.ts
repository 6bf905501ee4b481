import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { GroupId } from '../../ids.ts'
import { LEASE_MS, RENEW_EVERY_MS, type TalkAnswer, warnBeforeMs } from '../../realtime/engine.ts'
import type { Floor as EngineFloor } from '../../realtime/events.ts'
import { FloorPriority } from '../groups/groups.graphql.ts'
import { Floor, TalkBurst } from './floor.graphql.ts'
import { FloorDenyReason, TalkOutcome } from './floor-enums.graphql.ts'

const RequestTalkInput = builder.inputType('RequestTalkInput', {
  description: 'One press of the button.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Where to talk.' }),
    requestId: t.id({
      required: true,
      description: 'Names this press: 1 to 64 of A-Z, a-z, 0-9, _ and -. Fresh per press, the same in every repeat of it.',
    }),
    queue: t.boolean({ required: true, defaultValue: false, description: 'Whether to wait when somebody else talks.' }),
    priority: t.field({
      type: FloorPriority,
      description: "Its rank; the membership's if absent. A rank above the membership's counts as the membership's.",
    }),
  }),
})

/** Extended by the media domain with the way to be heard. */
export const RequestTalkPayload = builder.objectRef<TalkAnswer & { groupId: GroupId; requestId: string }>('RequestTalkPayload').implement({
  description: 'What became of a floor request, and the whole floor.',
  fields: (t) => ({
    outcome: t.field({ type: TalkOutcome, description: 'Granted, denied, or what a repeat finds.', resolve: ({ outcome }) => outcome }),
    requestId: t.exposeID('requestId', { description: 'The press that this answers.' }),
    burst: t.field({
      type: TalkBurst,
      nullable: true,
      description: 'GRANTED: the burst that runs. ENDED: the one that is over.',
      resolve: ({ burst }) => burst,
    }),
    remainingMs: t.exposeInt('remainingMs', {
      nullable: true,
      description:
        'GRANTED: milliseconds until the talk limit, or until the end of the grace of a speaker who is being cut off. Trust it more than clocks.',
    }),
    warnBeforeMs: t.int({
      nullable: true,
      description: 'GRANTED: how many milliseconds before the talk limit to warn.',
      resolve: ({ outcome, burst }) => (outcome === 'GRANTED' && burst ? warnBeforeMs(burst.expiresAt - burst.startedAt) : null),
    }),
    renewEveryMs: t.int({
      nullable: true,
      description: 'GRANTED: how often to call `renewTalk`, in milliseconds.',
      resolve: ({ outcome }) => (outcome === 'GRANTED' ? RENEW_EVERY_MS : null),
    }),
    leaseMs: t.int({
      nullable: true,
      description: 'GRANTED: a burst not renewed for so many milliseconds ends CONNECTION_LOST.',
      resolve: ({ outcome }) => (outcome === 'GRANTED' ? LEASE_MS : null),
    }),
    queuePosition: t.exposeInt('queuePosition', { nullable: true, description: 'QUEUED: the place in the order of service, from 1.' }),
    denyReason: t.field({ type: FloorDenyReason, nullable: true, description: 'DENIED: why.', resolve: ({ denyReason }) => denyReason }),
    retryAfterMs: t.exposeInt('retryAfterMs', {
      nullable: true,
      description: 'DENIED: milliseconds after which a new press can succeed; while somebody talks, the longest that it can take.',
    }),
    listenerCount: t.exposeInt('listenerCount', { description: 'How many other users were present at the decision. 0: nobody hears it.' }),
    floor: t.field({ type: Floor, description: 'Who talks now.', resolve: ({ floor }) => floor }),
  }),
})

builder.mutationField('requestTalk', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: RequestTalkPayload,
    description:
      'Button down (Floor Request): at most one device of a group is granted. Safe to repeat with the same requestId, which then answers its present state. A strictly higher rank pre-empts the speaker. Refusals are data. A new press joins the group. Members only: an admin who is none is FORBIDDEN, for all others the group is NOT_FOUND. REALTIME_UNAVAILABLE: nothing was granted, press again.',
    args: { input: t.arg({ type: RequestTalkInput, required: true, description: 'The press.' }) },
    resolve: async (_root, { input }, { floor, viewer, connectionId }) => {
      const groupId = fromGlobalId('Group', input.groupId)
      const request = { groupId, requestId: input.requestId, queue: input.queue, priority: input.priority ?? null }
      const answer = await floor.requestTalk(viewer, connectionId, request)
      return { ...answer, groupId, requestId: input.requestId }
    },
  }),
)

const ReleaseTalkInput = builder.inputType('ReleaseTalkInput', {
  description: 'The button is let go.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Where.' }),
    requestId: t.id({ required: true, description: 'The press that ends.' }),
  }),
})

const ReleaseTalkPayload = builder.objectRef<{ released: boolean; floor: EngineFloor }>('ReleaseTalkPayload').implement({
  description: 'Whether the release ended something, and the whole floor.',
  fields: (t) => ({
    released: t.exposeBoolean('released', {
      description:
        "True if this session's request held the floor or waited for it, also on repeat. False: nothing to end; the request, should it still arrive, is CANCELLED.",
    }),
    floor: t.field({ type: Floor, description: 'Who talks now.', resolve: ({ floor }) => floor }),
  }),
})

builder.mutationField('releaseTalk', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: ReleaseTalkPayload,
    description:
      "Button up (Floor Release): ends the burst of this press, or its waiting. Safe to repeat, and to arrive before its request. It never touches another device's burst, or a later one. Members only: an admin who is none is FORBIDDEN, for all others the group is NOT_FOUND.",
    args: { input: t.arg({ type: ReleaseTalkInput, required: true, description: 'The press that ends.' }) },
    resolve: (_root, { input }, { floor, viewer, connectionId }) =>
      floor.releaseTalk(viewer, connectionId, fromGlobalId('Group', input.groupId), input.requestId),
  }),
)

const RenewTalkInput = builder.inputType('RenewTalkInput', {
  description: 'The speaker is still there.',
  fields: (t) => ({
    groupId: t.id({ required: true, description: 'Where.' }),
    burstId: t.id({ required: true, description: 'The burst that goes on.' }),
  }),
})

const RenewTalkPayload = builder
  .objectRef<{ renewed: boolean; remainingMs: number | null; floor: EngineFloor }>('RenewTalkPayload')
  .implement({
    description: 'Whether the burst goes on, and the whole floor.',
    fields: (t) => ({
      renewed: t.exposeBoolean('renewed', { description: 'False: this burst is not yours or is over: stop talking.' }),
      remainingMs: t.exposeInt('remainingMs', { nullable: true, description: 'Milliseconds until the talk limit, if it goes on.' }),
      floor: t.field({ type: Floor, description: 'Who talks now.', resolve: ({ floor }) => floor }),
    }),
  })

builder.mutationField('renewTalk', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: RenewTalkPayload,
    description:
      'Keeps the floor, and takes up a grant out of the queue: to be called every `renewEveryMs`. A burst that is not renewed within its lease ends CONNECTION_LOST. It never lengthens the talk limit and never revives. Members only: an admin who is none is FORBIDDEN, for all others the group is NOT_FOUND.',
    args: { input: t.arg({ type: RenewTalkInput, required: true, description: 'The burst.' }) },
    resolve: (_root, { input }, { floor, viewer, connectionId }) =>
      floor.renewTalk(viewer, connectionId, fromGlobalId('Group', input.groupId), fromGlobalId('TalkBurst', input.burstId)),
  }),
)
