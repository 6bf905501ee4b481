import { type ParticipantInfo, RoomServiceClient, TrackSource } from 'livekit-server-sdk'
import { MediaUnavailable, type Permission, type RoomParticipant, type Rooms } from './media-server.ts'

/** Long enough for a LiveKit that is busy, short enough for one that is gone. */
const ANSWER_WITHIN_S = 1
const LONGEST_MESSAGE = 200

/** A permission replaces the former one whole: what is absent is taken away, so a speaker without `canSubscribe` would go deaf. */
const whole = (permission: Permission) => ({
  canSubscribe: true,
  canPublish: permission === 'TALK',
  canPublishData: false,
  canPublishSources: permission === 'TALK' ? [TrackSource.MICROPHONE] : [],
})

/** The rooms of a LiveKit, by its RoomService. */
export function liveKitRooms({ url, apiKey, apiSecret }: { url: string; apiKey: string; apiSecret: string }): Rooms {
  // Failover is for LiveKit's own cloud: here it would ask the same server again.
  const client = new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret, { requestTimeout: ANSWER_WITHIN_S, failover: false })
  return {
    permit: (room, identity, permission) =>
      unlessAbsent<string | null>(null, async () => {
        const { sid } = await client.updateParticipant(room, identity, { permission: whole(permission) })
        return sid
      }),
    remove: (room, identity) =>
      unlessAbsent(false, async () => {
        await client.removeParticipant(room, identity)
        return true
      }),
    close: (room) => unlessAbsent(undefined, () => client.deleteRoom(room)),
    list: () => unlessAbsent([], async () => (await client.listRooms()).map(({ name }) => name)),
    participants: (room) =>
      unlessAbsent([], async () => {
        // Of a room that does not exist LiveKit may look for the participants until its time is up.
        const [known] = await client.listRooms([room])
        return known ? (await client.listParticipants(room)).map(asParticipant) : []
      }),
  }
}

const asParticipant = ({ identity, sid, joinedAtMs, permission, tracks }: ParticipantInfo): RoomParticipant => ({
  identity,
  stay: sid,
  joinedAt: Number(joinedAtMs),
  canPublish: permission?.canPublish ?? false,
  publishes: tracks.length > 0,
})

async function unlessAbsent<Result>(absent: Result, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask()
  } catch (cause) {
    const { code, status, message } = cause as { code?: string; status?: number; message?: string }
    if (code === 'not_found') return absent
    const refusesKeys = status === 401 || status === 403
    // It may be a proxy's whole page.
    throw new MediaUnavailable((message ?? String(cause)).slice(0, LONGEST_MESSAGE), { cause, refusesKeys })
  }
}
