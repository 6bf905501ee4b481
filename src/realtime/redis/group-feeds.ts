import pLimit from 'p-limit'
import type { GroupId, SessionId } from '../../ids.ts'
import type { EventLog, RealtimeEngine } from '../engine.ts'
import type { Floor, FloorEvent, FloorMessage, Presence, PresenceEvent } from '../events.ts'
import type { Bus } from './bus.ts'
import { GroupFeed, type Positions } from './group-feed.ts'
import type { Keys, Shard } from './keys.ts'

export interface GroupFeedsDeps {
  readonly bus: Pick<Bus, 'open' | 'onReconnect'>
  readonly keys: Pick<Keys, 'eventsChannel' | 'shardOf'>
  readonly readFloor: EventLog<FloorEvent, Floor>['read']
  readonly readPresence: EventLog<PresenceEvent, Presence>['read']
  /** Where the logs of these groups stand, in their order. */
  readonly heads: (shard: Shard, groupIds: readonly GroupId[]) => Promise<Heads>
  readonly onError: (error: unknown) => void
}

export interface Heads {
  readonly epoch: string
  readonly heads: readonly { readonly floor: number; readonly presence: number }[]
}

/** The logs of all watched groups are compared with what was told here: a lost last event is noticed within two of these. */
const BEAT_MS = 1_000
/** So many groups are asked about in one script. */
const ASKED_AT_ONCE = 200
/** So many logs are read at once, that presses find room between them. */
const READ_AT_ONCE = 8

/**
 * What is told of groups to who listens in this process. An instance subscribes only to groups that somebody watches here, one channel each;
 * what that channel loses is read from the group's logs.
 */
export class GroupFeeds implements AsyncDisposable {
  readonly #deps: GroupFeedsDeps
  readonly #feeds = new Map<GroupId, GroupFeed>()
  readonly #limit = pLimit(READ_AT_ONCE)
  readonly #timer: NodeJS.Timeout
  readonly #endReconnect: () => void
  /** Shards that are being asked: not asked again meanwhile. */
  readonly #asking = new Set<Shard>()
  readonly #complainedOf = new Set<Shard>()
  #hasEnded = false

  constructor(deps: GroupFeedsDeps) {
    this.#deps = deps
    this.#timer = setInterval(() => this.#beat(), BEAT_MS)
    this.#endReconnect = deps.bus.onReconnect(() => this.#beat())
  }

  async floor(groupId: GroupId, listener: (event: FloorEvent) => void, lost?: (snapshot: Floor) => void): Promise<() => void> {
    return this.#join(groupId, (feed) => feed.floor.join(listener, lost))
  }

  async presence(groupId: GroupId, listener: (event: PresenceEvent) => void, lost?: (snapshot: Presence) => void): Promise<() => void> {
    return this.#join(groupId, (feed) => feed.presence.join(listener, lost))
  }

  messages: RealtimeEngine['messages'] = (groupId: GroupId, sessionId: SessionId, listener: (message: FloorMessage) => void) =>
    this.#join(groupId, (feed) => feed.messages(sessionId, listener))

  async [Symbol.asyncDispose]() {
    this.#hasEnded = true
    clearInterval(this.#timer)
    this.#endReconnect()
    for (const feed of this.#feeds.values()) feed.end()
    this.#feeds.clear()
  }

  async #join(groupId: GroupId, join: (feed: GroupFeed) => () => void): Promise<() => void> {
    if (this.#hasEnded) throw new Error('the feeds were closed')
    const feed = this.#feeds.get(groupId) ?? this.#open(groupId)
    feed.watchers += 1
    const leave = () => {
      feed.watchers -= 1
      if (feed.watchers > 0 || this.#feeds.get(groupId) !== feed) return
      this.#feeds.delete(groupId)
      feed.end()
    }
    try {
      await feed.opened
      const end = join(feed)
      let hasLeft = false
      return () => {
        if (hasLeft) return
        hasLeft = true
        end()
        leave()
      }
    } catch (error) {
      leave()
      throw error
    }
  }

  #open(groupId: GroupId): GroupFeed {
    const { keys, bus, heads, readFloor, readPresence, onError } = this.#deps
    const feed = new GroupFeed({
      subscribe: (listener) => bus.open(keys.eventsChannel(groupId), listener),
      heads: async () => one(positions(await heads(keys.shardOf(groupId), [groupId]))),
      readFloor: (after) => this.#limit(() => readFloor(groupId, after)),
      readPresence: (after) => this.#limit(() => readPresence(groupId, after)),
      onError,
    })
    this.#feeds.set(groupId, feed)
    return feed
  }

  #beat() {
    const byShard = Map.groupBy(this.#feeds, ([groupId]) => this.#deps.keys.shardOf(groupId))
    for (const [shard, feeds] of byShard) if (!this.#asking.has(shard)) void this.#compare(shard, feeds)
  }

  async #compare(shard: Shard, feeds: readonly (readonly [GroupId, GroupFeed])[]) {
    this.#asking.add(shard)
    try {
      for (let n = 0; n < feeds.length && !this.#hasEnded; n += ASKED_AT_ONCE) {
        const some = feeds.slice(n, n + ASKED_AT_ONCE)
        const asked = some.map(([, feed]) => feed.positions)
        const heads = await this.#deps.heads(
          shard,
          some.map(([groupId]) => groupId),
        )
        for (const [m, head] of positions(heads).entries()) some[m]?.[1].compare(head, asked[m])
      }
      this.#complainedOf.delete(shard)
    } catch (error) {
      // Redis is away, and the next beat asks again. Said once, for it may be something else.
      if (!this.#hasEnded && !this.#complainedOf.has(shard)) this.#deps.onError(error)
      this.#complainedOf.add(shard)
    } finally {
      this.#asking.delete(shard)
    }
  }
}

function one(found: readonly Positions[]): Positions {
  const [only] = found
  if (!only) throw new Error('Redis did not say where the group stands')
  return only
}

const positions = ({ epoch, heads }: Heads): Positions[] =>
  heads.map(({ floor, presence }) => ({ floor: { epoch, sequence: floor }, presence: { epoch, sequence: presence } }))
