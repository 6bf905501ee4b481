import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { FloorMessage as Message } from '../../realtime/events.ts'
import { ended } from '../../realtime/feed.ts'
import { Floor, TalkBurst } from './floor.graphql.ts'
import { FloorDenyReason, TalkBurstEndReason } from './floor-enums.graphql.ts'

const FloorMessageKind = builder.enumType('FloorMessageKind', {
  description: 'What one device is told of its own request or burst.',
  values: {
    GRANTED: {
      description:
        'The floor is yours: out of the queue, and then to be taken up within `acceptWithinMs`; or still, for who was to cut you off withdrew.',
    },
    QUEUED: { description: 'You wait at another place: `queuePosition`.' },
    DENIED: { description: 'You wait no longer: `denyReason` says why.' },
    REVOKED: { description: 'Stop talking: within `graceMs`, or at once when that is 0. `endReason` says why.' },
    LIMIT_WARNING: { description: 'The talk limit is near: `remainingMs`.' },
  } as const,
})

/** Extended by the media domain with the way to be heard. */
export const FloorMessage = builder.objectRef<Message>('FloorMessage').implement({
  description: 'Said to this device only, of what it did not ask for at this moment.',
  fields: (t) => ({
    kind: t.field({ type: FloorMessageKind, description: 'What it is about.', resolve: ({ kind }) => kind }),
    requestId: t.id({ nullable: true, description: 'The press that it is about.', resolve: ({ requestId }) => requestId }),
    burst: t.field({
      type: TalkBurst,
      nullable: true,
      description: 'GRANTED, REVOKED, LIMIT_WARNING: the burst.',
      resolve: ({ burst }) => burst,
    }),
    queuePosition: t.exposeInt('queuePosition', { nullable: true, description: 'QUEUED: the place in the order of service, from 1.' }),
    remainingMs: t.exposeInt('remainingMs', { nullable: true, description: 'GRANTED, LIMIT_WARNING: milliseconds until the talk limit.' }),
    graceMs: t.exposeInt('graceMs', {
      nullable: true,
      description: 'REVOKED: how many milliseconds are left to finish; 0 when it is over.',
    }),
    acceptWithinMs: t.exposeInt('acceptWithinMs', {
      nullable: true,
      description: 'GRANTED out of the queue: renew, or repeat the request, within so many milliseconds, or the burst ends NOT_STARTED.',
    }),
    denyReason: t.field({ type: FloorDenyReason, nullable: true, description: 'DENIED: why.', resolve: ({ denyReason }) => denyReason }),
    endReason: t.field({ type: TalkBurstEndReason, nullable: true, description: 'REVOKED: why.', resolve: ({ endReason }) => endReason }),
    floor: t.field({ type: Floor, description: 'Who talks now.', resolve: ({ floor }) => floor }),
  }),
})

builder.subscriptionField('floorMessage', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: FloorMessage,
    description:
      'To this device only: granted out of the queue, position, denied, revoked, limit warning. Nothing is kept for who does not listen: repeat the request to learn its present state. Members only: an admin who is none is FORBIDDEN, for all others the group is NOT_FOUND. A stream that the server ends says why in a last error: ACCESS_REVOKED, SESSION_REVOKED, GROUP_CLOSED or SLOW_CONSUMER.',
    args: { groupId: t.arg.id({ required: true, description: 'The group.' }) },
    subscribe: (_root, args, { floor, viewer }) => floor.hearMessages(viewer, fromGlobalId('Group', args.groupId)),
    resolve: (item) => ended(item),
  }),
)
