/**
 * npm run herd [-- --sockets n --openings n]   kills the instance that has 2,000 sockets, and prints how long it takes until all are live at another
 * one, and how that one answered meanwhile. Fails when one is not back within 30 s, or missed or repeated an event. --openings is the
 * OPENINGS_PER_SECOND of the instances.
 */
import { parseArgs } from 'node:util'
import { openCluster } from '../support/cluster.ts'
import { BACK_WITHIN_MS, type Figures, playHerd } from './herd.ts'
import type { Sample } from './probes.ts'

const { values } = parseArgs({ options: { sockets: { type: 'string', default: '2000' }, openings: { type: 'string', default: '' } } })
const sockets = Number(values.sockets)

async function main(): Promise<number> {
  await using cluster = await openCluster({ names: ['A', 'B'], env: { OPENINGS_PER_SECOND: values.openings } })
  const figures = await playHerd(cluster, { sockets, groups: 10, devices: 11, pressEveryMs: 250 })
  const { backMs, later, unreachable, problems } = figures
  console.log(
    `${backMs.length} of ${sockets} sockets were live again after ${seconds(backMs, 0.5)} (half), ${seconds(backMs, 0.95)} (95 %), ${seconds(backMs, 1)} (all)`,
  )
  console.log(`told to come later (503): ${later} times; found nobody: ${unreachable} times`)
  console.log(`the survivor, before: ${said(figures.before)}`)
  console.log(`the survivor, in the storm: ${said(figures.storm)}`)
  for (const problem of problems) console.log(`WRONG  ${problem}`)
  const isWell = backMs.length === sockets && (backMs.at(-1) ?? 0) <= BACK_WITHIN_MS && problems.length === 0
  console.log(isWell ? 'no event was missed or repeated' : 'FAILED')
  return isWell ? 0 : 1
}

const quantile = (sorted: readonly number[], part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
const seconds = (sorted: readonly number[], part: number) => `${(quantile(sorted, part) / 1_000).toFixed(1)} s`

function times(samples: readonly Sample[]): string {
  const sorted = samples.map(({ tookMs }) => tookMs).toSorted((one, other) => one - other)
  const at = (part: number) => quantile(sorted, part).toFixed(0)
  return `${at(0.5)} ms (half), ${at(0.95)} ms (95 %), ${at(1)} ms (longest) of ${samples.length}`
}

function said({ answers, presses }: Figures['storm']): string {
  const refused = presses.filter(({ outcome }) => outcome !== 'GRANTED').map(({ outcome }) => outcome)
  return `healthz ${times(answers)}; presses ${times(presses)}, not granted: ${refused.length === 0 ? 'none' : refused.join(' ')}`
}

// Clients keep timers for connections that they might need again.
process.exit(await main())
