/**
 * npm run crash [-- --seed n --only 'part of a name' --repeat n --short]   kills instances, Redis and PostgreSQL under load with SIGKILL, and
 * proves what must be true in spite of it. Ends with "N passed, N failed". --short takes three minutes at most.
 */
import { readOptions } from '../stress/options.ts'
import { People } from '../stress/people.ts'
import { callOffBySignal, playInTime } from '../stress/play.ts'
import { Random } from '../stress/random.ts'
import { Report } from '../stress/report.ts'
import { until } from '../stress/until.ts'
import { type Cluster, type Instance, openCluster } from '../support/cluster.ts'
import { LONG, type Scenario, SHORT } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { CrashStage } from './stage.ts'

const LONGEST_MS = 90_000
const READY_WITHIN_MS = 15_000

const options = readOptions()
const callOff = callOffBySignal()
const chosen = scenarios.filter(({ name }) => name.includes(options.only))
const report = new Report(`${chosen.length} crashes of instances, Redis and PostgreSQL`, options)

async function main(): Promise<number> {
  for (const redis of ['KEEPS', 'FORGETS'] as const) {
    const here = chosen.filter((scenario) => scenario.redis === redis)
    if (here.length > 0 && !callOff.aborted) await playOn(redis === 'KEEPS', here)
  }
  return report.end()
}

async function playOn(appendOnly: boolean, scenarios: readonly Scenario[]): Promise<void> {
  const names = appendOnly ? ['A', 'B', 'C'] : ['D', 'E', 'F']
  await using cluster = await openCluster({ names, appendOnly, env: { PRESS_RATE: '50' } })
  const people = new People(cluster.admin)
  for (let round = 1; round <= options.repeat && !callOff.aborted; round++) {
    for (const scenario of scenarios) {
      await play(scenario, cluster, people, round)
      if (!callOff.aborted) await mend(cluster)
    }
  }
  if (report.hasFailures) report.keepLogs(cluster.instances)
}

function play({ name, play }: Scenario, cluster: Cluster, people: People, round: number): Promise<void> {
  return playInTime(report, { name, round, longestMs: LONGEST_MS, callOff }, async () => {
    await using stage = new CrashStage(cluster, people, new Random(options.seed, round, name))
    await play(stage, options.short ? SHORT : LONG)
    stage.judge()
  })
}

/** Whatever a scenario left behind: all that is dead or stands still runs again. */
async function mend({ instances, redis }: Cluster): Promise<void> {
  redis.resume()
  if (!redis.isRunning) await redis.restart()
  await Promise.all(instances.map(mendInstance))
  await until('all instances are ready', async () => (await Promise.all(instances.map(isReady))).every(Boolean), READY_WITHIN_MS)
}

async function mendInstance(instance: Instance): Promise<void> {
  instance.redis.mend()
  instance.postgres.mend()
  instance.resume()
  if (!instance.isRunning) await instance.start()
}

const isReady = async ({ url }: Instance) => (await fetch(`${url}/readyz`)).ok

// Clients keep timers for connections that they might need again.
process.exit(await main())
