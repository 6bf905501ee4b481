import {
  ParticipantInfo,
  ParticipantInfo_State,
  type ParticipantPermission,
  Room,
  TrackInfo,
  TrackSource,
  TrackType,
  type WebhookEventNames,
} from 'livekit-server-sdk'
import { newId } from '../../src/ids.ts'
import type { Entrance } from './fake-livekit-tokens.ts'

/** Why somebody is not in a room any more, by LiveKit's names. */
export type Gone = 'CLIENT_INITIATED' | 'DUPLICATE_IDENTITY' | 'PARTICIPANT_REMOVED' | 'ROOM_DELETED'

/** What is to be told of a room. */
export interface Happened {
  readonly event: WebhookEventNames
  readonly room: Room
  readonly participant?: ParticipantInfo
  readonly track?: TrackInfo
}

export interface RoomsDeps {
  readonly tell: (happened: Happened) => void
  /** The token that a client is sent, with its rights of now. */
  readonly refresh: (entrance: Entrance, permission: ParticipantPermission) => Promise<string>
  /** How long a room outlives the last who left. */
  readonly departureMs: number
  /** For so long after a joining the store does not know of it, and calls find nobody. */
  readonly storeLagMs: number
}

const sid = (kind: string) => `${kind}_${newId()}`
const seconds = (ms: number) => BigInt(Math.floor(ms / 1_000))

/** One connection of somebody to a room, as the server has it. */
export class Participant {
  readonly sid = sid('PA')
  readonly joinedAtMs = Date.now()
  readonly since = performance.now()
  readonly entrance: Entrance
  readonly room: LiveRoom
  readonly tracks = new Map<string, TrackInfo>()
  permission: ParticipantPermission
  refreshedToken: Promise<string>
  gone: Gone | null = null

  constructor(entrance: Entrance, room: LiveRoom, refreshedToken: Promise<string>) {
    this.entrance = entrance
    this.room = room
    this.permission = entrance.permission
    this.refreshedToken = refreshedToken
  }

  toProto(): ParticipantInfo {
    const { sid, permission, gone } = this
    const { identity, name } = this.entrance
    const state = gone ? ParticipantInfo_State.DISCONNECTED : ParticipantInfo_State.ACTIVE
    const tracks = [...this.tracks.values()]
    // By its name, as the SDK does not export the numbers.
    const info = ParticipantInfo.fromJson({ disconnectReason: gone ?? 'UNKNOWN_REASON' })
    const joined = { joinedAt: seconds(this.joinedAtMs), joinedAtMs: BigInt(this.joinedAtMs) }
    return Object.assign(info, { sid, identity, name, permission, state, tracks, ...joined })
  }
}

export class LiveRoom {
  readonly sid = sid('RM')
  readonly name: string
  readonly participants = new Map<string, Participant>()
  readonly #creationTime = seconds(Date.now())
  ending: NodeJS.Timeout | undefined

  constructor(name: string) {
    this.name = name
  }

  toProto(): Room {
    const everyone = [...this.participants.values()]
    const numPublishers = everyone.filter(({ tracks }) => tracks.size > 0).length
    const { sid, name } = this
    return new Room({ sid, name, numParticipants: everyone.length, numPublishers, creationTime: this.#creationTime })
  }
}

/** Rooms, and what may be done in them, as LiveKit keeps them on one node. */
export class LiveRooms implements Disposable {
  readonly #deps: RoomsDeps
  readonly #rooms = new Map<string, LiveRoom>()

  constructor(deps: RoomsDeps) {
    this.#deps = deps
  }

  get all(): readonly LiveRoom[] {
    return [...this.#rooms.values()]
  }

  room(name: string): LiveRoom | undefined {
    return this.#rooms.get(name)
  }

  /** Whom a call meets: the store, not the room, says who is there. */
  stored(room: string, identity: string): Participant | undefined {
    const found = this.#rooms.get(room)?.participants.get(identity)
    return found && performance.now() - found.since >= this.#deps.storeLagMs ? found : undefined
  }

  /** Opens the room if there is none. The same identity a second time puts the first out. */
  join(entrance: Entrance): Participant {
    const room = this.#rooms.get(entrance.room) ?? this.#open(entrance.room)
    const former = room.participants.get(entrance.identity)
    if (former) this.putOut(former, 'DUPLICATE_IDENTITY')
    clearTimeout(room.ending)
    const participant = new Participant(entrance, room, this.#deps.refresh(entrance, entrance.permission))
    room.participants.set(entrance.identity, participant)
    this.#tell('participant_joined', participant)
    return participant
  }

  /** The permission is replaced whole. What is no longer allowed is unpublished, and never comes back by itself. */
  permit(participant: Participant, permission: ParticipantPermission): void {
    if (participant.gone || permission.equals(participant.permission)) return
    participant.permission = permission
    for (const track of participant.tracks.values()) if (!mayPublish(permission, track.source)) this.unpublish(participant, track)
    participant.refreshedToken = this.#deps.refresh(participant.entrance, permission)
  }

  /** Answers whether it may. */
  publish(participant: Participant, source: TrackSource): boolean {
    if (participant.gone || !mayPublish(participant.permission, source)) return false
    const type = source === TrackSource.MICROPHONE ? TrackType.AUDIO : TrackType.VIDEO
    const track = new TrackInfo({ sid: sid('TR'), type, source, mimeType: 'audio/opus' })
    participant.tracks.set(track.sid, track)
    this.#tell('track_published', participant, track)
    return true
  }

  unpublish(participant: Participant, track: TrackInfo): void {
    if (participant.tracks.delete(track.sid)) this.#tell('track_unpublished', participant, track)
  }

  putOut(participant: Participant, why: Gone): void {
    const { room, entrance, tracks } = participant
    if (participant.gone) return
    participant.gone = why
    room.participants.delete(entrance.identity)
    for (const track of tracks.values()) this.unpublish(participant, track)
    this.#tell('participant_left', participant)
    if (room.participants.size > 0) return
    room.ending = setTimeout(() => this.#close(room), this.#deps.departureMs)
  }

  /** Everybody is put out; whoever has a token may open it anew. */
  delete(room: LiveRoom): void {
    for (const participant of room.participants.values()) this.putOut(participant, 'ROOM_DELETED')
    this.#close(room)
  }

  [Symbol.dispose]() {
    for (const { ending } of this.#rooms.values()) clearTimeout(ending)
  }

  #open(name: string): LiveRoom {
    const room = new LiveRoom(name)
    this.#rooms.set(name, room)
    this.#deps.tell({ event: 'room_started', room: room.toProto() })
    return room
  }

  #close(room: LiveRoom) {
    clearTimeout(room.ending)
    if (this.#rooms.get(room.name) !== room) return
    this.#rooms.delete(room.name)
    this.#deps.tell({ event: 'room_finished', room: room.toProto() })
  }

  /** What is told of a track names its owner and no more. */
  #tell(event: WebhookEventNames, participant: Participant, track?: TrackInfo) {
    const { room } = participant
    if (!track) return this.#deps.tell({ event, room: room.toProto(), participant: participant.toProto() })
    const owner = new ParticipantInfo({ sid: participant.sid, identity: participant.entrance.identity })
    this.#deps.tell({ event, room: new Room({ sid: room.sid, name: room.name }), participant: owner, track })
  }
}

function mayPublish({ canPublish, canPublishSources }: ParticipantPermission, source: TrackSource): boolean {
  return canPublish && (canPublishSources.length === 0 || canPublishSources.includes(source))
}
