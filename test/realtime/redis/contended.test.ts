import { describe, expect, test } from 'vitest'
import { Random } from '../../stress/random.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { openInstance } from '../linearizability/redis-instance.ts'
import { contend } from './contended-rounds.ts'

const SEED = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))

describe.runIf(hasRedis())('with a real Redis', () => {
  test('1.2 fifty devices press at once on two instances: one of them is granted, and everybody else is told who', async () => {
    await using redis = await startRedis()
    await using one = await openInstance(redis.url, { space: '' })
    await using other = await openInstance(redis.url, { space: '' })
    const random = new Random(SEED)
    const outcome = await contend({ engines: [one.engine, other.engine], devices: 50, rounds: 100, random })
    const { rounds, presses, seconds, wins, problems } = outcome
    console.log(
      `${rounds} rounds, ${presses} presses in ${seconds.toFixed(1)} s, ${outcome.void} void, won ${wins.join(' : ')}, seed ${SEED}`,
    )
    expect(problems).toEqual([])
    expect(outcome.void).toBeLessThan(rounds / 10)
    expect(Math.min(...wins)).toBeGreaterThan(0)
  })
})
