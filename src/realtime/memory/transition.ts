import type { RequestId } from '../../ids.ts'
import type { FloorEvent, FloorMessage, PresenceEvent, RecordEntry } from '../events.ts'
import { floorOf, type GroupState } from './state.ts'

/** What a transition tells, in order. */
export type Told =
  | { readonly floor: FloorEvent }
  | { readonly presence: PresenceEvent }
  | { readonly message: FloorMessage }
  | { readonly record: RecordEntry }

const FORGET_EVERY_MS = 60_000

const NOTHING_SAID = {
  burst: null,
  queuePosition: null,
  remainingMs: null,
  graceMs: null,
  acceptWithinMs: null,
  denyReason: null,
  endReason: null,
}

/**
 * The working copy of one transition: rules replace parts of `state` (never change them in place) and tell what happened, at `now`.
 * While due deadlines are settled, `now` is the deadline's instant, so that a lapse is dated when it fell due and not when it was noticed.
 */
export class Transition {
  state: GroupState
  now: number
  readonly told: Told[] = []

  readonly #messages: Omit<FloorMessage, 'floor'>[] = []

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

  tellDevice(
    message: Pick<FloorMessage, 'to' | 'kind'> & { requestId: RequestId | undefined } & Partial<Omit<FloorMessage, 'requestId' | 'floor'>>,
  ) {
    this.#messages.push({ ...NOTHING_SAID, ...message, requestId: message.requestId ?? null })
  }

  /** Devices are told last, with the floor as the whole transition left it. */
  finish() {
    const floor = this.floor()
    for (const message of this.#messages.splice(0)) this.told.push({ message: { ...message, floor } })
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
