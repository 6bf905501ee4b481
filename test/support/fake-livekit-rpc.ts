import { setTimeout as sleep } from 'node:timers/promises'
import { ParticipantPermission, type VideoGrant } from 'livekit-server-sdk'
import type { Call } from './fake-livekit-faults.ts'
import type { LiveRooms, Participant } from './fake-livekit-rooms.ts'

/** What LiveKit answers to a call: Twirp's JSON. */
export interface Reply {
  readonly status: number
  readonly body: object
}

/** A call's arguments in JSON: fields with their default are absent. */
export interface Arguments {
  readonly room?: string
  readonly identity?: string
  readonly names?: readonly string[]
  readonly permission?: object
}

/** How long LiveKit looks for a node that has the room before it says that there is none. */
const LOOKS_FOR_MS = 3_000

const done = (body: object = {}): Reply => ({ status: 200, body })
const failed = (status: number, code: string, msg: string): Reply => ({ status, body: { code, msg } })
const noParticipant = failed(404, 'not_found', 'participant does not exist')
const noRoom = failed(404, 'not_found', 'requested room does not exist')
const noSuchMethod = failed(404, 'bad_route', 'no handler for path')
const denied = failed(401, 'unauthenticated', 'permissions denied')

/** What a call is about. */
export function callOf(method: string, { room = '', identity = '', permission }: Arguments): Call {
  const canPublish = permission === undefined ? null : ParticipantPermission.fromJson({ ...permission }).canPublish
  return { method, room, identity, canPublish }
}

/** Carries out a call of the RoomService as LiveKit does. */
export async function carryOut(rooms: LiveRooms, { method, room, identity }: Call, grants: VideoGrant, args: Arguments): Promise<Reply> {
  if (!isAllowed(method, room, grants)) return denied
  switch (method) {
    case 'ListRooms': {
      const { names = [] } = args
      const found = rooms.all.filter(({ name }) => names.length === 0 || names.includes(name))
      return done({ rooms: found.map((one) => one.toProto().toJson()) })
    }
    case 'ListParticipants':
      return listParticipants(rooms, room)
    case 'GetParticipant':
      return about(rooms.room(room)?.participants.get(identity), (one) => done({ ...(one.toProto().toJson() as object) }))
    case 'UpdateParticipant':
      return about(rooms.stored(room, identity), (one) => {
        // What is absent is false: the permission is replaced whole.
        if (args.permission) rooms.permit(one, ParticipantPermission.fromJson({ ...args.permission }))
        return done({ ...(one.toProto().toJson() as object) })
      })
    case 'RemoveParticipant':
      return about(rooms.stored(room, identity), (one) => {
        rooms.putOut(one, 'PARTICIPANT_REMOVED')
        return done()
      })
    case 'DeleteRoom': {
      const found = rooms.room(room)
      if (!found) return noRoom
      rooms.delete(found)
      return done()
    }
    default:
      return noSuchMethod
  }
}

/** With `enable_psrpc_for_get_list_participants` a room that nobody has is looked for until the time is up. */
async function listParticipants(rooms: LiveRooms, room: string): Promise<Reply> {
  const found = rooms.room(room)
  if (found) return done({ participants: [...found.participants.values()].map((one) => one.toProto().toJson()) })
  await sleep(LOOKS_FOR_MS, undefined, { ref: false })
  return failed(503, 'unavailable', 'no response from servers')
}

const about = (participant: Participant | undefined, act: (participant: Participant) => Reply): Reply =>
  participant ? act(participant) : noParticipant

/** Whose rooms these are is a matter of the token of the call. */
function isAllowed(method: string, room: string, grants: VideoGrant): boolean {
  if (method === 'ListRooms') return grants.roomList === true
  if (method === 'DeleteRoom') return grants.roomCreate === true
  return grants.roomAdmin === true && grants.room === room
}
