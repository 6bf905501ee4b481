import { setTimeout as sleep } from 'node:timers/promises'
import { type BurstId, type GroupId, newId, type RequestId } from '../../../src/ids.ts'
import { LEASE_MS, type RealtimeEngine } from '../../../src/realtime/engine.ts'
import type { Random } from '../../stress/random.ts'
import { Actor, actor } from '../actors.ts'
import type { Asked } from './floor-model.ts'
import type { Failures, History, Reply } from './history.ts'

/** An engine as a device reaches it. */
export interface Way {
  readonly engine: RealtimeEngine
  readonly failures: Failures
}

export interface DeviceOptions {
  readonly ways: readonly Way[]
  readonly groupId: GroupId
  readonly name: string
  readonly history: History
  readonly random: Random
  /** How long it waits between two operations, on average. */
  readonly thinkMs: number
}

/** Requests and bursts that it remembers, to ask for them again when it should not. */
const REMEMBERED = 3

/**
 * A device that presses, talks and releases, and does what devices do in the field: repeats what was not answered, forgets, falls asleep
 * beyond its lease, and comes back late with what it wanted before. Each operation goes to any of the instances.
 */
export class Device {
  readonly #options: DeviceOptions
  readonly #asker: Actor['asker']
  readonly #requests: RequestId[] = []
  readonly #bursts: BurstId[] = []
  #serial = 0
  /** The burst that it believes to be its own, and what it has in mind with it. */
  #talking: { readonly burstId: BurstId; readonly requestId: RequestId } | null = null

  constructor(options: DeviceOptions) {
    this.#options = options
    const [way] = options.ways
    if (!way) throw new Error('no way to an engine')
    this.#asker = actor(way.engine, options.groupId, options.name).asker
  }

  async live(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#pause(this.#options.thinkMs * 2)
      await (this.#talking ? this.#talk(this.#talking) : this.#idle())
    }
  }

  async #idle() {
    const { random } = this.#options
    const dice = random.next()
    if (dice < 0.55) await this.#press(this.#newRequest())
    else if (dice < 0.7) await this.#read()
    else if (dice < 0.8) await this.#withAny(this.#requests, (requestId) => this.#press(requestId))
    else if (dice < 0.9) await this.#withAny(this.#requests, (requestId) => this.#release(requestId))
    else await this.#withAny(this.#bursts, (burstId) => this.#renew(burstId))
  }

  async #talk({ burstId, requestId }: { burstId: BurstId; requestId: RequestId }) {
    const { random } = this.#options
    const dice = random.next()
    if (dice < 0.04) await this.#sleepBeyondLease()
    if (dice < 0.4) await this.#renew(burstId)
    else if (dice < 0.47) await this.#press(requestId)
    else if (dice < 0.5) await this.#press(this.#newRequest())
    else if (dice < 0.98) await this.#release(requestId)
    else this.#talking = null
  }

  /** Mostly about as long as the lease: there it is decided who ends whose burst. */
  async #sleepBeyondLease() {
    const { random } = this.#options
    await sleep(random.chance(0.6) ? LEASE_MS + random.between(-60, 60) : LEASE_MS + random.between(60, 900))
  }

  async #press(requestId: RequestId) {
    const burstId = newId<BurstId>()
    const device = this.#options.name
    const answer = await this.#take({ kind: 'press', device, requestId, burstId }, (by) => by.press(requestId, { burstId }))
    if (answer?.outcome === 'GRANTED' && answer.burst) {
      this.#talking = { burstId: answer.burst.id, requestId }
      keep(this.#bursts, answer.burst.id)
    } else if (this.#talking?.requestId === requestId) this.#talking = null
    if (!answer) await this.#settle(requestId)
  }

  /** Nobody knows what became of the press: asks again, takes it back, or gives up; whatever it is, this request is not pressed later. */
  async #settle(requestId: RequestId) {
    const { random } = this.#options
    if (this.#requests.includes(requestId)) this.#requests.splice(this.#requests.indexOf(requestId), 1)
    await this.#pause(200)
    const dice = random.next()
    if (dice < 0.4) await this.#press(requestId)
    else if (dice < 0.6) await this.#release(requestId)
    else await this.#pause(LEASE_MS)
  }

  async #release(requestId: RequestId) {
    const device = this.#options.name
    await this.#take({ kind: 'release', device, requestId }, async (by) => {
      const { released, floor } = await by.release(requestId)
      return { outcome: String(released), floor }
    })
    this.#talking = null
  }

  async #renew(burstId: BurstId) {
    const device = this.#options.name
    const answer = await this.#take({ kind: 'renew', device, burstId }, async (by) => {
      const { renewed, floor } = await by.renew(burstId)
      return { outcome: String(renewed), floor }
    })
    if (answer?.outcome === 'false') this.#talking = null
  }

  async #read() {
    const { groupId } = this.#options
    await this.#take({ kind: 'read' }, async ({ engine }) => ({ outcome: 'READ', floor: (await engine.floorLog.read(groupId)).snapshot }))
  }

  #take<Answer extends Reply>(asked: Asked, ask: (by: Actor) => Promise<Answer>): Promise<Answer | null> {
    const { ways, groupId, history, random } = this.#options
    const { engine, failures } = random.one(ways)
    return history.take(asked, failures, () => ask(new Actor(engine, groupId, this.#asker)))
  }

  async #withAny<Item>(items: readonly Item[], act: (item: Item) => Promise<void>) {
    if (items.length > 0) await act(this.#options.random.one(items))
  }

  #newRequest(): RequestId {
    const requestId = `r${this.#serial++}` as RequestId
    keep(this.#requests, requestId)
    return requestId
  }

  #pause(mostMs: number) {
    return sleep(this.#options.random.between(0, mostMs))
  }
}

function keep<Item>(items: Item[], item: Item) {
  items.push(item)
  if (items.length > REMEMBERED) items.shift()
}
