import type { GroupId, SessionId } from '../../ids.ts'
import type { Clock } from '../clock.ts'
import type { EventLog, Holding, RealtimeEngine } from '../engine.ts'
import type { Floor, FloorEvent, FloorMessage, Position, Presence, PresenceEvent, RecordEntry } from '../events.ts'
import { Hub } from '../hub.ts'
import { Topic } from '../topic.ts'
import { nextDeadline } from './deadlines.ts'
import { type Answer, type Command, type CommandName, decide } from './decide.ts'
import { emptyGroup, type GroupState } from './state.ts'
import type { Told } from './transition.ts'

/** How many events of each kind a group keeps for readers who come back. */
const KEPT_EVENTS = 256

interface Group {
  state: GroupState
  readonly floorEvents: FloorEvent[]
  readonly presenceEvents: PresenceEvent[]
  callOff: () => void
  wakesAt: number
}

export interface MemoryEngineOptions {
  readonly clock: Clock
  /** Presses per second and session. */
  readonly pressRate: number
  /** A name for this life of the engine: all that an earlier one knew is forgotten. */
  readonly epoch: string
  /** The highest fencing token that an earlier life gave, so that tokens grow although the epoch is new. */
  readonly fencingToken: bigint
  readonly onError: (error: unknown) => void
}

/** The engine in this process: keeps each group's state, lets `decide` change it, and sees to it that deadlines fall in time. */
export class MemoryEngine implements RealtimeEngine {
  readonly name = 'in process: one instance only, forgotten when it ends'
  readonly #options: MemoryEngineOptions
  readonly #groups = new Map<GroupId, Group>()
  /** In which groups a session is present or talks, so that a sign of life need not search them all. */
  readonly #engagedIn = new Map<SessionId, Set<GroupId>>()
  readonly #floorHub: Hub<FloorEvent>
  readonly #presenceHub: Hub<PresenceEvent>
  readonly #messageHub: Hub<FloorMessage>
  readonly #recorders = new Set<(entry: RecordEntry) => unknown>()
  readonly #holders: Topic<Holding>
  readonly floorLog: EventLog<FloorEvent, Floor>
  readonly presenceLog: EventLog<PresenceEvent, Presence>

