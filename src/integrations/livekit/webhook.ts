import { type WebhookEvent, WebhookReceiver } from 'livekit-server-sdk'
import { LRUCache } from 'lru-cache'
import { type Logger, seldom } from '../../logger.ts'
import { inTime } from '../../realtime/in-time.ts'
import type { MediaEvent, Webhook } from './media-server.ts'

export interface WebhookDeps {
  readonly apiKey: string
  readonly apiSecret: string
  /** Rejects if it could not be followed up now. */
  readonly heard: (event: MediaEvent) => Promise<void>
  readonly log: Logger
}

/** LiveKit repeats a report for half a minute. */
const REMEMBERED = { max: 10_000, ttl: 5 * 60_000 }
/** LiveKit holds back what else it has to say of the room until it is answered. */
const ANSWER_WITHIN_MS = 2_000

const KINDS: Readonly<Record<string, MediaEvent['kind']>> = {
  participant_joined: 'JOINED',
  track_published: 'PUBLISHED',
  participant_left: 'LEFT',
  participant_connection_aborted: 'LEFT',
}

/**
 * What LiveKit reports, verified by its signature over the raw body. It may be late, come twice, or be overtaken by the next. LiveKit takes every
 * 4xx for delivered and repeats after a 5xx, which it gets when a report could not be followed up.
 */
export function createWebhook({ apiKey, apiSecret, heard, log }: WebhookDeps): Webhook {
  const receiver = new WebhookReceiver(apiKey, apiSecret)
  const refused = seldom(log, 'a webhook was refused: LiveKit does not sign it with the key of LIVEKIT_API_KEY, or it is not from LiveKit')
  const owed = seldom(log, 'a webhook could not be followed up, and is to come again')
  const followed = new LRUCache<string, true>(REMEMBERED)
  return async (body, authorization) => {
    let event: WebhookEvent
    try {
      event = await receiver.receive(body, authorization)
    } catch (error) {
      refused(error)
      return 401
    }
    const kind = KINDS[event.event]
    if (!kind || followed.has(event.id)) return 200
    const { identity = '', sid: stay = '' } = event.participant ?? {}
    try {
      await inTime(heard({ kind, room: event.room?.name ?? '', identity, stay }), ANSWER_WITHIN_MS, 'it takes too long')
    } catch (error) {
      owed(error)
      return 503
    }
    followed.set(event.id, true)
    return 200
  }
}
