import { setTimeout as sleep } from 'node:timers/promises'
import { type BurstId, type GroupId, newId, type RequestId } from '../../../src/ids.ts'
import type { RequestTalk } from '../../../src/realtime/engine.ts'
import type { Burst, FloorEvent, TalkBurstEndReason } from '../../../src/realtime/events.ts'
import { Stopwatch } from '../../support/machine.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { type TcpProxy, tcpProxy } from '../../support/tcp-proxy.ts'
import { Actor, actor } from '../actors.ts'
import { type Instance, openInstance } from '../linearizability/redis-instance.ts'

/** Whoever presses while Redis is away is told so within this. */
const TOLD_WITHIN_MS = 600

/** A press that was not answered. */
export interface Failed {
  readonly requestId: RequestId
  readonly burstId: BurstId
}

/** One Redis and two instances: one near, and one on a way that can break. What happens in the group is heard near. */
export class LateStage implements AsyncDisposable {
  readonly redis: RedisServer
  readonly way: TcpProxy
  readonly near: Instance
  readonly far: Instance
  readonly groupId = newId<GroupId>()
  readonly events: FloorEvent[] = []
  readonly recorded: Burst[] = []
  readonly #owned: AsyncDisposableStack

  private constructor(redis: RedisServer, way: TcpProxy, near: Instance, far: Instance, owned: AsyncDisposableStack) {
    this.redis = redis
    this.way = way
    this.near = near
    this.far = far
    this.#owned = owned
  }

  static async open(): Promise<LateStage> {
    await using stack = new AsyncDisposableStack()
    const redis = stack.use(await startRedis())
    const way = stack.use(await tcpProxy(redis.port))
    const near = stack.use(await openInstance(redis.url, { space: '' }))
    // What fails on the broken way is told to who asked, and here once more.
    const far = stack.use(await openInstance(`redis://127.0.0.1:${way.port}`, { space: '', onError: () => {} }))
    const stage = new LateStage(redis, way, near, far, stack.move())
    // A Redis that does not know a script yet asks for it: that is another story.
    await actor(near.engine, newId<GroupId>(), 'nobody').talk()
    await near.engine.floorLog.subscribe(stage.groupId, (event) => stage.events.push(event))
    near.engine.record((entry) => 'burst' in entry && stage.recorded.push(entry.burst))
    return stage
  }

  /** Somebody whose device reaches the far instance. */
  enter = (username: string) => actor(this.far.engine, this.groupId, username)
  /** The same device on the near one. */
  nearby = (device: Actor) => new Actor(this.near.engine, this.groupId, device.asker)

  floor = async () => (await this.near.engine.floorLog.read(this.groupId)).snapshot

  /** Presses, must not be answered, and is told so in time. */
  async fail(device: Actor, more: Partial<RequestTalk> = {}, withinMs = TOLD_WITHIN_MS): Promise<Failed> {
    const [requestId, burstId] = [newId<RequestId>(), newId<BurstId>()]
    const watch = new Stopwatch()
    const answer = await device.press(requestId, { burstId, ...more }).catch(() => null)
    if (answer) throw new Error(`the press was answered ${answer.outcome}`)
    watch.expect(withinMs)
    return { requestId, burstId }
  }

  /** The press arrives and its answer is lost; then nothing passes any more until `way.mend()`. */
  async failUnheard(device: Actor, more?: Partial<RequestTalk>): Promise<Failed> {
    this.way.dropReplies(isForCommands)
    const failing = this.fail(device, more)
    await sleep(200)
    this.way.blackhole(isForCommands)
    return failing
  }

  wasGranted = (burstId: BurstId) => this.events.some(({ floor }) => floor.burst?.id === burstId)

  /** How the record says that it ended; null while it does not. */
  endOf = (burstId: BurstId): TalkBurstEndReason | null =>
    this.recorded.find(({ id, endedAt }) => id === burstId && endedAt !== null)?.endReason ?? null;

  [Symbol.asyncDispose] = () => this.#owned.disposeAsync()
}

const isForCommands = (firstWords: string) => firstWords.includes('neda-commands')

/** Waits until it is true, and not for longer than it may take. */
export async function until(isTrue: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<void> {
  const watch = new Stopwatch()
  while (!(await isTrue())) {
    watch.expect(withinMs)
    await sleep(10)
  }
}
