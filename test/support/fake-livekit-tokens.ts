import { AccessToken, ParticipantPermission, TokenVerifier, TrackSource, type VideoGrant } from 'livekit-server-sdk'

export interface Keys {
  readonly apiKey: string
  readonly apiSecret: string
}

/** What a token of a client opens. */
export interface Entrance {
  readonly room: string
  readonly identity: string
  readonly name: string
  readonly permission: ParticipantPermission
  readonly expiresAt: number
}

/** LiveKit accepts a token for so long after its end. */
const LEEWAY_S = 60
/** What LiveKit itself hands out lives at least so long, whatever the token lived with which its owner came. */
const REFRESHED_S = 600

const SOURCES: Readonly<Record<string, TrackSource>> = { microphone: TrackSource.MICROPHONE, camera: TrackSource.CAMERA }

/** The grants of a token of ours; rejects for any other, and for one that is over. */
export async function grantsOf(token: string, { apiKey, apiSecret }: Keys) {
  return new TokenVerifier(apiKey, apiSecret).verify(token, LEEWAY_S)
}

/** What LiveKit reads out of a token at the door: whatever it does not say is allowed, but the right to join. */
export async function entranceOf(token: string, keys: Keys): Promise<Entrance> {
  const { video = {}, sub: identity = '', name = '', exp = 0 } = await grantsOf(token, keys)
  if (!video.roomJoin) throw new Error('permissions denied')
  if (identity === '') throw new Error('identity cannot be empty')
  // Else the client would choose.
  if (!video.room) throw new Error('no room name')
  const { canSubscribe = true, canPublish = true, canPublishData = canPublish, canUpdateOwnMetadata = false, hidden = false } = video
  const sources = (video.canPublishSources ?? []).map((source) => SOURCES[String(source)] ?? TrackSource.UNKNOWN)
  const rights = { canSubscribe, canPublish, canPublishData, canUpdateMetadata: canUpdateOwnMetadata, hidden, canPublishSources: sources }
  return { room: video.room, identity, name, permission: new ParticipantPermission(rights), expiresAt: exp * 1_000 }
}

/** The token that LiveKit pushes to a client at its joining and at each change: with the rights of the moment. */
export function refreshed({ room, identity, name, expiresAt }: Entrance, permission: ParticipantPermission, keys: Keys): Promise<string> {
  const ttl = Math.max(REFRESHED_S, Math.ceil((expiresAt - Date.now()) / 1_000))
  const token = new AccessToken(keys.apiKey, keys.apiSecret, { identity, name, ttl })
  const { canSubscribe, canPublish, canPublishData, canPublishSources, canUpdateMetadata, hidden } = permission
  const grant: VideoGrant = { roomJoin: true, room, canSubscribe, canPublish, canPublishData, hidden }
  token.addGrant({ ...grant, canPublishSources: [...canPublishSources], canUpdateOwnMetadata: canUpdateMetadata })
  return token.toJwt()
}
