import { type FloorMessageSubscription, NedaError, type RequestTalkMutation, type SpeakerChangedSubscription } from '../../sdk/src/index.ts'
import type { Observer } from '../../sdk/src/subscription.ts'
import type { AskOptions, TalkPort } from '../../sdk/src/talk/talk-port.ts'
import { type BurstId, type ConnectionId, type GroupId, newId, type RequestId, type SessionId, type VoiceSessionId } from '../../src/ids.ts'
import { HEARTBEAT_EVERY_MS, LEASE_MS, RENEW_EVERY_MS, type RealtimeEngine, warnBeforeMs } from '../../src/realtime/engine.ts'
import type { Burst, Floor, FloorEvent, FloorMessage, Person, Position } from '../../src/realtime/events.ts'
import type { DeviceClock } from './device-clock.ts'

/** AWAY: nothing gets through. LOSES_ANSWERS: what is asked is done, and nobody hears of it. */
export type Weather = 'FINE' | 'AWAY' | 'LOSES_ANSWERS'

type Burstly = NonNullable<RequestTalkMutation['requestTalk']['burst']>
type Floorly = RequestTalkMutation['requestTalk']['floor']
type Event = SpeakerChangedSubscription['speakerChanged']
type Message = FloorMessageSubscription['floorMessage']

const lost = () => new NedaError('There is no answer.', { code: 'NETWORK', retryable: true })
const iso = (ms: number) => new Date(ms).toISOString()

/** What a radio asks, answered by the real floor control without a network between them but one that fails as it is told. */
export class EnginePort implements TalkPort {
  readonly sessionId = newId<SessionId>()
  readonly asked: string[] = []
  hasSocket = true
  weather: Weather = 'FINE'
  /** What the server answers instead, if anything. */
  refusal: NedaError | null = null
  talkLimitMs = 30_000
  readonly #engine: RealtimeEngine
  readonly #clock: DeviceClock
  readonly #groupId: GroupId
  readonly #person: Person
  #connectionId = newId<ConnectionId>()
  #position: Position | undefined
  #watcher: Observer<SpeakerChangedSubscription> | null = null
  #hearer: Observer<FloorMessageSubscription> | null = null

  constructor(deps: { engine: RealtimeEngine; clock: DeviceClock; groupId: GroupId; person: Person }) {
    this.#engine = deps.engine
    this.#clock = deps.clock
    this.#groupId = deps.groupId
    this.#person = deps.person
  }

