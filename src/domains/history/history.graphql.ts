import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { connect, connectionOf, keyedBy } from '../../graphql/pages.ts'
import type { Burst } from '../../realtime/events.ts'
import { TalkBurst } from '../floor/floor.graphql.ts'
import { Group } from '../groups/groups.graphql.ts'
import type { RecordedVoiceSession } from './history.service.ts'

const byToken = keyedBy('fencingToken', /^\d{1,18}$/, BigInt)
const byStart = keyedBy('startedAt', /^\d{1,15}$/, (text) => new Date(Number(text)))

const bursts = { toKey: byToken.toKey, toCursor: ({ fencingToken }: Burst) => byToken.toCursor(fencingToken.toString()) }
const voiceSessions = {
  toKey: byStart.toKey,
  toCursor: ({ startedAt }: RecordedVoiceSession) => byStart.toCursor(String(startedAt.getTime())),
}

const [connectionOptions, edgeOptions] = connectionOf('TalkBurst', 'talk bursts')
const TalkBurstConnection = builder.connectionObject({ type: TalkBurst, ...connectionOptions }, edgeOptions)

builder.queryField('talkBursts', (t) =>
  t.connection(
    {
      authScopes: { signedIn: true },
      type: TalkBurst,
      description:
        'What was spoken in a group, newest first. Pages of 20, at most 100. Members and admins may ask; for all others the group is NOT_FOUND.',
      args: { groupId: t.arg.id({ required: true, description: 'The group.' }) },
      resolve: (_root, args, context) => {
        const groupId = fromGlobalId('Group', args.groupId)
        return connect(args, bursts, (page) => context.history.talkBursts(viewerOf(context), groupId, page))
      },
    },
    TalkBurstConnection,
  ),
)

const GroupVoiceSession = builder.objectRef<RecordedVoiceSession>('GroupVoiceSession').implement({
  description: 'A stretch in which a group is in use: from a first talk burst until 60 s after the last.',
  fields: (t) => ({
    id: t.globalID({ description: 'Names this voice session.', resolve: ({ id }) => ({ type: 'GroupVoiceSession', id }) }),
    group: t.field({ type: Group, description: 'Which group.', resolve: ({ group }) => group }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When its first burst began.' }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true, description: 'When it ended; null while the group is in use.' }),
    burstCount: t.exposeInt('burstCount', { description: 'How many bursts began in it.' }),
    talkMs: t.int({
      description: 'How long was spoken in it, in milliseconds; bursts that run do not count yet.',
      resolve: ({ talkMs }) => talkMs,
    }),
    bursts: t.connection(
      {
        type: TalkBurst,
        description: 'What was spoken in it, newest first. Pages of 20, at most 100.',
        resolve: ({ id }, args, { history }) => connect(args, bursts, (page) => history.burstsOf(id, page)),
      },
      TalkBurstConnection,
    ),
  }),
})

builder.queryField('voiceSessions', (t) =>
  t.connection(
    {
      authScopes: { signedIn: true },
      type: GroupVoiceSession,
      description:
        'When a group was in use, newest first. Pages of 20, at most 100. Members and admins may ask; for all others the group is NOT_FOUND.',
      args: { groupId: t.arg.id({ required: true, description: 'The group.' }) },
      resolve: (_root, args, context) => {
        const groupId = fromGlobalId('Group', args.groupId)
        return connect(args, voiceSessions, (page) => context.history.voiceSessions(viewerOf(context), groupId, page))
      },
    },
    ...connectionOf('GroupVoiceSession', 'voice sessions'),
  ),
)
