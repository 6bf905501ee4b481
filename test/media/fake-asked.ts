import { AccessToken, RoomServiceClient, TrackSource, type VideoGrant } from 'livekit-server-sdk'
import { FakeLiveKit, type FakeLiveKitOptions } from '../support/fake-livekit.ts'

export const ROOM = 'test:a room'
export const LISTEN = { canSubscribe: true, canPublish: false, canPublishData: false, canPublishSources: [] }
export const TALK = { ...LISTEN, canPublish: true, canPublishSources: [TrackSource.MICROPHONE] }

/** The fake, and the SDK that talks with it as NEDA does; the hasty one waits 300 ms for an answer. */
export async function openFake(options: FakeLiveKitOptions = {}, keys: { apiKey?: string; apiSecret?: string } = {}) {
  const fake = await FakeLiveKit.start(options)
  const { apiKey, apiSecret } = { apiKey: fake.apiKey, apiSecret: fake.apiSecret, ...keys }
  const client = (requestTimeout: number) => new RoomServiceClient(fake.url, apiKey, apiSecret, { requestTimeout, failover: false })
  const token = (identity: string, grant: VideoGrant = {}, ttl: number | string = 60) => {
    const token = new AccessToken(fake.apiKey, fake.apiSecret, { identity, ttl })
    token.addGrant({ roomJoin: true, room: ROOM, canPublish: false, canPublishData: false, ...grant })
    return token.toJwt()
  }
  return { fake, rooms: client(10), hasty: client(0.3), token, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

export const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (error: { status?: number; code?: string; name?: string; cause?: { code?: string } }) => error,
  )