  async open(): Promise<void> {
    await this.#engine.floorLog.subscribe(this.#groupId, (event) => this.#tell(event))
    await this.#engine.messages(this.#groupId, this.sessionId, (message) => {
      if (this.weather === 'FINE') this.#hearer?.next({ floorMessage: messageOf(message) })
    })
  }

  /** The network is back, over another connection. */
  async mend(): Promise<void> {
    this.weather = 'FINE'
    this.hasSocket = true
    await this.#catchUp()
  }

  /** The server sees the socket close. */
  async loseSocket(): Promise<void> {
    this.hasSocket = false
    this.#watcher?.live?.(false)
    this.#hearer?.live?.(false)
    await this.#engine.connectionClosed({ sessionId: this.sessionId, connectionId: this.#connectionId })
    this.#connectionId = newId<ConnectionId>()
  }

  end(error: NedaError): void {
    this.#watcher?.ended(error)
  }

  join = () =>
    this.#ask('join', { timeoutMs: 8_000 }, async () => {
      await this.#engine.joinGroup({ person: this.#person, sessionId: this.sessionId, connectionId: null, groupId: this.#groupId })
      return { heartbeatEveryMs: HEARTBEAT_EVERY_MS, media: null, group: null, userErrors: [] }
    })

  leave = () =>
    this.#ask('leave', { timeoutMs: 3_000 }, async () => {
      await this.#engine.leaveGroup({ groupId: this.#groupId, sessionId: this.sessionId })
    })

  heartbeat = () =>
    this.#ask('heartbeat', { timeoutMs: 3_500 }, async () => {
      const present = await this.#engine.heartbeat({ sessionId: this.sessionId, groupIds: [this.#groupId] })
      return present.length > 0
    })

  request: TalkPort['request'] = ({ requestId, queue, priority }, options) => {
    const overSocket = options.fast === true && this.hasSocket
    return this.#ask('request', options, async () => {
      const answer = await this.#engine.requestTalk({
        person: this.#person,
        sessionId: this.sessionId,
        connectionId: overSocket ? this.#connectionId : null,
        group: { id: this.#groupId, name: 'Group' },
        requestId: requestId as RequestId,
        canTalk: true,
        priority: priority ?? 'NORMAL',
        queue,
        talkLimitMs: this.talkLimitMs,
        queueCapacity: 10,
        preemptGraceMs: 500,
        burstId: newId<BurstId>(),
        voiceSessionId: newId<VoiceSessionId>(),
      })
      const isGranted = answer.outcome === 'GRANTED'
      const times = {
        leaseMs: isGranted ? LEASE_MS : null,
        renewEveryMs: isGranted ? RENEW_EVERY_MS : null,
        warnBeforeMs: isGranted ? warnBeforeMs(this.talkLimitMs) : null,
      }
      const burst = answer.burst && burstOf(answer.burst)
      return { answer: { ...answer, ...times, burst, media: null, floor: floorOf(answer.floor) }, overSocket }
    })
  }

  renew: TalkPort['renew'] = (burstId, options) =>
    this.#ask('renew', options, async () => {
      const whose = { groupId: this.#groupId, sessionId: this.sessionId, connectionId: null }
      const { floor, ...answer } = await this.#engine.renewTalk({ ...whose, burstId: burstId as BurstId })
      return { ...answer, floor: floorOf(floor) }
    })

  release: TalkPort['release'] = (requestId, options) =>
    this.#ask('release', options, async () => {
      await this.#engine.releaseTalk({ groupId: this.#groupId, sessionId: this.sessionId, requestId: requestId as RequestId })
    })

  watch: TalkPort['watch'] = (observer) => {
    this.#watcher = observer
    void this.#catchUp()
    return () => {
      this.#watcher = null
    }
  }

  hear: TalkPort['hear'] = (observer) => {
    this.#hearer = observer
    observer.live?.(true)
    return () => {
      this.#hearer = null
    }
  }

  async #ask<Result>(what: string, options: AskOptions, act: () => Promise<Result>): Promise<Result> {
    this.asked.push(what)
    if (this.refusal) throw this.refusal
    const result = this.weather === 'AWAY' ? null : { value: await act() }
    if (result && this.weather === 'FINE') return result.value
    await new Promise<void>((resolve) => {
      this.#clock.after(options.timeoutMs, resolve)
      options.signal?.addEventListener('abort', () => resolve())
    })
    throw lost()
  }

  #tell({ floor, kind, previous, ...at }: FloorEvent) {
    if (this.weather !== 'FINE' || !this.#watcher) return
    this.#position = at
    this.#watcher.next({ speakerChanged: { kind, gap: false, cursor: '', previous: previous && burstOf(previous), floor: floorOf(floor) } })
  }

  /** As a stream that resumes: what was missed, then that it is live. */
  async #catchUp() {
    const { missed, snapshot } = await this.#engine.floorLog.read(this.#groupId, this.#position)
    this.#watcher?.live?.(false)
    this.#hearer?.live?.(false)
    for (const event of missed) this.#tell(event)
    const wasNew = this.#position === undefined
    this.#position = snapshot
    const event: Event = { kind: 'SNAPSHOT', gap: false, cursor: '', previous: null, floor: floorOf(snapshot) }
    if (wasNew) this.#watcher?.next({ speakerChanged: event })
    this.#watcher?.live?.(true)
    this.#hearer?.live?.(true)
  }
}

const burstOf = ({
  id,
  speaker,
  priority,
  fencingToken,
  startedAt,
  expiresAt,
  endedAt,
  endReason,
  revokedBy,
  sessionId,
}: Burst): Burstly => ({
  id,
  speaker,
  priority,
  fencingToken: String(fencingToken),
  mediaIdentity: `${speaker.id}:${sessionId}`,
  startedAt: iso(startedAt),
  expiresAt: iso(expiresAt),
  endedAt: endedAt === null ? null : iso(endedAt),
  durationMs: endedAt === null ? null : endedAt - startedAt,
  endReason,
  revokedBy,
})

const floorOf = ({ state, burst, queueLength, epoch, sequence, at }: Floor): Floorly => ({
  state,
  burst: burst && burstOf(burst),
  queueLength,
  epoch,
  sequence,
  cursor: `${epoch}/${sequence}`,
  serverTime: iso(at),
})

const messageOf = ({ burst, floor, ...message }: FloorMessage): Message => ({
  ...message,
  burst: burst && burstOf(burst),
  floor: floorOf(floor),
})
