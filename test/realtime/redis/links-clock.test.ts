import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RedisClock } from '../../../src/realtime/redis/redis-clock.ts'

const AHEAD_MS = 1_700_000_000_000

/** A sample of a server clock that is `ahead` of this process: sent now, on its way `there` and `back`. */
function sample(clock: RedisClock, { there, back, ahead = AHEAD_MS }: { there: number; back: number; ahead?: number }) {
  const sentAt = performance.now() - there - back
  clock.sample((sentAt + there + ahead) * 1_000, sentAt, sentAt + there + back)
}

/** The least of some looks: this process may be held up between the two clocks. */
const wrongBy = (clock: RedisClock, ahead = AHEAD_MS) =>
  Math.min(...Array.from({ length: 5 }, () => Math.abs(clock.now() - performance.now() - ahead)))

test('before the first sample it is the clock of this machine', () => {
  expect(Math.abs(new RedisClock().now() - Date.now())).toBeLessThan(50)
})

test('it is wrong by no more than half the shortest of the last eight round trips', () => {
  const ms = fc.double({ min: 0, max: 400, noNaN: true })
  fc.assert(
    fc.property(fc.array(fc.record({ there: ms, back: ms }), { minLength: 1, maxLength: 30 }), (trips) => {
      const clock = new RedisClock()
      for (const trip of trips) sample(clock, trip)
      const shortest = Math.min(...trips.slice(-8).map(({ there, back }) => there + back))
      expect(wrongBy(clock)).toBeLessThanOrEqual(shortest / 2 + 0.01)
    }),
  )
})

test.for([3_600_000, -3_600_000, 5_000, -40])(
  'a server clock that was set by %d ms is followed at once, however good the samples before',
  (by) => {
    const clock = new RedisClock()
    for (let n = 0; n < 8; n++) sample(clock, { there: 0.1, back: 0.1 })
    sample(clock, { there: 30, back: 40, ahead: AHEAD_MS + by })
    expect(wrongBy(clock, AHEAD_MS + by)).toBeLessThanOrEqual(35.01)
    for (let n = 0; n < 3; n++) sample(clock, { there: 1, back: 2, ahead: AHEAD_MS + by })
    expect(wrongBy(clock, AHEAD_MS + by)).toBeLessThanOrEqual(1.51)
  },
)

test('a sample that was long under way does not spoil a good one', () => {
  const clock = new RedisClock()
  sample(clock, { there: 0.2, back: 0.2 })
  sample(clock, { there: 399, back: 1 })
  expect(wrongBy(clock)).toBeLessThanOrEqual(0.21)
})
