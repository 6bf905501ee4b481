import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { openEmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import { Keys } from '../src/realtime/redis/keys.ts'
import { startRedis } from '../test/support/redis-server.ts'
import { type Contender, type Scene, type Stage, startBare, startNeda, startRaw } from './contenders.ts'
import type { Load } from './load.ts'
import { report } from './report.ts'
import { cpuMicros } from './statistics.ts'
import { temporaryFolder } from './support.ts'
import { makeWorld, type World } from './world.ts'

/**
 * What a press costs, as CPU of the server process and as time to its answer and to the last who hears of it: NEDA as it is run, NEDA without its
 * record, a bare WebSocket server that does the same, and the script call alone. An act is a press or a release; they take turns, half of them
 * are presses. Each act is one script, one answer, and one event to each subscriber. Rounds of the contenders alternate, so that what else the
 * machine does hits all of them.
 */
const isShort = process.argv.includes('--short')
const ROUNDS = isShort ? 2 : 5
const GROUPS = 8
/** With `--profile <folder>` every NEDA writes its CPU profile there. */
const profileAt = process.argv.indexOf('--profile')
const profile = profileAt > 0 ? ['--cpu-prof', `--cpu-prof-dir=${process.argv[profileAt + 1]}`] : []

export interface Experiment {
  readonly name: string
  readonly scene: Scene
  readonly load: Load
  readonly warmUp: Load
}

const experiments: readonly Experiment[] = [
  {
    name: `nobody watches, ${GROUPS} groups, ${GROUPS} acts in flight`,
    scene: { groups: GROUPS, subscribers: 0 },
    load: { acts: isShort ? 3_200 : 6_400, inFlight: GROUPS },
    warmUp: { acts: 6_400, inFlight: GROUPS },
  },
  {
    name: '20 subscribers, 100 acts a second on schedule',
    scene: { groups: 1, subscribers: 20 },
    load: { acts: isShort ? 80 : 200, perSecond: 100 },
    warmUp: { acts: 400, perSecond: 200 },
  },
  {
    name: '1000 subscribers, 20 acts a second on schedule',
    scene: { groups: 1, subscribers: 1_000 },
    load: { acts: isShort ? 16 : 40, perSecond: 20 },
    warmUp: { acts: 30, perSecond: 20 },
  },
]

export interface Round {
  readonly cpuMicros: number
  readonly acts: number
  readonly toAnswer: readonly number[]
  readonly toLast: readonly number[]
}

/** What is still being done when the last answer has come. */
const SETTLE_MS = 100

using folder = temporaryFolder()
await using postgres = await openEmbeddedPostgres({ folder: folder.path, log: pino({ level: 'silent' }) })
await using redis = await startRedis()
const worlds: World[] = []
for (const name of ['with_record', 'without_record']) worlds.push(await makeWorld(postgres.url, folder.path, name, GROUPS))
const [world, other] = worlds as [World, World]

await using neda = await startNeda('NEDA', world, [...profile, 'src/main.ts'], `${redis.url}/0`)
await using bald = await startNeda('NEDA, no record', other, [...profile, 'bench/peers/neda-without-record.ts'], `${redis.url}/1`)
await using bare = await startBare(GROUPS, `${redis.url}/2`)
await using raw = await startRaw(GROUPS, `${redis.url}/3`)
const contenders = [neda, bald, bare, raw]
using closing = new DisposableStack()
const record = closing.adopt(new Redis(`${redis.url}/0`), (link) => link.disconnect())

for (const experiment of experiments) report(experiment, await measure(experiment))

async function measure({ scene, load, warmUp }: Experiment): Promise<Map<string, Round[]>> {
  await using stack = new AsyncDisposableStack()
  const stages = new Map<Contender, Stage>()
  for (const contender of contenders) {
    const stage = stack.use(await contender.open(scene))
    stages.set(contender, stage)
    await stage.run(warmUp)
    await recorded()
  }
  const rounds = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]))
  for (let n = 0; n < ROUNDS; n++) {
    for (const [contender, stage] of stages) rounds.get(contender.name)?.push(await round(contender, stage, load))
  }
  return rounds
}

async function round({ pid }: Contender, stage: Stage, load: Load): Promise<Round> {
  const cpu = cpuMicros(pid)
  const outcome = await stage.run(load)
  await recorded()
  await sleep(SETTLE_MS)
  return { ...outcome, cpuMicros: cpuMicros(pid) - cpu, acts: load.acts }
}

/** Everything that NEDA has to write down is written down: that too is paid for. */
async function recorded(): Promise<void> {
  const { shards, record: streamOf } = new Keys()
  for (;;) {
    const lengths = await Promise.all(shards.map((shard) => record.xlen(streamOf(shard))))
    if (lengths.every((length) => length === 0)) return
    await sleep(20)
  }
}
