import pLimit from 'p-limit'
import { describe, expect, test } from 'vitest'
import { Random } from '../../stress/random.ts'
import { hasRedis, startRedis } from '../../support/redis-server.ts'
import { type PlantedBug, plantedBugs } from './planted-bugs.ts'
import { playOnTwo } from './two-instances.ts'

const SEED = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))
const PLAY_MS = 8_000
/** A bug must show within so many plays. */
const MOST_PLAYS = 3
const AT_ONCE = 6

/** In which play it was found, and by what. */
async function find(redisPort: number, { name, ...bug }: PlantedBug): Promise<string | null> {
  for (let n = 1; n <= MOST_PLAYS; n++) {
    const random = new Random(SEED, name, n)
    const size = bug.weather ? { groups: 8, devices: 4 } : { groups: 4, devices: 6 }
    const cast = { ...size, operations: 0, quietMs: 0, thinkMs: [100, 250], random, ms: PLAY_MS }
    const findings = await playOnTwo(redisPort, { ...cast, ...bug })
    const [problem] = findings.flatMap(({ problems }) => problems)
    if (problem) return `play ${n}: ${problem}`
  }
  return null
}

describe.runIf(hasRedis())('with a real Redis', () => {
  test('planted bugs are found', async () => {
    await using redis = await startRedis()
    const limit = pLimit(AT_ONCE)
    const found = await limit.map(plantedBugs, async (bug) => ({ bug: bug.name, by: await find(redis.port, bug) }))
    console.log([`seed ${SEED}`, ...found.map(({ bug, by }) => `${bug}\n    ${by ?? 'NOT FOUND'}`)].join('\n'))
    expect(found.filter(({ by }) => by === null)).toEqual([])
  })
})
