import { describe, expect, test } from 'vitest'
import { newId } from '../../../src/ids.ts'
import { systemClock } from '../../../src/realtime/clock.ts'
import { LEASE_MS } from '../../../src/realtime/engine.ts'
import { MemoryEngine } from '../../../src/realtime/memory/memory-engine.ts'
import { Random } from '../../stress/random.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { networked } from './networked.ts'
import { type Finding, play } from './play.ts'
import { playOnTwo } from './two-instances.ts'
import { ALL_FAULTS, FAIR } from './weather.ts'

const SEED = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))
/** Each group is a history; the longer it is, the rarer is what it can find. */
const GROUPS = Number(process.env.GROUPS ?? 6)
const PLAY_MS = Number(process.env.PLAY_MS ?? 10_000)
const CAST = { groups: GROUPS, devices: 12, operations: 500, quietMs: LEASE_MS + 1_000, thinkMs: [60] }

const TOTALS = ['operations', 'unknown', 'bursts', 'lapses'] as const

/** Also that the histories were worth checking. */
function expectOneFloor(name: string, findings: readonly Finding[]) {
  const totals = TOTALS.map((of) => [of, findings.reduce((total, finding) => total + finding[of], 0)] as const)
  console.log(`${name}: ${findings.length} histories, ${totals.map(([of, total]) => `${total} ${of}`).join(', ')}, seed ${SEED}`)
  expect(findings.flatMap(({ problems }) => problems.slice(0, 3))).toEqual([])
  expect(Math.min(...findings.map(({ operations }) => operations))).toBeGreaterThanOrEqual(CAST.operations)
  expect(Object.fromEntries(totals).lapses).toBeGreaterThan(0)
}

describe.concurrent('whatever devices are told', () => {
  test('in process: one order on one floor explains it', async () => {
    const onError = (error: unknown) => {
      throw error
    }
    await using engine = new MemoryEngine({ clock: systemClock, pressRate: 1_000_000, epoch: newId(), fencingToken: 0n, onError })
    const random = new Random(SEED, 'in process')
    const ways = [{ engine: networked(engine, random), failures: FAIR }] as const
    expectOneFloor(
      'in process',
      await play({ ...CAST, ways, random, pressWithinMs: Number.POSITIVE_INFINITY }, performance.now() + PLAY_MS),
    )
  })

  test.runIf(hasRedis())('two instances: one order on one floor explains it', async () => {
    await using redis = await startRedis()
    const random = new Random(SEED, 'two instances')
    expectOneFloor('two instances', await playOnTwo(redis.port, { ...CAST, random, ms: PLAY_MS }))
  })

  test.runIf(hasRedis())(
    'answers lost, commands late, connections broken: one floor explains it, and what failed does not keep it',
    async () => {
      await using redis = await startRedis()
      const random = new Random(SEED, 'weather')
      const findings = await playOnTwo(redis.port, { ...CAST, random, ms: PLAY_MS, weather: { faults: ALL_FAULTS, on: 'ONE' } })
      expectOneFloor('in bad weather', findings)
      expect(findings.every(({ unknown }) => unknown > 0)).toBe(true)
    },
  )
})
