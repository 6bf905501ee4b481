import { setTimeout as sleep } from 'node:timers/promises'
import type { ParticipantInfo } from 'livekit-server-sdk'
import type { LiveKit } from './livekit-server.ts'

type Permission = 'TALK' | 'LISTEN' | 'ABSENT'

/** Who is in a room, as LiveKit says. Of a room that does not exist it would look for the participants until its time is up. */
export async function participantsOf({ rooms }: LiveKit, room: string): Promise<ParticipantInfo[]> {
  const [found] = await rooms.listRooms([room])
  return found ? await rooms.listParticipants(room) : []
}

/** What LiveKit permits a device at this moment. */
export async function permissionOf(liveKit: LiveKit, room: string, identity: string): Promise<Permission> {
  const found = (await participantsOf(liveKit, room)).find((one) => one.identity === identity)
  if (!found) return 'ABSENT'
  return found.permission?.canPublish ? 'TALK' : 'LISTEN'
}

/** Waits until LiveKit permits it this; answers how long that took. */
export async function untilPermission(
  liveKit: LiveKit,
  room: string,
  identity: string,
  permission: Permission,
  withinMs = 2_000,
): Promise<number> {
  const since = performance.now()
  for (;;) {
    const now = await permissionOf(liveKit, room, identity)
    const tookMs = performance.now() - since
    if (now === permission) return tookMs
    if (tookMs > withinMs) throw new Error(`${identity} has ${now} after ${withinMs} ms, not ${permission}`)
    await sleep(2)
  }
}
