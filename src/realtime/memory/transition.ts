import type { FloorEvent, FloorMessage, PresenceEvent, RecordEntry } from '../events.ts'
import { floorOf, type GroupState } from './state.ts'

/** What a transition tells, in order. */
export type Told =
  | { readonly floor: FloorEvent }
  | { readonly presence: PresenceEvent }
  | { readonly message: FloorMessage }
  | { readonly record: RecordEntry }

const FORGET_EVERY_MS = 60_000

/**
 * The working copy of one transition: rules replace parts of `state` (never change them in place) and tell what happened, at `now`.
 * While due deadlines are settled, `now` is the deadline's instant, so that a lapse is dated when it fell due and not when it was noticed.
 */
export class Transition {
  state: GroupState
  now: number
  readonly told: Told[] = []

  constructor(state: GroupState, now: number) {
    this.state = state
    this.now = now
  }

  set(change: Partial<GroupState>) {
    this.state = { ...this.state, ...change }
  }

  floor() {
    return floorOf(this.state, this.now)
  }

  tellFloor(kind: FloorEvent['kind'], previous: FloorEvent['previous']) {
    this.set({ floorSequence: this.state.floorSequence + 1 })
    const { epoch, floorSequence: sequence } = this.state
    this.told.push({ floor: { epoch, sequence, kind, floor: this.floor(), previous } })
  }

  tellPresence(kind: PresenceEvent['kind'], member: PresenceEvent['member']) {
    this.set({ presenceSequence: this.state.presenceSequence + 1 })
    const { groupId, epoch, presenceSequence: sequence } = this.state
    this.told.push({ presence: { groupId, epoch, sequence, kind, member } })
  }

  tellDevice(message: Pick<FloorMessage, 'to' | 'kind' | 'requestId'> & Partial<FloorMessage>) {
    this.told.push({ message: { burst: null, remainingMs: null, endReason: null, floor: this.floor(), ...message } })
  }

  /** Something was remembered that may be forgotten one day: look at it again in a while. */
  forgetLater() {
    if (this.state.forgetAt === Number.POSITIVE_INFINITY) this.set({ forgetAt: this.now + FORGET_EVERY_MS })
  }

  record(entry: RecordEntry) {
    this.told.push({ record: entry })
  }
}

/** A copy of the map with one entry more, replaced, or (undefined) less. */
export function mapWith<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const copy = new Map(map)
  if (value === undefined) copy.delete(key)
  else copy.set(key, value)
  return copy
}
