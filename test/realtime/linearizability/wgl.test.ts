import { expect, test } from 'vitest'
import { LEASE_MS } from '../../../src/realtime/engine.ts'
import type { Burst, Floor } from '../../../src/realtime/events.ts'
import { type Answered, type Asked, floorModel, type Operation } from './floor-model.ts'
import { History } from './history.ts'
import { FAIR } from './weather.ts'
import { check, type Timed } from './wgl.ts'

/** Two devices, a and b; a burst is called after who pressed for it. */
const press = (device: string) => ({ kind: 'press', device, requestId: 'r', burstId: `burst of ${device}` }) as const
const release = (device: string) => ({ kind: 'release', device, requestId: 'r' }) as const
const granted = (device: string) => ({ outcome: 'GRANTED', burstId: `burst of ${device}`, holder: `burst of ${device}` })
const denied = (device: string) => ({ outcome: 'DENIED', burstId: null, holder: `burst of ${device}` })
const released = { outcome: 'true', burstId: null, holder: null }
const reads = (device: string | null) => ({ outcome: 'READ', burstId: null, holder: device && `burst of ${device}` })

let serial = 0
const at = (call: number, ret: number, asked: Asked, answered: Answered | 'OPEN'): Timed<Operation> => ({
  operation: { asked, answered, serial: serial++ },
  call,
  ret,
})
const lapse = (of: Timed<Operation>): Timed<Operation> => ({
  operation: { lapse: 'serial' in of.operation ? of.operation.serial : -1 },
  call: of.call + LEASE_MS,
  ret: of.ret + LEASE_MS,
})

function verdict(history: readonly Timed<Operation>[], tokens: readonly [string, bigint][] = []) {
  const asked = history.flatMap(({ operation }) => ('asked' in operation ? [operation.asked] : []))
  return check(history, floorModel({ tokens: new Map(tokens), asked })).kind
}

test('operations that overlap may have been done in either order', () => {
  const [a, b] = [at(0, 10, press('a'), denied('b')), at(0, 10, press('b'), granted('b'))]
  expect(verdict([a, b])).toBe('LINEARIZABLE')
  expect(verdict([b, at(20, 30, { kind: 'read' }, reads('b'))])).toBe('LINEARIZABLE')
})

test('what has returned was done before what is called afterwards', () => {
  const [a, b] = [at(0, 10, press('a'), denied('b')), at(11, 20, press('b'), granted('b'))]
  expect(verdict([a, b])).toBe('NOT_LINEARIZABLE')
  expect(verdict([at(0, 10, press('a'), granted('a')), at(11, 20, press('b'), granted('b'))])).toBe('NOT_LINEARIZABLE')
  expect(verdict([at(0, 10, press('a'), granted('a')), at(11, 20, { kind: 'read' }, reads(null))])).toBe('NOT_LINEARIZABLE')
})

test('what was not answered may have been done, or not, but not both', () => {
  const unknown = at(0, Number.POSITIVE_INFINITY, press('a'), 'OPEN')
  const [held, free] = [at(20, 30, { kind: 'read' }, reads('a')), at(20, 30, { kind: 'read' }, reads(null))]
  expect(verdict([unknown, held, at(40, 50, release('a'), released)])).toBe('LINEARIZABLE')
  expect(verdict([unknown, free])).toBe('LINEARIZABLE')
  expect(verdict([unknown, held, at(40, 50, { kind: 'read' }, reads(null))])).toBe('NOT_LINEARIZABLE')
})

test('a lease runs out neither before its time nor after it', () => {
  const grant = at(0, 10, press('a'), granted('a'))
  const readAt = (instant: number, device: string | null) => at(instant, instant + 1, { kind: 'read' }, reads(device))
  expect(verdict([grant, lapse(grant), readAt(3_999, 'a')])).toBe('LINEARIZABLE')
  expect(verdict([grant, lapse(grant), readAt(3_990, null)])).toBe('NOT_LINEARIZABLE')
  expect(verdict([grant, lapse(grant), readAt(4_005, 'a'), readAt(4_007, null)])).toBe('LINEARIZABLE')
  expect(verdict([grant, lapse(grant), readAt(4_011, 'a')])).toBe('NOT_LINEARIZABLE')
  const renewal = at(
    2_000,
    2_010,
    { kind: 'renew', device: 'a', burstId: 'burst of a' },
    { ...granted('a'), outcome: 'true', burstId: null },
  )
  expect(verdict([grant, lapse(grant), renewal, lapse(renewal), readAt(5_999, 'a')])).toBe('LINEARIZABLE')
  expect(verdict([grant, lapse(grant), renewal, lapse(renewal), readAt(5_990, null)])).toBe('NOT_LINEARIZABLE')
})

test('tokens grow from burst to burst', () => {
  const history = [at(0, 1, press('a'), granted('a')), at(2, 3, release('a'), released), at(4, 5, press('b'), granted('b'))]
  const tokens = (a: bigint, b: bigint): [string, bigint][] => [
    ['burst of a', a],
    ['burst of b', b],
  ]
  expect(verdict(history, tokens(1n, 2n))).toBe('LINEARIZABLE')
  expect(verdict(history, tokens(2n, 2n))).toBe('NOT_LINEARIZABLE')
})

test('a request is granted once, and one that was taken back never', () => {
  const history = [at(0, 1, press('a'), granted('a')), at(2, 3, release('a'), released)]
  const again = { ...press('a'), burstId: 'another' }
  expect(verdict([...history, at(4, 5, again, { outcome: 'ENDED', burstId: 'burst of a', holder: null })])).toBe('LINEARIZABLE')
  expect(verdict([...history, at(4, 5, again, { outcome: 'GRANTED', burstId: 'another', holder: 'another' })])).toBe('NOT_LINEARIZABLE')
  const overtaken = at(0, 1, release('a'), { ...released, outcome: 'false' })
  expect(verdict([overtaken, at(2, 3, press('a'), { outcome: 'CANCELLED', burstId: null, holder: null })])).toBe('LINEARIZABLE')
  expect(verdict([overtaken, at(2, 3, press('a'), granted('a'))])).toBe('NOT_LINEARIZABLE')
})

test('a lost press of who holds the floor may have given its burst another name, or not', async () => {
  for (const first of ['false', 'true']) {
    const history = new History()
    const floor = (isFree: boolean) => ({ burst: isFree ? null : burst }) as unknown as Floor
    const burst = { id: 'b1', fencingToken: 1n } as unknown as Burst
    const asks = (kind: 'press' | 'release', requestId: string, burstId: string) => ({ kind, device: 'a', requestId, burstId }) as Asked
    const take = (asked: Asked, outcome: string, isFree = false) =>
      history.take(asked, FAIR, async () => ({ outcome, ...(asked.kind === 'press' && { burst }), floor: floor(isFree) }))
    await take(asks('press', 'r1', 'b1'), 'GRANTED')
    await history.take(asks('press', 'r2', 'b2'), FAIR, () => Promise.reject(new Error('lost')))
    await take(asks('release', 'r1', ''), first, first === 'true')
    expect(check(history.operations(), floorModel(history.told())).kind, first).toBe('LINEARIZABLE')
  }
})
