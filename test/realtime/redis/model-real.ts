import { Redis } from 'ioredis'
import type { Position } from '../../../src/realtime/events.ts'
import type { Told } from '../../../src/realtime/memory/transition.ts'
import { Keys } from '../../../src/realtime/redis/keys.ts'
import { type CommandName, type Reply, Scripts } from '../../../src/realtime/redis/scripts.ts'
import {
  readFloor,
  readFloorEvent,
  readPresence,
  readPresenceEvent,
  readPublication,
  readRecord,
} from '../../../src/realtime/redis/wire.ts'
import { groupId } from '../sequences.ts'

/** One group in Redis in a time that is told, and everything that is told of it. */
export class Real implements AsyncDisposable {
  readonly #redis: Redis
  readonly #subscriber: Redis
  readonly #keys: Keys
  readonly #scripts = new Scripts()
  #heard: Told[] = []
  #read = '-'
  #epoch: string
  #token = 0n

  private constructor(url: string, space: string, epoch: string) {
    this.#redis = new Redis(url)
    this.#subscriber = new Redis(url)
    this.#keys = new Keys(space)
    this.#epoch = epoch
  }

  static async open(url: string, space: string, epoch: string): Promise<Real> {
    const real = new Real(url, space, epoch)
    real.#subscriber.on('message', (_channel, json: string) => real.#heard.push(...readPublication(json)))
    await real.#subscriber.subscribe(real.#keys.eventsChannel(groupId))
    return real
  }

  run(name: CommandName, command: object, time: number): Promise<Reply> {
    const frame = { time, nextEpoch: this.#epoch, fencingToken: this.#token }
    return this.#scripts.run(this.#redis, this.#keys, name, this.#keys.shardOf(groupId), frame, command)
  }

  async readFloor(time: number, after?: Position) {
    const [floor, gap, missed] = (await this.run('read-floor', { groupId, after }, time)).values as [string, string, string[]]
    return { snapshot: readFloor(floor), gap: gap === '1', missed: missed.map(readFloorEvent) }
  }

  async readPresence(time: number, after?: Position) {
    const [presence, gap, missed] = (await this.run('read-presence', { groupId, after }, time)).values as [string, string, string[]]
    return { snapshot: readPresence(presence), gap: gap === '1', missed: missed.map(readPresenceEvent) }
  }

  /** What was told since this was last asked. */
  async told(): Promise<Told[]> {
    await this.#subscriber.ping()
    const records = await this.#redis.xrange(this.#keys.record(this.#keys.shardOf(groupId)), this.#read, '+')
    for (const [id, [, json = '[]']] of records) {
      this.#read = `(${id}`
      for (const record of readRecord(json)) this.#heard.push({ record })
    }
    const told = this.#heard
    this.#heard = []
    return told
  }

  /** Redis forgets everything; what comes next is called so, and begins after this token. */
  async forget(nextEpoch: string, token: bigint): Promise<void> {
    await this.#redis.flushall()
    this.#read = '-'
    this.#epoch = nextEpoch
    this.#token = token
  }

  async [Symbol.asyncDispose]() {
    await Promise.all([this.#redis.quit(), this.#subscriber.quit()])
  }
}
