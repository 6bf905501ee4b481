import { AccessToken, TrackSource } from 'livekit-server-sdk'
import type { MediaServer, MediaTokenClaims } from './media-server.ts'
import { liveKitRooms } from './rooms.ts'

export interface LiveKitOptions {
  /** Where NEDA reaches it. */
  readonly url: string
  /** Where devices reach it. */
  readonly publicUrl: string
  readonly apiKey: string
  readonly apiSecret: string
}

/** A LiveKit deployment. Tokens are minted here, so a LiveKit that is down delays nobody. */
export const liveKit = (options: LiveKitOptions): MediaServer => ({
  name: `LiveKit, devices connect to ${options.publicUrl}`,
  url: options.publicUrl,
  rooms: liveKitRooms(options),
  mintToken: (claims) => mintToken(claims, options),
})

/** No media server: the tokens fit the well-known key of `livekit-server --dev` on this machine. */
export const noMediaServer = (): MediaServer => ({
  name: 'none: tokens are for livekit-server --dev on this machine',
  url: 'ws://127.0.0.1:7880',
  rooms: null,
  mintToken: (claims) => mintToken(claims, { apiKey: 'devkey', apiSecret: 'secret' }),
})

function mintToken(claims: MediaTokenClaims, { apiKey, apiSecret }: { apiKey: string; apiSecret: string }): Promise<string> {
  const { room, identity, displayName: name, canPublish, ttlMs } = claims
  // LiveKit takes a missing time to live, and 0, for six hours.
  const token = new AccessToken(apiKey, apiSecret, { identity, name, ttl: Math.max(1, Math.ceil(ttlMs / 1_000)) })
  token.addGrant({
    roomJoin: true,
    room,
    canSubscribe: true,
    canPublish,
    canPublishData: false,
    canUpdateOwnMetadata: false,
    ...(canPublish ? { canPublishSources: [TrackSource.MICROPHONE] } : {}),
  })
  return token.toJwt()
}
