import { coalesced } from '../../coalesced.ts'
import type { GroupId } from '../../ids.ts'
import type { Rooms } from '../../integrations/livekit/media-server.ts'
import type { RoomNames } from './media-identity.ts'
import type { Roster } from './roster.ts'

export interface ReconcilerDeps {
  readonly rooms: Rooms
  readonly names: RoomNames
  readonly roster: Roster
  /** The identity that may be heard now, or nobody. */
  readonly holder: (groupId: GroupId) => Promise<string | null>
  readonly onError: (error: unknown) => void
}

/** The floor may change while its holder is being permitted; oftener than this it does not. */
const MOST_TURNS = 5
/** After a call whose outcome is unknown: it may be carried out late, and undo what was done since. */
const AGAIN_AFTER_MS = [200, 500]
const LONGEST_WAIT_MS = 1_000
/** So much later it is not carried out any more. */
const LATEST_MS = 8_000
/** A device that has just come is not found everywhere in LiveKit at once. */
const FOUND_AFTER_MS = [50, 150, 400, 800]

/** One device in one group. */
interface Place {
  readonly groupId: GroupId
  readonly identity: string
}

/**
 * Makes the permission of a device follow the floor. It follows the level, not the changes: it looks who holds the floor, says so to the media
 * server, and looks again. Whoever does this last has seen the floor after having written, so it does not matter how many do it, on how many
 * instances, or in which order their calls arrive.
 */
export class Reconciler implements AsyncDisposable {
  readonly #deps: ReconcilerDeps
  /** By place: one run at a time, and those who ask meanwhile share the next. */
  readonly #runs = new Map<string, { readonly run: () => Promise<void>; asked: number }>()
  readonly #retries = new Map<string, NodeJS.Timeout>()
  /** Who may be heard, as far as it was done here. */
  readonly #talkers = new Map<string, Place>()
  /** By place: until when a call that failed may yet be carried out. */
  readonly #unsureUntil = new Map<string, number>()
  #isClosed = false

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
  }

  /** Resolves when the permission follows, or will be tried again; it never rejects. */
  async follow(place: Place): Promise<void> {
    await this.#run(place, 0)
  }

  /** When the floor ends with this process: nobody may be heard without it. */
  async withdrawAll(): Promise<void> {
    const { rooms, names, onError } = this.#deps
    const withdrawals = [...this.#talkers.values()].map(({ groupId, identity }) => rooms.permit(names.of(groupId), identity, 'LISTEN'))
    await Promise.all(withdrawals.map((withdrawal) => withdrawal.catch(onError)))
  }

  /** Waits for what is under way. */
  async [Symbol.asyncDispose]() {
    this.#isClosed = true
    for (const retry of this.#retries.values()) clearTimeout(retry)
    await Promise.all([...this.#runs.values()].map(({ run }) => run().catch(this.#deps.onError)))
  }

  async #run(place: Place, attempt: number): Promise<void> {
    const key = `${place.groupId} ${place.identity}`
    const current = this.#runs.get(key) ?? { run: coalesced(() => this.#apply(key, place)), asked: 0 }
    this.#runs.set(key, current)
    current.asked += 1
    let isMissing = false
    try {
      await current.run()
    } catch (error) {
      isMissing = error instanceof Missing
      if (!isMissing) {
        this.#deps.onError(error)
        this.#unsureUntil.set(key, performance.now() + LATEST_MS)
      }
    } finally {
      current.asked -= 1
      if (current.asked === 0) this.#runs.delete(key)
    }
    this.#again(key, place, attempt, isMissing)
  }

  /** Once more until the device is found, and until nothing that failed can be carried out any more. What is wrong then, the sweep finds. */
  #again(key: string, place: Place, attempt: number, isMissing: boolean) {
    const foundInMs = isMissing ? FOUND_AFTER_MS[attempt] : undefined
    if (isMissing && foundInMs === undefined)
      this.#deps.roster.note({ room: this.#deps.names.of(place.groupId), identity: place.identity, isThere: false })
    const inMs = foundInMs ?? this.#sureInMs(key, attempt)
    if (inMs === null || this.#isClosed) return
    clearTimeout(this.#retries.get(key))
    const retry = setTimeout(() => {
      this.#retries.delete(key)
      void this.#run(place, attempt + 1)
    }, inMs)
    this.#retries.set(key, retry)
  }

  /** When to look again because of what failed; null: nothing did that could still be carried out. */
  #sureInMs(key: string, attempt: number): number | null {
    const unsureMs = (this.#unsureUntil.get(key) ?? 0) - performance.now()
    if (unsureMs > 0) return AGAIN_AFTER_MS[attempt] ?? Math.min(unsureMs + 1, LONGEST_WAIT_MS)
    this.#unsureUntil.delete(key)
    return null
  }

  async #apply(key: string, place: Place): Promise<void> {
    const { groupId, identity } = place
    const { rooms, names, roster, holder } = this.#deps
    const room = names.of(groupId)
    let mayTalk = (await holder(groupId)) === identity
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      if (mayTalk) this.#talkers.set(key, place)
      const stay = await rooms.permit(room, identity, mayTalk ? 'TALK' : 'LISTEN')
      if (!mayTalk) this.#talkers.delete(key)
      if (stay !== null) roster.note({ room, identity, isThere: true, stay })
      const before = mayTalk
      mayTalk = (await holder(groupId)) === identity
      if (mayTalk !== before) continue
      if (stay === null && roster.has(room, identity)) throw new Missing()
      return
    }
    throw new Error('the floor changed faster than the permission of its holder')
  }
}

/** It is said to be in the room, and was not found there. */
class Missing extends Error {}
