import {
  type BurstId,
  type ConnectionId,
  type GroupId,
  newId,
  type RequestId,
  type SessionId,
  type UserId,
  type VoiceSessionId,
} from '../../src/ids.ts'
import type { Asker, RealtimeEngine, RequestTalk, TalkAnswer } from '../../src/realtime/engine.ts'
import type { Burst, Person } from '../../src/realtime/events.ts'

/** A person with one device, who presses, renews and releases in one group. */
export class Actor {
  readonly engine: RealtimeEngine
  readonly groupId: GroupId
  readonly asker: Asker
  #presses = 0

  constructor(engine: RealtimeEngine, groupId: GroupId, asker: Asker) {
    this.engine = engine
    this.groupId = groupId
    this.asker = asker
  }

  get person(): Person {
    return this.asker.person
  }

  get sessionId(): SessionId {
    return this.asker.sessionId
  }

  /** The same person on another device. */
  otherDevice(): Actor {
    return new Actor(this.engine, this.groupId, { ...this.asker, sessionId: newId<SessionId>(), connectionId: newId<ConnectionId>() })
  }

  /** The same device over another connection. */
  over(connectionId: ConnectionId | null): Actor {
    return new Actor(this.engine, this.groupId, { ...this.asker, connectionId })
  }

  /** The same device in another group. */
  elsewhere(groupId: GroupId): Actor {
    return new Actor(this.engine, groupId, this.asker)
  }

  join = () => this.engine.joinGroup({ ...this.asker, groupId: this.groupId })
  leave = () => this.engine.leaveGroup({ groupId: this.groupId, sessionId: this.sessionId })
  heartbeat = (...groupIds: GroupId[]) => this.engine.heartbeat({ sessionId: this.sessionId, ...(groupIds.length > 0 && { groupIds }) })
  disconnect = () => this.engine.connectionClosed({ sessionId: this.sessionId, connectionId: this.asker.connectionId as ConnectionId })
  renew = (burstId: BurstId) => this.engine.renewTalk({ ...this.asker, groupId: this.groupId, burstId })
  release = (requestId: string) =>
    this.engine.releaseTalk({ groupId: this.groupId, sessionId: this.sessionId, requestId: requestId as RequestId })
  revoke = (burstId: BurstId) => this.engine.revokeTalk({ groupId: this.groupId, burstId, by: this.person })

  press(requestId = `press-${this.person.username}-${++this.#presses}`, more: Partial<RequestTalk> = {}): Promise<TalkAnswer> {
    return this.engine.requestTalk({
      ...this.asker,
      group: { id: this.groupId, name: 'Night watch' },
      requestId: requestId as RequestId,
      canTalk: true,
      priority: 'NORMAL',
      queue: false,
      talkLimitMs: 30_000,
      queueCapacity: 10,
      preemptGraceMs: 500,
      burstId: newId<BurstId>(),
      voiceSessionId: newId<VoiceSessionId>(),
      ...more,
    })
  }

  /** A press that waits if it must. */
  wait = (requestId?: string, more: Partial<RequestTalk> = {}) => this.press(requestId, { queue: true, ...more })

  /** A press that must be granted. */
  async talk(requestId?: string, more?: Partial<RequestTalk>): Promise<Burst> {
    const answer = await this.press(requestId, more)
    if (answer.outcome !== 'GRANTED' || !answer.burst) throw new Error(`expected a grant, got ${answer.outcome} ${answer.denyReason ?? ''}`)
    return answer.burst
  }
}

export function actor(engine: RealtimeEngine, groupId: GroupId, username: string): Actor {
  const person = { id: newId<UserId>(), username, displayName: username }
  return new Actor(engine, groupId, { person, sessionId: newId<SessionId>(), connectionId: newId<ConnectionId>() })
}
