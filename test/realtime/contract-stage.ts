import { type BurstId, type GroupId, newId } from '../../src/ids.ts'
import type { RealtimeEngine, RequestTalk } from '../../src/realtime/engine.ts'
import type { Burst, Floor, FloorEvent, FloorMessage, PresenceEvent, RecordEntry } from '../../src/realtime/events.ts'
import { type Actor, actor } from './actors.ts'

/** An engine under test, and the time it lives in. */
export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: RealtimeEngine
  now(): number
  /** Lets engine time pass, deadlines fall and everything told arrive. */
  advance(ms: number): Promise<void>
}

export type CreateEngine = (options: { pressRate: number }) => Promise<EngineUnderTest>

/** One test on a fresh engine. Its name begins with the number of its statement in src/realtime/SPEC.md. */
export type Scene = (name: string, play: (stage: Stage) => Promise<void>) => void

const RENEW_EVERY_MS = 1_300

/** One group of one engine, some people, and everything that was told of it. */
export class Stage implements AsyncDisposable {
  readonly engine: RealtimeEngine
  readonly groupId = newId<GroupId>()
  readonly ben: Actor
  readonly cleo: Actor
  readonly dan: Actor
  readonly eve: Actor
  readonly floorEvents: FloorEvent[] = []
  readonly presenceEvents: PresenceEvent[] = []
  readonly record: RecordEntry[] = []
  readonly #create: CreateEngine
  readonly #it: EngineUnderTest

  private constructor(create: CreateEngine, it: EngineUnderTest) {
    this.#create = create
    this.#it = it
    this.engine = it.engine
    this.ben = this.enter('ben')
    this.cleo = this.enter('cleo')
    this.dan = this.enter('dan')
    this.eve = this.enter('eve')
  }

  static async open(create: CreateEngine, pressRate = 1_000): Promise<Stage> {
    const stage = new Stage(create, await create({ pressRate }))
    await stage.engine.floorLog.subscribe(stage.groupId, (event) => stage.floorEvents.push(event))
    await stage.engine.presenceLog.subscribe(stage.groupId, (event) => stage.presenceEvents.push(event))
    stage.engine.record((entry) => stage.record.push(entry))
    return stage
  }

  /** Another engine of the same kind, which lets a session press so often. */
  anotherEngine = (pressRate: number) => Stage.open(this.#create, pressRate)

  /** Somebody new, in this group or in another one. */
  enter = (username: string, groupId = this.groupId) => actor(this.engine, groupId, username)

  now = () => this.#it.now()
  advance = (ms: number) => this.#it.advance(ms)

  /** What everybody in the group was told: kind, who talks now, how many wait, how the burst before ended. */
  told = async () => {
    await this.advance(0)
    return this.floorEvents.map(({ kind, floor, previous }) => [kind, floor.burst?.speaker.username ?? null, previous?.endReason ?? null])
  }

  /** The same with the number of those who wait. */
  toldOfQueue = async () => {
    await this.advance(0)
    return this.floorEvents.map(({ kind, floor }) => [kind, floor.burst?.speaker.username ?? null, floor.queueLength])
  }

  present = async () => {
    await this.advance(0)
    return this.presenceEvents.map(({ kind, member }) => [kind, member.person.username, member.devices])
  }

  floor = async (): Promise<Floor> => (await this.engine.floorLog.read(this.groupId)).snapshot
  everyone = async () => (await this.engine.presenceLog.read(this.groupId)).snapshot.everyone.map(({ person }) => person.username)

  /** All rows of one burst, or of all bursts, as they were recorded. */
  recorded = (burstId?: BurstId): Burst[] =>
    this.record.flatMap((entry) => ('burst' in entry && (burstId ?? entry.burst.id) === entry.burst.id ? [entry.burst] : []))
  recordedSessions = () => this.record.flatMap((entry) => ('voiceSession' in entry ? [entry.voiceSession] : []))

  hear = async (device: Actor): Promise<FloorMessage[]> => {
    const heard: FloorMessage[] = []
    await this.engine.messages(device.groupId, device.sessionId, (message) => heard.push(message))
    return heard
  }

  /** Renews like a device does, for so long; others who are named show that they are there. */
  keepTalking = async (device: Actor, burstId: BurstId, ms: number, ...others: Actor[]) => {
    for (let left = ms; left > 0; left -= RENEW_EVERY_MS) {
      await this.advance(Math.min(left, RENEW_EVERY_MS))
      await device.renew(burstId)
      for (const other of others) await other.heartbeat()
    }
  }

  /** Ben talks, Dan waits to cut him off. */
  duringGrace = async (more: Partial<RequestTalk> = {}) => {
    const burst = await this.ben.talk('b1')
    const preemption = await this.dan.press('d1', { priority: 'HIGH', ...more })
    return { burst, preemption }
  };

  [Symbol.asyncDispose] = () => this.#it[Symbol.asyncDispose]()
}
