/**
 * npm run contend [-- --rounds n --devices n --seed n]   fifty devices press at once on two instances with one real Redis, 2000 times: 100 000
 * presses, of which one of each fifty is granted. Fails at the first round in which that is not so.
 */
import { parseArgs } from 'node:util'
import { Random } from '../../stress/random.ts'
import { startRedis } from '../../support/redis-server.ts'
import { openInstance } from '../linearizability/redis-instance.ts'
import { contend, type Outcome } from './contended-rounds.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string' }, devices: { type: 'string' }, seed: { type: 'string' } } })
const seed = values.seed ?? String(Math.floor(Math.random() * 1e9))
const rounds = Number(values.rounds ?? 2_000)
const devices = Number(values.devices ?? 50)
const ROUNDS_AT_A_TIME = 200

await using redis = await startRedis()
await using one = await openInstance(redis.url, { space: '' })
await using other = await openInstance(redis.url, { space: '' })
const random = new Random(seed)
console.log(`${devices} devices on two instances, ${rounds} rounds, seed ${seed}`)

const done: Outcome[] = []
const total = (of: 'rounds' | 'presses' | 'seconds' | 'void') => done.reduce((sum, outcome) => sum + outcome[of], 0)
while (total('rounds') < rounds) {
  const next = Math.min(ROUNDS_AT_A_TIME, rounds - total('rounds'))
  done.push(await contend({ engines: [one.engine, other.engine], devices, rounds: next, random }))
  const problems = done.flatMap((outcome) => outcome.problems)
  const wins = [0, 1].map((side) => done.reduce((sum, outcome) => sum + (outcome.wins[side] ?? 0), 0))
  console.log(
    `${total('rounds')} rounds, ${total('presses')} presses in ${total('seconds').toFixed(1)} s, ${total('void')} void, won ${wins.join(' : ')}`,
  )
  if (problems.length > 0) {
    console.error(problems.join('\n'))
    process.exitCode = 1
    break
  }
}
