import { type ResolveCursorConnectionArgs, resolveCursorConnection } from '@pothos/plugin-relay'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { checkPage, connectionOf, DEFAULT_PAGE, MOST_PER_PAGE, toCursor, uuidOf } from '../../graphql/pages.ts'
import type { Burst } from '../../realtime/events.ts'
import { TalkBurst } from '../floor/floor.graphql.ts'

builder.queryField('talkBursts', (t) =>
  t.withAuth({ signedIn: true }).connection(
    {
      type: TalkBurst,
      description:
        'What was spoken in a group, newest first. Pages of 20, at most 100. Members and admins may ask; for all others the group is NOT_FOUND.',
      args: { groupId: t.arg.id({ required: true, description: 'The group.' }) },
      resolve: (_root, args, { history, viewer }) => {
        const groupId = fromGlobalId('Group', args.groupId)
        checkPage(args)
        return resolveCursorConnection(
          { args, defaultSize: DEFAULT_PAGE, maxSize: MOST_PER_PAGE, toCursor: ({ id }: Burst) => toCursor(id) },
          ({ before, after, limit, inverted }: ResolveCursorConnectionArgs): Promise<Burst[]> =>
            history.talkBursts(viewer, groupId, { before: before && uuidOf(before), after: after && uuidOf(after), limit, inverted }),
        )
      },
    },
    ...connectionOf('TalkBurst', 'talk bursts'),
  ),
)
