/**
 * npm run stress [-- --seed n --only 'part of a name' --repeat n]   plays scenarios on two instances with one real Redis and PostgreSQL: each
 * a fault or a race, and what must be true in spite of it. Ends with "N passed, N failed".
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { type Cluster, openCluster } from '../support/cluster.ts'
import { readOptions } from './options.ts'
import { People } from './people.ts'
import { callOffBySignal, playInTime } from './play.ts'
import { Random } from './random.ts'
import { Report } from './report.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { Stage } from './stage.ts'
import { until } from './until.ts'

/** More at once would measure the machine instead of NEDA. */
const AT_ONCE = { PATIENT: 10, BUSY: 4 }
const LONGEST_MS = 40_000

const options = readOptions()
const callOff = callOffBySignal()
const chosen = scenarios.filter(({ name }) => name.includes(options.only))
const report = new Report(`${chosen.length} scenarios on two instances`, options)

async function main(): Promise<number> {
  await using cluster = await openCluster({ names: ['A', 'B'], appendOnly: true, env: { PRESS_RATE: '50' } })
  const people = new People(cluster.admin)
  for (let round = 1; round <= options.repeat; round++) {
    const act = (scenario: Scenario) => play(scenario, cluster, people, round)
    const limits = { PATIENT: pLimit(AT_ONCE.PATIENT), BUSY: pLimit(AT_ONCE.BUSY) }
    await Promise.all(chosen.map((scenario) => (scenario.lane === 'ALONE' ? undefined : limits[scenario.lane](act, scenario))))
    for (const scenario of chosen.filter(({ lane }) => lane === 'ALONE')) {
      await act(scenario)
      await mend(cluster)
    }
  }
  sayWhoEnded(cluster)
  if (report.hasFailures) report.keepLogs(cluster.instances)
  return report.end()
}

function play({ name, play }: Scenario, cluster: Cluster, people: People, round: number): Promise<void> {
  return playInTime(report, { name, round, longestMs: LONGEST_MS, callOff }, async () => {
    await using stage = new Stage(cluster, people, new Random(options.seed, round, name))
    await play(stage)
    stage.judge()
  })
}

/** Whatever a scenario left behind: both ways are whole again, and both instances say so. */
async function mend({ instances }: Cluster): Promise<void> {
  for (const { redis, postgres } of instances) {
    redis.mend()
    postgres.mend()
  }
  const isReady = async ({ url }: { url: string }) => (await fetch(`${url}/readyz`)).ok
  await until('both instances are ready', async () => (await Promise.all(instances.map(isReady))).every(Boolean), 10_000)
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
