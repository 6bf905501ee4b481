import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type GroupId, newId } from '../../src/ids.ts'
import type { EventLog } from '../../src/realtime/engine.ts'
import type { Position } from '../../src/realtime/events.ts'
import { openStream } from '../../src/realtime/stream.ts'

interface Event extends Position {
  readonly kind: 'IDLE' | 'CLOSED'
}

interface Snapshot extends Position {
  readonly state?: string
}

const groupId = newId<GroupId>()
const event = (sequence: number, epoch = 'one'): Event => ({ epoch, sequence, kind: 'IDLE' })
const snapshot = (sequence: number, epoch = 'one'): Snapshot => ({ epoch, sequence })

/** A log that says what it is told to say, when it is told to. */
class SpokenLog implements EventLog<Event, Snapshot> {
  now = snapshot(0)
  isAway = false
  reads = 0
  /** Reading waits for this. */
  hold: Promise<unknown> = Promise.resolve()
  tell: (event: Event) => void = () => {}
  lose: (snapshot: Snapshot) => void = () => {}

  async subscribe(_groupId: GroupId, listener: (event: Event) => void, lost?: (snapshot: Snapshot) => void) {
    this.tell = listener
    this.lose = lost ?? this.lose
    return () => {}
  }

  async read() {
    this.reads += 1
    const { now } = this
    await this.hold
    if (this.isAway) throw new Error('away')
    return { missed: [], snapshot: now, gap: false }
  }
}

async function opened(log = new SpokenLog()) {
  const stream = await openStream(log, groupId)
  /** Everything that waits, in short. */
  const items = async () => {
    const found: string[] = []
    for (;;) {
      const { value, done } = (await Promise.race([stream.next(), sleep(15)])) ?? {}
      if (value === undefined) return done ? [...found, 'done'] : found
      if (value.kind === 'END') found.push(value.code)
      else if ('snapshot' in value) found.push(`${value.gap ? 'gap' : 'snapshot'} ${value.snapshot.epoch} ${value.snapshot.sequence}`)
      else found.push(`${value.epoch} ${value.sequence}`)
    }
  }
  return { log, stream, items }
}

test('15.6 what a log lost for good is a snapshot with a gap, and what follows comes after it', async () => {
  const { log, items } = await opened()
  log.tell(event(1))
  log.lose(snapshot(5))
  for (const sequence of [4, 5, 6]) log.tell(event(sequence))
  log.lose(snapshot(0, 'two'))
  log.tell(event(1, 'two'))
  expect(await items()).toEqual(['snapshot one 0', 'one 1', 'gap one 5', 'one 6', 'gap two 0', 'two 1'])
  expect(log.reads).toBe(1)
})

test('15.6 what was lost while the stream read how things stand is not told behind it, unless it is newer', async () => {
  const log = new SpokenLog()
  const reading = Promise.withResolvers<void>()
  log.hold = reading.promise
  log.now = snapshot(7)
  const opening = opened(log)
  await sleep(1)
  log.tell(event(3))
  log.lose(snapshot(5))
  log.tell(event(6))
  log.tell(event(7))
  log.tell(event(8))
  reading.resolve()
  const { items } = await opening
  expect(await items()).toEqual(['snapshot one 7', 'one 8'])
})

test('15.7 a new epoch that began while the stream read is told behind what it read', async () => {
  const log = new SpokenLog()
  const reading = Promise.withResolvers<void>()
  log.hold = reading.promise
  log.now = snapshot(7)
  const opening = opened(log)
  await sleep(1)
  log.tell(event(8))
  log.lose(snapshot(2, 'two'))
  log.tell(event(3, 'two'))
  reading.resolve()
  const { items } = await opening
  expect(await items()).toEqual(['snapshot one 7', 'gap two 2', 'two 3'])
})

test('15.7 an older epoch is never told after a newer one', async () => {
  const log = new SpokenLog()
  log.now = snapshot(2, 'two')
  const { items } = await opened(log)
  log.lose(snapshot(2, 'two'))
  log.tell(event(9, 'one'))
  log.lose(snapshot(1, 'two'))
  log.tell(event(2, 'two'))
  log.tell(event(3, 'two'))
  // A log that seems to have gone back is asked: it had not.
  expect(await items()).toEqual(['snapshot two 2', 'gap two 2', 'two 3'])
})

test('15.3 a log that went back is believed once it says so itself', async () => {
  const { log, items } = await opened()
  for (const sequence of [1, 2, 3]) log.tell(event(sequence))
  log.now = snapshot(1)
  log.lose(snapshot(1))
  log.tell(event(2))
  expect(await items()).toEqual(['snapshot one 0', 'one 1', 'one 2', 'one 3', 'gap one 1', 'one 2'])
})

test('16.1 a reader that waits while the log can not be read gets the newest state once it can', async () => {
  const { log, stream, items } = await opened()
  await stream.next()
  for (let sequence = 1; sequence <= 70; sequence++) log.tell(event(sequence))
  log.isAway = true
  const next = stream.next()
  await sleep(300)
  expect(log.reads).toBeGreaterThan(1)
  log.isAway = false
  log.now = snapshot(70)
  expect((await next).value).toMatchObject({ kind: 'SNAPSHOT', gap: true, snapshot: { sequence: 70 } })
  log.tell(event(71))
  expect(await items()).toEqual(['one 71'])
})

test('16.1 a reader that stops while the log can not be read is done at once, and nothing is read for it any more', async () => {
  const { log, stream } = await opened()
  await stream.next()
  for (let sequence = 1; sequence <= 70; sequence++) log.tell(event(sequence))
  log.isAway = true
  const next = stream.next()
  await sleep(10)
  await stream.return()
  expect(await next).toEqual({ value: undefined, done: true })
  const { reads } = log
  await sleep(300)
  expect(log.reads).toBe(reads)
})

test('16.1 a loss stands for all that a slow reader has not read', async () => {
  const { log, items } = await opened()
  for (let sequence = 1; sequence <= 63; sequence++) log.tell(event(sequence))
  log.lose(snapshot(80))
  log.tell(event(81))
  expect(await items()).toEqual(['gap one 80', 'one 81'])
})

test('16.1 a loss while the stream is behind replaces what was held, and is told behind an older reading', async () => {
  const { log, stream, items } = await opened()
  await stream.next()
  for (let sequence = 1; sequence <= 70; sequence++) log.tell(event(sequence))
  const reading = Promise.withResolvers<void>()
  log.hold = reading.promise
  log.now = snapshot(70)
  const next = stream.next()
  for (let sequence = 71; sequence <= 120; sequence++) log.tell(event(sequence))
  log.lose(snapshot(2, 'two'))
  for (let sequence = 3; sequence <= 20; sequence++) log.tell(event(sequence, 'two'))
  reading.resolve()
  expect((await next).value).toMatchObject({ gap: true, snapshot: { sequence: 70 } })
  expect((await items()).slice(0, 2)).toEqual(['gap two 2', 'two 3'])
})

test('13.3 a floor that is found closed is the last that a stream tells', async () => {
  const { log, items } = await opened()
  log.lose({ ...snapshot(4), state: 'CLOSED' })
  log.tell(event(5))
  expect(await items()).toEqual(['snapshot one 0', 'gap one 4', 'GROUP_CLOSED', 'done'])
})
