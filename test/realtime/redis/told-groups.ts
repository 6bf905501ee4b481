import { type GroupId, newId, type SessionId, type UserId } from '../../../src/ids.ts'
import type { Floor, FloorEvent, FloorMessage, Position, Presence, PresenceEvent } from '../../../src/realtime/events.ts'
import type { GroupFeedsDeps, Heads } from '../../../src/realtime/redis/group-feeds.ts'
import { Keys, type Shard } from '../../../src/realtime/redis/keys.ts'

interface Group {
  floor: FloorEvent[]
  presence: PresenceEvent[]
}

/** What Redis knows of groups, kept here so that a test decides what of it is published, and how reading it fails. */
export class ToldGroups {
  readonly keys = new Keys(`${newId()}-`)
  epoch = 'one'
  /** Reading rejects. */
  isAway = false
  /** Reading waits for this. */
  hold: Promise<unknown> = Promise.resolve()
  readsAtOnce = 0
  mostReadsAtOnce = 0
  reads = 0
  looks = 0
  readonly #groups = new Map<GroupId, Group>()
  readonly #publish: (channel: string, text: string) => unknown

  constructor(publish: (channel: string, text: string) => unknown) {
    this.#publish = publish
  }

  get reading(): Pick<GroupFeedsDeps, 'keys' | 'readFloor' | 'readPresence' | 'heads'> {
    return {
      keys: this.keys,
      readFloor: (groupId, after) =>
        this.#read(() => ({ ...since(this.#group(groupId).floor, this.#place(groupId, 'floor'), after), snapshot: this.floor(groupId) })),
      readPresence: (groupId, after) =>
        this.#read(() => ({
          ...since(this.#group(groupId).presence, this.#place(groupId, 'presence'), after),
          snapshot: this.presence(groupId),
        })),
      heads: (shard, groupIds) => this.#look(shard, groupIds),
    }
  }

  floor(groupId: GroupId): Floor {
    return { ...this.#place(groupId, 'floor'), groupId, state: 'IDLE', burst: null, queueLength: 0, at: 0 }
  }

  presence(groupId: GroupId): Presence {
    return { ...this.#place(groupId, 'presence'), groupId, everyone: [] }
  }

  /** Something happens to the floor; its publication may never arrive. */
  async talk(groupId: GroupId, isPublished = true): Promise<void> {
    const group = this.#group(groupId)
    const { epoch, sequence } = this.#next(groupId, 'floor')
    const event: FloorEvent = { epoch, sequence, kind: 'QUEUE', floor: { ...this.floor(groupId), sequence }, previous: null }
    group.floor.push(event)
    if (isPublished) await this.publish(groupId, [{ floor: event }])
  }

  async move(groupId: GroupId, isPublished = true): Promise<void> {
    const group = this.#group(groupId)
    const person = { id: newId<UserId>(), username: 'ben', displayName: 'Ben' }
    const event: PresenceEvent = { ...this.#next(groupId, 'presence'), groupId, kind: 'JOINED', member: { person, devices: 1, since: 0 } }
    group.presence.push(event)
    if (isPublished) await this.publish(groupId, [{ presence: event }])
  }

  async say(groupId: GroupId, to: SessionId): Promise<void> {
    const message = { to, kind: 'LIMIT_WARNING', burst: null, floor: this.floor(groupId) } as unknown as FloorMessage
    await this.publish(groupId, [{ message }])
  }

  async publish(groupId: GroupId, publication: unknown): Promise<void> {
    const text = typeof publication === 'string' ? publication : JSON.stringify(publication)
    await this.#publish(this.keys.eventsChannel(groupId), text)
  }

  /** Redis lost its memory. */
  forget(epoch: string): void {
    this.epoch = epoch
    this.#groups.clear()
  }

  /** The oldest events are dropped from the logs. */
  trim(kept: number): void {
    for (const group of this.#groups.values()) {
      group.floor = group.floor.slice(-kept)
      group.presence = group.presence.slice(-kept)
    }
  }

  async #look(_shard: Shard, groupIds: readonly GroupId[]): Promise<Heads> {
    this.looks += 1
    await this.hold
    if (this.isAway) throw new Error('Redis is away')
    const heads = groupIds.map((id) => ({ floor: this.#place(id, 'floor').sequence, presence: this.#place(id, 'presence').sequence }))
    const found = { epoch: this.epoch, heads }
    await new Promise((resolve) => setImmediate(resolve))
    return found
  }

  async #read<Reading>(read: () => Reading): Promise<Reading> {
    this.reads += 1
    this.readsAtOnce += 1
    this.mostReadsAtOnce = Math.max(this.mostReadsAtOnce, this.readsAtOnce)
    try {
      await this.hold
      if (this.isAway) throw new Error('Redis is away')
      const reading = read()
      await new Promise((resolve) => setImmediate(resolve))
      return reading
    } finally {
      this.readsAtOnce -= 1
    }
  }

  #group(groupId: GroupId): Group {
    const group = this.#groups.get(groupId) ?? { floor: [], presence: [] }
    this.#groups.set(groupId, group)
    return group
  }

  #place(groupId: GroupId, log: keyof Group): Position {
    return { epoch: this.epoch, sequence: this.#group(groupId)[log].at(-1)?.sequence ?? 0 }
  }

  #next(groupId: GroupId, log: keyof Group): Position {
    const { epoch, sequence } = this.#place(groupId, log)
    return { epoch, sequence: sequence + 1 }
  }
}

function since<Event extends Position>(log: readonly Event[], head: Position, after?: Position) {
  if (!after) return { missed: [], gap: false }
  const missed = log.filter(({ sequence }) => sequence > after.sequence)
  const isWhole = after.epoch === head.epoch && after.sequence + missed.length === head.sequence
  return isWhole ? { missed, gap: false } : { missed: [], gap: true }
}
