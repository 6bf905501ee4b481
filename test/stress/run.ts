/**
 * npm run stress [-- --seed n --only 'part of a name' --repeat n]   plays scenarios on two instances with one real Redis and PostgreSQL: each
 * a fault or a race, and what must be true in spite of it. Ends with "N passed, N failed".
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { type Cluster, type Instance, openCluster } from '../support/cluster.ts'
import { readOptions } from './options.ts'
import { People } from './people.ts'
import { callOffBySignal, playInTime } from './play.ts'
import { Random } from './random.ts'
import { Report } from './report.ts'
import type { Scenario } from './scenario.ts'
import { PRESS_RATE } from './scenarios/races.ts'
import { scenarios } from './scenarios.ts'
import { Stage } from './stage.ts'
import { until } from './until.ts'

/** More at once would measure the machine instead of NEDA. */
const AT_ONCE = { PATIENT: 12, BUSY: 2, ALONE: 1 }
const PEOPLE = 40
/** Those that are ALONE are about instances that do not answer. */
const TRIES = 3
const LONGEST_MS = 40_000

const options = readOptions()
const callOff = callOffBySignal()
const chosen = scenarios.filter(({ name }) => name.includes(options.only))
const report = new Report(`${chosen.length} scenarios on two instances`, options)

/**
 * Each scenario plays on two instances. Those that bend an instance's way to Redis or PostgreSQL have a pair to themselves, one at a time, so
 * that the others need not wait for them; Redis, PostgreSQL and the people are everybody's.
 */
async function main(): Promise<number> {
  const env = { NODE_ENV: 'production', NEDA_EMBEDDED: 'allowed', ADMIN_TOTP: 'optional', PRESS_RATE: String(PRESS_RATE) }
  await using cluster = await openCluster({ names: ['A', 'B', 'C', 'D'], appendOnly: true, env })
  const people = new People(cluster.admin)
  await people.prepare(Math.min(PEOPLE, 10 * chosen.length))
  for (let round = 1; round <= options.repeat; round++) {
    const limits = { PATIENT: pLimit(AT_ONCE.PATIENT), BUSY: pLimit(AT_ONCE.BUSY), ALONE: pLimit(AT_ONCE.ALONE) }
    await Promise.all(chosen.map((scenario) => limits[scenario.lane](play, scenario, cluster, people, round)))
  }
  sayWhoEnded(cluster)
  if (report.hasFailures) report.keepLogs(cluster.instances)
  return report.end()
}

async function play({ name, lane, play }: Scenario, cluster: Cluster, people: People, round: number): Promise<void> {
  const pair = lane === 'ALONE' ? cluster.instances.slice(2) : cluster.instances.slice(0, 2)
  await playInTime(report, { name, round, longestMs: LONGEST_MS, callOff, tries: lane === 'ALONE' ? 1 : TRIES }, async () => {
    await using stage = new Stage(cluster, people, new Random(options.seed, round, name), pair)
    await play(stage)
    stage.judge()
  })
  if (lane === 'ALONE') await mend(pair)
}

/** Whatever a scenario left behind: the ways are whole again, and the instances say so. */
async function mend(pair: readonly Instance[]): Promise<void> {
  for (const { redis, postgres } of pair) {
    redis.mend()
    postgres.mend()
  }
  const isReady = async ({ url }: Instance) => (await fetch(`${url}/readyz`)).ok
  await until('both instances are ready', async () => (await Promise.all(pair.map(isReady))).every(Boolean), 10_000)
  await sleep(50)
}

/** No fault of a scenario may end a process. */
function sayWhoEnded({ instances }: Cluster): void {
  for (const { name, isRunning } of instances) {
    if (!isRunning) report.failed(`instance ${name} is still running`, 0, 'it has ended by itself', 1)
  }
}

// Clients keep timers for connections that they might need again.
process.exit(await main())
