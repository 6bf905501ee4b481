import {
  type Burst,
  byArrival,
  type Floor,
  type FloorEvent,
  type FloorMessage,
  type Position,
  type Presence,
  type PresenceEvent,
  type PresentMember,
  type RecordEntry,
} from '../events.ts'

/**
 * What scripts say, as JSON. It is what the engine tells but for two things: Lua's numbers are doubles that it prints with 14 digits, so fencing
 * tokens travel as text; and who is present has no order there.
 */

/** What a transition told: one publication on the group's channel. */
export type Published = { readonly floor: FloorEvent } | { readonly presence: PresenceEvent } | { readonly message: FloorMessage }

export const readPublication = (json: string): Published[] => (JSON.parse(json) as Published[]).map(published)

function published(told: Published): Published {
  if ('floor' in told) return { floor: floorEvent(told.floor) }
  if ('message' in told) return { message: floorMessage(told.message) }
  return told
}

export const readFloorEvent = (json: string): FloorEvent => floorEvent(JSON.parse(json) as FloorEvent)
export const readPresenceEvent = (json: string): PresenceEvent => JSON.parse(json) as PresenceEvent

export const readRecord = (json: string): RecordEntry[] =>
  (JSON.parse(json) as RecordEntry[]).map((entry) => ('burst' in entry ? { burst: burst(entry.burst) } : entry))

/** An answer that has a floor, and perhaps a burst. */
export function readAnswer<Answer extends { readonly floor: Floor; readonly burst?: Burst | null }>(json: string): Answer {
  const answer = JSON.parse(json) as Answer
  if (answer.burst) return { ...answer, burst: burst(answer.burst), floor: floor(answer.floor) }
  return { ...answer, floor: floor(answer.floor) }
}

export const readFloor = (json: string): Floor => floor(JSON.parse(json) as Floor)

interface WrittenPerson extends Pick<PresentMember, 'person'> {
  readonly sessions: Readonly<Record<string, number>>
}

export function readPresence(json: string): Presence {
  const { people, ...presence } = JSON.parse(json) as Pick<Presence, 'groupId'> & Position & { people: Record<string, string> }
  const everyone = Object.values(people).map((written): PresentMember => {
    const { person, sessions } = JSON.parse(written) as WrittenPerson
    const since = Object.values(sessions)
    return { person, devices: since.length, since: Math.min(...since) }
  })
  return { ...presence, everyone: everyone.toSorted(byArrival) }
}

type WrittenBurst = Omit<Burst, 'fencingToken'> & { readonly fencingToken: string }

function burst(written: Burst): Burst {
  const { fencingToken } = written as unknown as WrittenBurst
  return { ...written, fencingToken: BigInt(fencingToken) }
}

const burstOrNull = (written: Burst | null) => written && burst(written)
const floor = (written: Floor): Floor => ({ ...written, burst: burstOrNull(written.burst) })

const floorEvent = (written: FloorEvent): FloorEvent => ({
  ...written,
  floor: floor(written.floor),
  previous: burstOrNull(written.previous),
})

const floorMessage = (written: FloorMessage): FloorMessage => ({
  ...written,
  burst: burstOrNull(written.burst),
  floor: floor(written.floor),
})
