import { ParticipantInfo, Room, TrackInfo, WebhookEvent, type WebhookEventNames } from 'livekit-server-sdk'
import { newId } from '../../src/ids.ts'
import { signature } from '../support/fake-livekit-webhooks.ts'
import type { MediaStage } from './media-stage.ts'

/** What is said to have happened. */
export interface Told {
  readonly event: WebhookEventNames
  readonly room: string
  readonly identity?: string
  readonly sid?: string
  readonly id?: string
}

/** A report in LiveKit's words. */
export function reportOf({ event, room, identity, sid = `PA_${newId()}`, id = `EV_${newId()}` }: Told): string {
  const participant = identity === undefined ? {} : { participant: new ParticipantInfo({ identity, sid }) }
  const track = event.startsWith('track') ? { track: new TrackInfo({ sid: `TR_${newId()}` }) } : {}
  const createdAt = BigInt(Math.floor(Date.now() / 1_000))
  return Object.assign(new WebhookEvent(), {
    event,
    room: new Room({ name: room }),
    id,
    createdAt,
    ...participant,
    ...track,
  }).toJsonString()
}

/** Posts a body as LiveKit does; without an authorization, with the right one. Answers the status. */
export async function post(
  { url, world }: MediaStage,
  body: string,
  authorization?: string | null,
  contentType = 'application/webhook+json',
): Promise<number> {
  const signed = authorization === undefined ? await signature(body, world) : authorization
  const headers = { 'content-type': contentType, ...(signed === null ? {} : { authorization: signed }) }
  return (await fetch(`${url}/webhooks/livekit`, { method: 'POST', body, headers })).status
}