  constructor(options: MemoryEngineOptions) {
    this.#options = options
    this.#floorHub = new Hub(options.onError)
    this.#presenceHub = new Hub(options.onError)
    this.#messageHub = new Hub(options.onError)
    this.#holders = new Topic(options.onError)
    this.floorLog = {
      subscribe: async (groupId, listener) => this.#floorHub.subscribe(groupId, listener),
      read: async (groupId, after) => {
        const snapshot = this.#run(groupId, 'readFloor', {})
        return { ...since(this.#group(groupId).floorEvents, snapshot, after), snapshot }
      },
    }
    this.presenceLog = {
      subscribe: async (groupId, listener) => this.#presenceHub.subscribe(groupId, listener),
      read: async (groupId, after) => {
        const snapshot = this.#run(groupId, 'readPresence', {})
        return { ...since(this.#group(groupId).presenceEvents, snapshot, after), snapshot }
      },
    }
  }

  requestTalk: RealtimeEngine['requestTalk'] = async (command) =>
    this.#run(command.group.id, 'requestTalk', { ...command, pressRate: this.#options.pressRate })
  renewTalk: RealtimeEngine['renewTalk'] = async (command) => this.#run(command.groupId, 'renewTalk', command)
  releaseTalk: RealtimeEngine['releaseTalk'] = async (command) => this.#run(command.groupId, 'releaseTalk', command)
  revokeTalk: RealtimeEngine['revokeTalk'] = async (command) => this.#run(command.groupId, 'revokeTalk', command)
  joinGroup: RealtimeEngine['joinGroup'] = async (command) => this.#run(command.groupId, 'joinGroup', command)
  leaveGroup: RealtimeEngine['leaveGroup'] = async (command) => this.#run(command.groupId, 'leaveGroup', command)
  evict: RealtimeEngine['evict'] = async (command) => {
    for (const groupId of command.groupId ? [command.groupId] : this.#groups.keys()) this.#run(groupId, 'evict', command)
  }
  forbidTalk: RealtimeEngine['forbidTalk'] = async (command) => this.#run(command.groupId, 'forbidTalk', command)
  muteMember: RealtimeEngine['muteMember'] = async (command) => this.#run(command.groupId, 'muteMember', command)
  unmuteMember: RealtimeEngine['unmuteMember'] = async (command) => this.#run(command.groupId, 'unmuteMember', command)
  mutedUntil: RealtimeEngine['mutedUntil'] = async (groupId) => this.#run(groupId, 'readMutes', {})
  closeGroup: RealtimeEngine['closeGroup'] = async (groupId) => this.#run(groupId, 'closeGroup', {})

  heartbeat: RealtimeEngine['heartbeat'] = async ({ sessionId, groupIds }) => {
    const groups = [...(this.#engagedIn.get(sessionId) ?? [])]
    return groups.filter((id) => (groupIds?.includes(id) ?? true) && this.#run(id, 'heartbeat', { sessionId }))
  }

  connectionClosed: RealtimeEngine['connectionClosed'] = async (command) => {
    for (const groupId of this.#engagedIn.get(command.sessionId) ?? []) this.#run(groupId, 'connectionClosed', command)
  }

  messages: RealtimeEngine['messages'] = async (groupId, sessionId, listener) =>
    this.#messageHub.subscribe(`${groupId} ${sessionId}`, listener)

  holders: RealtimeEngine['holders'] = (listener) => this.#holders.subscribe(listener)

  record: RealtimeEngine['record'] = (listener) => {
    this.#recorders.add(listener)
    return () => this.#recorders.delete(listener)
  }

  /** The listeners have had everything already. */
  recorded: RealtimeEngine['recorded'] = async () => {}
  answers: RealtimeEngine['answers'] = async () => true

  async [Symbol.asyncDispose]() {
    for (const group of this.#groups.values()) group.callOff()
    this.#groups.clear()
  }

  #group(groupId: GroupId): Group {
    const known = this.#groups.get(groupId)
    if (known) return known
    const { epoch, fencingToken } = this.#options
    const group: Group = {
      state: emptyGroup(groupId, epoch, fencingToken),
      floorEvents: [],
      presenceEvents: [],
      callOff: () => {},
      wakesAt: Number.POSITIVE_INFINITY,
    }
    this.#groups.set(groupId, group)
    return group
  }

  #run<Name extends CommandName>(groupId: GroupId, name: Name, command: Command<Name>): Answer<Name> {
    const group = this.#group(groupId)
    const before = group.state
    const { state, told, answer } = decide(before, name, command, this.#options.clock.now())
    group.state = state
    this.#index(groupId, before, state)
    for (const one of told) {
      if ('floor' in one) {
        keep(group.floorEvents, one.floor)
        this.#floorHub.publish(groupId, one.floor)
      } else if ('presence' in one) {
        keep(group.presenceEvents, one.presence)
        this.#presenceHub.publish(groupId, one.presence)
      } else if ('message' in one) this.#messageHub.publish(`${groupId} ${one.message.to}`, one.message)
      else for (const recorder of this.#recorders) recorder(one.record)
    }
    this.#wakeInTime(groupId, group)
    this.#holders.publish(told.flatMap(asHolding))
    return answer
  }

  #index(groupId: GroupId, before: GroupState, after: GroupState) {
    if (before.devices === after.devices && before.holder === after.holder) return
    const sessions = engagedIn(after)
    for (const sessionId of sessions) this.#engagedIn.set(sessionId, (this.#engagedIn.get(sessionId) ?? new Set()).add(groupId))
    for (const sessionId of engagedIn(before)) {
      if (sessions.has(sessionId)) continue
      const groups = this.#engagedIn.get(sessionId)
      groups?.delete(groupId)
      if (groups?.size === 0) this.#engagedIn.delete(sessionId)
    }
  }

  /** One timer per group. It may fire before the next deadline, which has moved on since; never after it. */
  #wakeInTime(groupId: GroupId, group: Group) {
    const at = nextDeadline(group.state)?.at
    if (at === undefined || at >= group.wakesAt) return
    group.callOff()
    group.wakesAt = at
    group.callOff = this.#options.clock.wakeAt(at, () => {
      group.wakesAt = Number.POSITIVE_INFINITY
      this.#run(groupId, 'readFloor', {})
    })
  }
}

const engagedIn = ({ devices, holder }: GroupState) => new Set([...devices.keys(), ...(holder ? [holder.burst.sessionId] : [])])

/** A burst is recorded when it begins and when it ends. */
function asHolding(told: Told): Holding[] {
  if (!('record' in told && 'burst' in told.record)) return []
  const { group, speaker, sessionId } = told.record.burst
  return [{ groupId: group.id, userId: speaker.id, sessionId }]
}

function keep<Event>(events: Event[], event: Event) {
  events.push(event)
  if (events.length > KEPT_EVENTS) events.shift()
}

/** The events after a position; a gap when the position is of another epoch, or its successors are not all kept. */
function since<Event extends Position>(events: readonly Event[], now: Position, after: Position | undefined) {
  if (!after) return { missed: [], gap: false }
  const missed = events.filter((event) => event.sequence > after.sequence)
  const whole = after.epoch === now.epoch && missed.length === now.sequence - after.sequence
  return whole ? { missed, gap: false } : { missed: [], gap: true }
}
