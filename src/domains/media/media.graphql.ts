import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { TalkBurst } from '../floor/floor.graphql.ts'
import { FloorMessage } from '../floor/floor-message.graphql.ts'
import { RequestTalkPayload } from '../floor/talk.graphql.ts'
import { JoinGroupPayload } from '../presence/presence.graphql.ts'
import type { MediaGrant as Grant } from './media.service.ts'
import { mediaIdentity } from './media-identity.ts'

const MediaState = builder.enumType('MediaState', {
  description: 'What to do to be heard.',
  values: {
    READY: { description: 'The device is known in the room; its permission is on its way.' },
    JOIN_REQUIRED: { description: 'Connect with this token first.' },
    DEGRADED: { description: 'The media server is not answering.' },
    NONE: { description: 'No media server is configured; the token is for `livekit-server --dev`.' },
  } as const,
})

const MediaGrant = builder.objectRef<Grant>('MediaGrant').implement({
  description: 'How a device reaches the voice of a group: a LiveKit room and a token for it.',
  fields: (t) => ({
    state: t.field({ type: MediaState, description: 'What to do to be heard.', resolve: ({ state }) => state }),
    url: t.exposeString('url', { description: 'Where to connect.' }),
    room: t.exposeString('room', { description: "The group's room. The token opens no other." }),
    identity: t.exposeString('identity', {
      description: 'This device in the room. Compare it with `TalkBurst.mediaIdentity`; never take it apart.',
    }),
    token: t.exposeString('token', {
      description: 'Matters at connecting only. One that may publish (microphone only) lives up to 2 minutes, a listen-only one up to 10.',
    }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'When the token ends.' }),
  }),
})

builder.objectField(TalkBurst, 'mediaIdentity', (t) =>
  t.string({
    description: 'Who is heard in the room: play only the track of this identity.',
    resolve: ({ speaker, sessionId }) => mediaIdentity(speaker.id, sessionId),
  }),
)

builder.objectField(JoinGroupPayload, 'media', (t) =>
  t.field({
    type: MediaGrant,
    nullable: true,
    description: 'Listen only. Null in production if no media server is configured.',
    resolve: ({ groupId }, _args, context) => context.media.listenGrant(viewerOf(context), groupId),
  }),
)

builder.objectField(FloorMessage, 'media', (t) =>
  t.field({
    type: MediaGrant,
    nullable: true,
    description: 'GRANTED: may publish the microphone. Null in production if no media server is configured.',
    resolve: ({ kind, floor, remainingMs }, _args, context) =>
      kind === 'GRANTED' ? context.media.talkGrant(viewerOf(context), floor.groupId, remainingMs ?? 0) : null,
  }),
)

builder.objectField(RequestTalkPayload, 'media', (t) =>
  t.field({
    type: MediaGrant,
    nullable: true,
    description: 'GRANTED: may publish the microphone. Null in production if no media server is configured.',
    resolve: ({ outcome, groupId, remainingMs }, _args, context) =>
      outcome === 'GRANTED' ? context.media.talkGrant(viewerOf(context), groupId, remainingMs ?? 0) : null,
  }),
)
