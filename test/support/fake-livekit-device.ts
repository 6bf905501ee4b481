import { type ParticipantPermission, TrackSource } from 'livekit-server-sdk'
import type { Gone, LiveRooms, Participant } from './fake-livekit-rooms.ts'

/** A client in a room: what its user can do, and what it sees of the server. */
export class FakeDevice {
  readonly #rooms: LiveRooms
  readonly #participant: Participant

  constructor(rooms: LiveRooms, participant: Participant) {
    this.#rooms = rooms
    this.#participant = participant
  }

  get identity(): string {
    return this.#participant.entrance.identity
  }

  /** Another one with every joining. */
  get sid(): string {
    return this.#participant.sid
  }

  get permission(): ParticipantPermission {
    return this.#participant.permission
  }

  /** The last token that the server sent it. */
  get refreshedToken(): Promise<string> {
    return this.#participant.refreshedToken
  }

  get isPublishing(): boolean {
    return this.#participant.tracks.size > 0
  }

  get isInRoom(): boolean {
    return this.#participant.gone === null
  }

  /** Why it is in the room no more, by LiveKit's words. */
  get gone(): Gone | null {
    return this.#participant.gone
  }

  get wasPutOut(): boolean {
    return this.gone !== null && this.gone !== 'CLIENT_INITIATED'
  }

  /** Publishes its microphone, or what is named; false if it may not. */
  publish(source: TrackSource = TrackSource.MICROPHONE): boolean {
    return this.#rooms.publish(this.#participant, source)
  }

  unpublish(): void {
    for (const track of this.#participant.tracks.values()) this.#rooms.unpublish(this.#participant, track)
  }

  leave(): void {
    this.#rooms.putOut(this.#participant, 'CLIENT_INITIATED')
  }
}
