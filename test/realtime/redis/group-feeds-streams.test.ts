import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type GroupId, newId } from '../../../src/ids.ts'
import type { Position } from '../../../src/realtime/events.ts'
import { GroupFeeds } from '../../../src/realtime/redis/group-feeds.ts'
import { openStream } from '../../../src/realtime/stream.ts'
import { ToldGroups } from './told-groups.ts'

// Beats and retries come when a test says so.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const turns = async (count = 12) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A bus that hands over what it is told to, when it is told to. */
class LossyBus {
  readonly #listeners = new Map<string, (text: string) => void>()
  readonly #wire: (readonly [channel: string, text: string])[] = []
  readonly publish = (channel: string, text: string) => void this.#wire.push([channel, text])

  open = async (channel: string, listener: (text: string) => void) => {
    await turns(1)
    this.#listeners.set(channel, listener)
    return () => void this.#listeners.delete(channel)
  }

  onReconnect = () => () => {}

  get channels(): number {
    return this.#listeners.size
  }

  deliver(which: number, again: boolean) {
    const n = this.#wire.length === 0 ? 0 : which % this.#wire.length
    const [one] = again ? this.#wire.slice(n, n + 1) : this.#wire.splice(n, 1)
    if (one) this.#listeners.get(one[0])?.(one[1])
  }

  drop() {
    this.#wire.shift()
  }
}

/** One watched log: groups, the bus between, the feeds, and streams over them whose readers note what is wrong with what they get. */
class Watched implements AsyncDisposable {
  readonly bus = new LossyBus()
  readonly groups = new ToldGroups(this.bus.publish)
  readonly wrongs: string[] = []
  readonly groupId = newId<GroupId>()
  readonly #feeds = new GroupFeeds({ ...this.groups.reading, bus: this.bus, onError: () => {} })
  readonly #streams: { readonly end: () => unknown; last: Position | null }[] = []
  #epoch = 0

  async watch(): Promise<void> {
    const log = {
      subscribe: this.#feeds.floor.bind(this.#feeds),
      read: this.groups.reading.readFloor,
    }
    const stream = await openStream(log, this.groupId).catch(() => null)
    if (!stream) return
    const reader: { readonly end: () => unknown; last: Position | null } = { end: () => stream.return(), last: null }
    this.#streams.push(reader)
    const follow = async () => {
      for await (const item of stream) {
        if (item.kind === 'END') this.wrongs.push(`ended ${item.code}`)
        else if ('snapshot' in item) this.#check(reader, item.snapshot, item.gap ? 'GAP' : 'FIRST')
        else this.#check(reader, item, 'EVENT')
      }
    }
    void follow()
  }

  leave(which: number): void {
    const [one] = this.#streams.splice(which % Math.max(1, this.#streams.length), 1)
    one?.end()
  }

  /** Not twice within one answer of Redis: epochs have no order that a stream could tell which of two is the older. */
  async forget(): Promise<void> {
    if (this.#epoch > 0) await turns()
    this.#epoch += 1
    this.groups.forget(String(this.#epoch))
  }

  async beat(): Promise<void> {
    vi.advanceTimersByTime(1_000)
    await turns()
  }

  /** What is on its way is lost, and nothing new happens. */
  async converge(): Promise<string[]> {
    this.groups.isAway = false
    for (let beat = 0; beat < 3; beat++) await this.beat()
    const { epoch, sequence } = this.groups.floor(this.groupId)
    const behind = this.#streams.filter(({ last }) => last?.epoch !== epoch || last.sequence !== sequence)
    return behind.map(({ last }) => `${last?.epoch} ${last?.sequence}, not ${epoch} ${sequence}`)
  }

  async [Symbol.asyncDispose]() {
    for (const { end } of this.#streams) end()
    await this.#feeds[Symbol.asyncDispose]()
  }

  #check(reader: { last: Position | null }, { epoch, sequence }: Position, kind: 'FIRST' | 'GAP' | 'EVENT') {
    const { last } = reader
    reader.last = { epoch, sequence }
    const isNext = last?.epoch === epoch && last.sequence + 1 === sequence
    const isLater = last !== null && (Number(epoch) > Number(last.epoch) || (epoch === last.epoch && sequence >= last.sequence))
    if (kind === 'EVENT' ? !isNext : kind === 'FIRST' ? last !== null : !isLater)
      this.wrongs.push(`${kind} ${epoch} ${sequence} after ${last?.epoch} ${last?.sequence}`)
    if (kind === 'GAP' && this.#epoch === 0) this.wrongs.push('a gap, but nothing was forgotten')
  }
}

type Step = (watched: Watched) => unknown
const named = (name: string, step: Step): Step => Object.assign(step, { [fc.toStringMethod]: () => name })
const always = (name: string, step: Step) => fc.constant(named(name, step))

const steps = fc.oneof(
  { weight: 6, arbitrary: always('talk', ({ groups, groupId }) => groups.talk(groupId)) },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.nat(3), fc.boolean()).map(([n, again]) => named(`deliver ${n} ${again}`, ({ bus }) => bus.deliver(n, again))),
  },
  { weight: 2, arbitrary: always('drop', ({ bus }) => bus.drop()) },
  { weight: 2, arbitrary: always('watch', (watched) => watched.watch()) },
  { weight: 2, arbitrary: always('begin to watch', (watched) => void watched.watch()) },
  { weight: 1, arbitrary: fc.nat(5).map((n) => named(`leave ${n}`, (watched) => watched.leave(n))) },
  { weight: 2, arbitrary: always('a turn', () => turns(1)) },
  { weight: 1, arbitrary: always('a beat', (watched) => watched.beat()) },
  { weight: 1, arbitrary: fc.boolean().map((isAway) => named(isAway ? 'away' : 'back', ({ groups }) => (groups.isAway = isAway))) },
)

const property = (title: string, step: fc.Arbitrary<Step>) =>
  test(title, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (all) => {
        await using watched = new Watched()
        watched.groups.epoch = '0'
        for (const one of all) await one(watched)
        await turns()
        expect(await watched.converge()).toEqual([])
        expect(watched.wrongs).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

property('whatever the bus drops, repeats or reorders, every stream has every event once and in order, without a gap', steps)
property(
  'where the log was forgotten, every stream says so, and never tells an older truth after a newer one',
  fc.oneof({ weight: 20, arbitrary: steps }, { weight: 2, arbitrary: always('forget', (watched) => watched.forget()) }),
)

test('nobody watches any more: nothing is subscribed', async () => {
  const watched = new Watched()
  await Promise.all([watched.watch(), watched.watch(), watched.watch()])
  expect(watched.bus.channels).toBe(1)
  await watched[Symbol.asyncDispose]()
  await turns()
  expect(watched.bus.channels).toBe(0)
})

test('closed while a group is being opened: nothing is subscribed either', async () => {
  const watched = new Watched()
  const opening = watched.watch()
  await watched[Symbol.asyncDispose]()
  await opening
  await turns()
  expect(watched.bus.channels).toBe(0)
})
