import type { GroupId, SessionId, UserId } from '../../ids.ts'
import type { EventLog, Holding, RealtimeEngine, RequestTalk, TalkAnswer } from '../engine.ts'
import type { Floor, FloorEvent, Position, Presence, PresenceEvent, RecordEntry } from '../events.ts'
import { inTime } from '../in-time.ts'
import { Topic } from '../topic.ts'
import { Abandoned } from './abandoned.ts'
import { Batch } from './batch.ts'
import type { Bus } from './bus.ts'
import { GroupFeeds } from './group-feeds.ts'
import type { Keys, Shard } from './keys.ts'
import type { Links } from './links.ts'
import type { RecordStream } from './record-stream.ts'
import { type CommandName, type Reply, Scripts } from './scripts.ts'
import { Sweeper } from './sweeper.ts'
import { readAnswer, readFloor, readFloorEvent, readPresence, readPresenceEvent } from './wire.ts'

export interface RedisEngineOptions {
  readonly links: Links
  readonly bus: Bus
  readonly keys: Keys
  readonly recordStream: RecordStream
  /** A name for this life of this instance. */
  readonly instance: string
  /** Presses per second and session. */
  readonly pressRate: number
  /** The highest fencing token that is known, so that tokens grow although Redis may forget. */
  readonly fencingToken: bigint
  readonly onError: (error: unknown) => void
  readonly scripts?: Scripts
  /** For tests: engine time instead of Redis TIME. Nothing falls by itself then but by `sweep`. */
  readonly time?: () => number
}

/** A press that arrives later than this after it was sent is not served: its caller may have been told that it failed. */
const PRESS_WITHIN_MS = 400
/** Whoever asks is told within 600 ms; and before that, what a press began is to be taken back. */
const ANSWER_WITHIN_MS = 450
/** Signs of life and ends of connections are told to Redis so often. */
const BATCH_EVERY_MS = 50

interface Beat {
  readonly sessionId: SessionId
  readonly groupIds?: readonly GroupId[]
}

/** The engine whose state is in Redis: any number of instances share it, and each command is one script there. */
export class RedisEngine implements RealtimeEngine {
  readonly name = 'Redis at REDIS_URL: shared by all instances'
  readonly #options: RedisEngineOptions
  readonly #scripts: Scripts
  readonly #feeds: GroupFeeds
  readonly #sweeper: Sweeper
  readonly #abandoned: Abandoned
  readonly #beats: Batch<Beat, GroupId[]>
  readonly #closings: Batch<{ sessionId: SessionId; connectionId: string }, void>
  readonly #recorders = new Set<(entry: RecordEntry) => unknown>()
  readonly #holders: Topic<Holding>
  readonly #epochBegan = new Map<Shard, number>()
  #fencingToken: bigint
  #epochs = 0
  readonly floorLog: EventLog<FloorEvent, Floor>
  readonly presenceLog: EventLog<PresenceEvent, Presence>

