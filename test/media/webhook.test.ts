import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import type { MediaEvent } from '../../src/integrations/livekit/media-server.ts'
import { createWebhook } from '../../src/integrations/livekit/webhook.ts'
import { signature } from '../support/fake-livekit-webhooks.ts'
import { Stopwatch } from '../support/machine.ts'
import { reportOf } from './webhook-post.ts'

const KEYS = { apiKey: 'APIkey', apiSecret: 'a secret of at least thirty-two characters' }
const ROOM = 'test:a room'

/** A webhook whose reports are followed as they are told to be. */
function open() {
  const heard: MediaEvent[] = []
  const logged: string[] = []
  let follow: () => Promise<void> = async () => undefined
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const webhook = createWebhook({
    ...KEYS,
    log,
    heard: (event) => {
      heard.push(event)
      return follow()
    },
  })
  const post = async (body: string) => webhook(body, await signature(body, KEYS))
  return { heard, logged, webhook, post, follow: (how: () => Promise<void>) => (follow = how) }
}

describe('the webhook', () => {
  test('what could not be followed up is asked for again, and then followed once', async () => {
    const it = open()
    const body = reportOf({ event: 'participant_joined', room: ROOM, identity: 'ben' })
    it.follow(() => Promise.reject(new Error('not now')))
    expect([await it.post(body), await it.post(body)]).toEqual([503, 503])
    it.follow(async () => undefined)
    expect([await it.post(body), await it.post(body), await it.post(body)]).toEqual([200, 200, 200])
    expect(it.heard).toHaveLength(3)
  })

  test('what takes too long is asked for again, as LiveKit holds back the rest meanwhile', async () => {
    const it = open()
    it.follow(() => new Promise(() => undefined))
    const watch = new Stopwatch()
    expect(await it.post(reportOf({ event: 'participant_joined', room: ROOM, identity: 'ben' }))).toBe(503)
    watch.expect(4_000)
  })

  test('it hands on who came, went, or publishes, and in which stay', async () => {
    const it = open()
    for (const event of ['participant_joined', 'track_published', 'participant_left', 'participant_connection_aborted'] as const)
      expect(await it.post(reportOf({ event, room: ROOM, identity: 'ben', sid: 'PA_1' }))).toBe(200)
    for (const event of ['room_started', 'room_finished', 'track_unpublished', 'egress_started'] as const)
      expect(await it.post(reportOf({ event, room: ROOM, identity: 'ben' }))).toBe(200)
    const ben = { room: ROOM, identity: 'ben', stay: 'PA_1' }
    expect(it.heard).toEqual(['JOINED', 'PUBLISHED', 'LEFT', 'LEFT'].map((kind) => ({ kind, ...ben })))
  })

  test('what is not signed for this body by this key is not even looked at', async () => {
    const it = open()
    const body = reportOf({ event: 'participant_joined', room: ROOM, identity: 'ben' })
    const others = { apiKey: KEYS.apiKey, apiSecret: 'another secret of at least thirty-two letters' }
    for (const authorization of [undefined, '', 'garbage', await signature(body, others), await signature(`${body} `, KEYS)])
      expect(await it.webhook(body, authorization)).toBe(401)
    expect(it.heard).toEqual([])
    expect(it.logged.join('')).not.toContain(KEYS.apiSecret)
  })
})
