import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HELD_MOST } from '../../../src/realtime/redis/log-feed.ts'
import { at, LossyLog, settle } from './lossy-log.ts'

type Step = (log: LossyLog) => unknown

const named = (name: string, step: Step): Step => Object.assign(step, { [fc.toStringMethod]: () => name })
const always = (name: string, step: Step) => fc.constant(named(name, step))

const happens = fc.oneof(
  { weight: 8, arbitrary: always('happen', (log) => log.happen()) },
  { weight: 3, arbitrary: always('happen unheard of', (log) => log.happen(false)) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(3), fc.boolean())
      .map(([n, again]) => named(`deliver ${n} ${again ? 'again' : ''}`, (log) => log.deliver(n, again))),
  },
  { weight: 4, arbitrary: always('run read', (log) => log.runRead()) },
  { weight: 4, arbitrary: always('answer read', (log) => log.answerRead()) },
  { weight: 1, arbitrary: always('fail read', (log) => log.failRead()) },
  { weight: 2, arbitrary: always('ask head', (log) => log.askHead()) },
  { weight: 2, arbitrary: always('run head', (log) => log.runHead()) },
  { weight: 2, arbitrary: always('answer head', (log) => log.answerHead()) },
)
const forgets = fc.oneof(
  always('forget state', (log) => log.forgetState()),
  always('trim', (log) => log.trim()),
)
const goesBack = fc.nat(5).map((by) => named(`go back ${by}`, (log) => log.goBack(by)))
const deafens = fc.oneof(
  always('nobody listens', (log) => (log.isHeard = false)),
  always('somebody listens', (log) => {
    // As any new listener it reads for itself how things stand.
    if (log.feed.position && !log.isHeard) log.listener = log.feed.position
    log.isHeard = true
  }),
)

async function play(steps: readonly Step[], begins = true): Promise<LossyLog> {
  const log = new LossyLog({ begins })
  for (const step of steps) await step(log)
  return log
}

const property = (title: string, steps: fc.Arbitrary<Step>) =>
  test(title, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { maxLength: 60, size: 'max' }), async (all) => {
        const log = await play(all)
        await log.converge()
        expect(log.wrongs).toEqual([])
        expect(at(log.listener)).toBe(at(log.head))
      }),
      { numRuns: 3_000 },
    )
  })

property(
  'whatever the channel loses, repeats or reorders: every event is told once, in order, and nothing is called lost that the log has',
  happens,
)
property(
  'where the log has been forgotten or trimmed, that is told, and never an older truth after a newer one',
  fc.oneof({ weight: 20, arbitrary: happens }, { weight: 1, arbitrary: forgets }),
)
property(
  'a log that went back is noticed too',
  fc.oneof({ weight: 20, arbitrary: happens }, { weight: 1, arbitrary: forgets }, { weight: 2, arbitrary: goesBack }),
)

test('it may be heard from time to time only', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 10, arbitrary: happens }, { weight: 2, arbitrary: deafens }), { maxLength: 60, size: 'max' }),
      async (all) => {
        const log = new LossyLog()
        for (const step of all) await step(log)
        await log.converge()
        expect(log.wrongs).toEqual([])
        expect(log.feed.position).toEqual(log.head)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('nothing is read while nobody listens', async () => {
  const log = new LossyLog()
  log.isHeard = false
  log.happen(false)
  log.happen()
  log.deliver(0, false)
  await settle()
  expect(log.readsInFlight).toBe(0)
  expect(log.feed.position).toEqual(log.head)
})

test('what is published between the subscription and the first look at the log is not lost', async () => {
  const log = new LossyLog({ begins: false })
  const { head } = log
  log.happen()
  log.happen()
  log.deliver(1, false)
  log.deliver(0, false)
  log.feed.begin(head)
  log.runRead()
  await log.answerRead()
  expect(log.told).toEqual(['e0:1', 'e0:2'])
})

test('a lost last event is found by comparing', async () => {
  const log = new LossyLog()
  log.happen(false)
  await log.converge()
  expect(log.told).toEqual(['e0:1'])
})

test('more than can be held is read again', async () => {
  const log = new LossyLog()
  log.happen(false)
  log.happen()
  log.deliver(0, false)
  log.runRead()
  for (let n = 0; n < HELD_MOST + 5; n++) {
    log.happen()
    log.deliver(0, false)
  }
  await log.answerRead()
  // What was held is not told from memory behind a hole: the log is asked again.
  expect(log.readsInFlight).toBe(1)
  log.runRead()
  await log.answerRead()
  expect(at(log.listener)).toBe(at(log.head))
})

test('a failure is reported once, however often it is tried, and again after it has worked', async () => {
  const log = new LossyLog()
  for (const round of [1, 2]) {
    log.happen(false)
    for (let n = 0; n < 3; n++) {
      log.happen()
      log.deliver(0, false)
      await log.failRead()
    }
    expect(log.errors).toBe(round)
    await log.converge()
  }
  expect(at(log.listener)).toBe(at(log.head))
})

test('once ended it tells nothing, whatever still arrives', async () => {
  const log = new LossyLog()
  log.happen(false)
  log.happen()
  log.deliver(0, false)
  log.runRead()
  log.feed.end()
  await log.answerRead()
  log.happen()
  log.deliver(0, false)
  await log.converge()
  expect(log.told).toEqual([])
})