  constructor(options: RedisEngineOptions) {
    const { bus, keys, onError, time } = options
    this.#options = options
    this.#scripts = options.scripts ?? new Scripts()
    this.#fencingToken = options.fencingToken
    this.#holders = new Topic(onError)
    this.#feeds = new GroupFeeds({
      bus,
      keys,
      readFloor: (groupId, after) => this.#readFloor(groupId, after),
      readPresence: (groupId, after) => this.#readPresence(groupId, after),
      heads: (shard, groupIds) => this.#heads(shard, groupIds),
      onError,
    })
    this.#abandoned = new Abandoned({
      isReachable: () => options.links.commands.status === 'ready',
      end: (attempt) => this.#command('abandon-talk', attempt.groupId, attempt),
      arrivesWithinMs: PRESS_WITHIN_MS,
    })
    const everyMs = time ? 0 : BATCH_EVERY_MS
    this.#beats = new Batch(everyMs, (beats) => this.#beatEverywhere(beats))
    this.#closings = new Batch(everyMs, async (closed) => {
      await this.#everywhere('connection-closed', { closed })
      return closed.map(() => {})
    })
    this.#sweeper = new Sweeper({ shards: keys.shards, sweep: (shard) => this.#sweep(shard), isManual: time !== undefined })
    this.floorLog = {
      subscribe: (groupId, listener, lost) => this.#feeds.floor(groupId, listener, lost),
      read: (groupId, after) => this.#readFloor(groupId, after),
    }
    this.presenceLog = {
      subscribe: (groupId, listener, lost) => this.#feeds.presence(groupId, listener, lost),
      read: (groupId, after) => this.#readPresence(groupId, after),
    }
  }

  requestTalk: RealtimeEngine['requestTalk'] = async (command) => {
    try {
      return await inTime(this.#press(command), ANSWER_WITHIN_MS, 'Redis does not answer a press')
    } catch (error) {
      if (!(error instanceof TooLate) && !wasNotSent(error))
        this.#abandoned.add({ groupId: command.group.id, sessionId: command.sessionId, burstId: command.burstId })
      throw error
    }
  }

  renewTalk: RealtimeEngine['renewTalk'] = async (command) => readAnswer(await this.#command('renew-talk', command.groupId, command))
  releaseTalk: RealtimeEngine['releaseTalk'] = async (command) => readAnswer(await this.#command('release-talk', command.groupId, command))
  revokeTalk: RealtimeEngine['revokeTalk'] = async (command) => readAnswer(await this.#command('revoke-talk', command.groupId, command))
  joinGroup: RealtimeEngine['joinGroup'] = async (command) => readFloor(await this.#command('join-group', command.groupId, command))
  leaveGroup: RealtimeEngine['leaveGroup'] = async (command) => readFloor(await this.#command('leave-group', command.groupId, command))

  heartbeat: RealtimeEngine['heartbeat'] = ({ sessionId, groupIds }) =>
    groupIds ? this.#beatIn(sessionId, groupIds) : this.#beats.ask({ sessionId })

  connectionClosed: RealtimeEngine['connectionClosed'] = (closed) => this.#closings.ask(closed)

  evict: RealtimeEngine['evict'] = async (command) => {
    if (command.groupId) await this.#command('evict', command.groupId, command)
    else await this.#everywhere('evict', command)
  }

  forbidTalk: RealtimeEngine['forbidTalk'] = async (command) => {
    await this.#command('forbid-talk', command.groupId, command)
  }

  muteMember: RealtimeEngine['muteMember'] = async (command) => Number(await this.#command('mute-member', command.groupId, command))

  unmuteMember: RealtimeEngine['unmuteMember'] = async (command) => {
    await this.#command('unmute-member', command.groupId, command)
  }

  mutedUntil: RealtimeEngine['mutedUntil'] = async (groupId) => {
    const { values } = await this.#run('muted-until', this.#shardOf(groupId), { groupId })
    const mutes = new Map<UserId, number>()
    const [pairs = []] = values as [string[]?]
    for (let n = 0; n < pairs.length; n += 2) mutes.set(pairs[n] as UserId, Number(pairs[n + 1]))
    return mutes
  }

  closeGroup: RealtimeEngine['closeGroup'] = async (groupId) => {
    await this.#command('close-group', groupId, { groupId })
  }

  messages: RealtimeEngine['messages'] = (groupId, sessionId, listener) => this.#feeds.messages(groupId, sessionId, listener)

  holders: RealtimeEngine['holders'] = (listener) => this.#holders.subscribe(listener)

  record: RealtimeEngine['record'] = (listener) => {
    this.#recorders.add(listener)
    const end = this.#options.recordStream.listen(listener)
    this.#tellForgotten(this.#epochBegan)
    return () => {
      this.#recorders.delete(listener)
      end()
    }
  }

  recorded: RealtimeEngine['recorded'] = (groupId, ms) => this.#options.recordStream.recorded(this.#shardOf(groupId), ms)

  answers: RealtimeEngine['answers'] = () =>
    inTime(this.#options.links.commands.ping(), ANSWER_WITHIN_MS, 'Redis does not answer').then(
      () => true,
      () => false,
    )

  /** Lets fall whatever is due, in all groups. */
  sweep(): Promise<void> {
    return this.#sweeper.sweep()
  }

  async [Symbol.asyncDispose]() {
    await this.#sweeper[Symbol.asyncDispose]()
    this.#abandoned[Symbol.dispose]()
    this.#beats[Symbol.dispose]()
    this.#closings[Symbol.dispose]()
    await this.#feeds[Symbol.asyncDispose]()
  }

  async #press(command: RequestTalk): Promise<TalkAnswer> {
    const { time, pressRate, links } = this.#options
    const press = async () => {
      const notAfter = time ? undefined : links.clock.now() + PRESS_WITHIN_MS
      return this.#ask('request-talk', this.#shardOf(command.group.id), { ...command, pressRate }, notAfter)
    }
    const sentAt = performance.now()
    let reply = await press()
    // Late although it was quick: Redis' clock has jumped. Its answer told us, and the press is sent again with the right instant.
    if (reply.isLate && performance.now() - sentAt < PRESS_WITHIN_MS / 4) reply = await press()
    if (reply.isLate) throw new TooLate()
    const answer = readAnswer<TalkAnswer>(reply.values[0] as string)
    const token = answer.floor.burst?.fencingToken ?? 0n
    if (token > this.#fencingToken) this.#fencingToken = token
    return answer
  }

  async #beatIn(sessionId: SessionId, groupIds: readonly GroupId[]): Promise<GroupId[]> {
    const byShard = Map.groupBy(groupIds, (groupId) => this.#shardOf(groupId))
    const present = await Promise.all(
      [...byShard].map(([shard, ids]) => this.#run('heartbeat', shard, { beats: [{ sessionId, groupIds: ids }] })),
    )
    const found = new Set(present.flatMap(({ values }) => (values[0] as GroupId[][]).flat()))
    return groupIds.filter((groupId) => found.has(groupId))
  }

  async #beatEverywhere(beats: readonly Beat[]): Promise<GroupId[][]> {
    const replies = await this.#everywhere('heartbeat', { beats })
    const shards = replies.map(({ values }) => values[0] as GroupId[][])
    return beats.map((_, n) => shards.flatMap((shard) => shard[n] ?? []))
  }

  async #readFloor(groupId: GroupId, after?: Position) {
    const { values } = await this.#run('read-floor', this.#shardOf(groupId), { groupId, after: asPosition(after) })
    const [floor, gap, missed] = values as [string, string, string[]]
    return { snapshot: readFloor(floor), gap: gap === '1', missed: missed.map(readFloorEvent) }
  }

  async #readPresence(groupId: GroupId, after?: Position) {
    const { values } = await this.#run('read-presence', this.#shardOf(groupId), { groupId, after: asPosition(after) })
    const [presence, gap, missed] = values as [string, string, string[]]
    return { snapshot: readPresence(presence), gap: gap === '1', missed: missed.map(readPresenceEvent) }
  }

  async #heads(shard: Shard, groupIds: readonly GroupId[]) {
    const { values } = await this.#run('heads', shard, { groupIds })
    const [epoch, , numbers] = values as [string, string, string[]]
    const heads = groupIds.map((_, n) => ({ floor: Number(numbers[2 * n]), presence: Number(numbers[2 * n + 1]) }))
    return { epoch, heads }
  }

  async #sweep(shard: Shard): Promise<number | null> {
    const { values, dueAt } = await this.#run('sweep', shard, { isRegular: this.#options.time === undefined })
    const began = Number(values[1])
    if (this.#epochBegan.get(shard) !== began) {
      this.#epochBegan.set(shard, began)
      this.#tellForgotten(new Map([[shard, began]]))
    }
    return dueAt === null ? null : this.#inMs(dueAt)
  }

  /** What the record shows as running since before these epochs is over. Told by every instance that notices: saying it again changes nothing. */
  #tellForgotten(began: ReadonlyMap<Shard, number>) {
    const known = new Map(began)
    if (known.size === 0) return
    const forgotten = { epochBegan: (groupId: GroupId) => known.get(this.#shardOf(groupId)) }
    for (const recorder of this.#recorders) Promise.resolve(recorder({ forgotten })).catch(this.#options.onError)
  }

  async #command(name: CommandName, groupId: GroupId, command: object): Promise<string> {
    const { values } = await this.#run(name, this.#shardOf(groupId), command)
    return values[0] as string
  }

  #everywhere(name: CommandName, command: object): Promise<Reply[]> {
    return Promise.all(this.#options.keys.shards.map((shard) => this.#run(name, shard, command)))
  }

  #run(name: CommandName, shard: Shard, command: object): Promise<Reply> {
    return inTime(this.#ask(name, shard, command), ANSWER_WITHIN_MS, 'Redis does not answer')
  }

  async #ask(name: CommandName, shard: Shard, command: object, notAfter?: number): Promise<Reply> {
    const { links, keys, time, instance } = this.#options
    const sentAt = performance.now()
    const nextEpoch = `${instance}.${this.#epochs++}`
    const frame = { time: time?.(), notAfter, nextEpoch, fencingToken: this.#fencingToken }
    const reply = await this.#scripts.run(links.commands, keys, name, shard, frame, command)
    // Whether or not somebody still waits for it.
    this.#holders.publish(reply.holdings)
    if (time) return reply
    links.clock.sample(reply.micros, sentAt, performance.now())
    if (reply.dueAt !== null) this.#sweeper.wake(shard, this.#inMs(reply.dueAt))
    return reply
  }

  #inMs(at: number): number {
    const { time, links } = this.#options
    return Math.max(0, at - (time ? time() : links.clock.now()))
  }

  #shardOf(groupId: GroupId): Shard {
    return this.#options.keys.shardOf(groupId)
  }
}

/** Without what else the caller's object has. */
const asPosition = (after: Position | undefined) => after && { epoch: after.epoch, sequence: after.sequence }

/** ioredis refuses what it cannot send at once. */
const wasNotSent = (error: unknown) => error instanceof Error && error.message.startsWith("Stream isn't writeable")

/** The press came to Redis too late to be served: it has changed nothing. */
class TooLate extends Error {
  constructor() {
    super('the press came too late to Redis')
  }
}
