import type { RoomParticipant } from '../../integrations/livekit/media-server.ts'
import type { Logger } from '../../logger.ts'
import type { Neighbours } from '../../realtime/neighbours.ts'

/** Somebody came or went. Without `stay` it is not known which stay in the room it was. */
interface Note {
  readonly room: string
  readonly identity: string
  readonly isThere: boolean
  readonly stay?: string | undefined
}

/**
 * Who is in which room, as far as it was heard here or by a neighbour: a hint for what to tell a device, never a right. What is missed is
 * corrected when the room is looked at.
 */
export class Roster {
  /** By room and identity, the stay; empty if it is not known which. */
  readonly #rooms = new Map<string, Map<string, string>>()
  readonly #neighbours: Neighbours

  constructor(neighbours: Neighbours) {
    this.#neighbours = neighbours
  }

  /** Listens to what neighbours note. */
  async open(log: Logger): Promise<void> {
    await this.#neighbours.hear('ROSTER', (text) => {
      try {
        this.#apply(JSON.parse(text) as Note)
      } catch (err) {
        log.warn({ err }, 'a note of another instance about a room was not understood')
      }
    })
  }

  has(room: string, identity: string): boolean {
    return this.#rooms.get(room)?.has(identity) ?? false
  }

  note(note: Note): void {
    if (this.#apply(note)) this.#neighbours.tell('ROSTER', JSON.stringify(note))
  }

  /** All who are in a room. */
  replace(room: string, present: readonly RoomParticipant[]): void {
    if (present.length === 0) this.#rooms.delete(room)
    else this.#rooms.set(room, new Map(present.map(({ identity, stay }) => [identity, stay])))
  }

  /** All rooms that there are. */
  keep(rooms: ReadonlySet<string>): void {
    for (const room of this.#rooms.keys()) if (!rooms.has(room)) this.#rooms.delete(room)
  }

  /** Whether it was not known before. */
  #apply({ room, identity, isThere, stay = '' }: Note): boolean {
    const known = this.#rooms.get(room)?.get(identity)
    if (isThere) {
      if (known !== undefined && (stay === '' || stay === known)) return false
      this.#rooms.set(room, (this.#rooms.get(room) ?? new Map<string, string>()).set(identity, stay))
      return true
    }
    // Of a device that reconnects, the end of the former stay may be told after the beginning of the next.
    if (known === undefined || (stay !== '' && known !== '' && stay !== known)) return false
    const present = this.#rooms.get(room)
    present?.delete(identity)
    if (present?.size === 0) this.#rooms.delete(room)
    return true
  }
}
