import type { Experiment, Round } from './press.ts'
import { median, ms, quantile } from './statistics.ts'

/** What all others are compared with. */
const LIMIT = 'bare ws'

export function report({ name }: Experiment, rounds: ReadonlyMap<string, readonly Round[]>): void {
  console.log(`\n${name}`)
  for (const [contender, own] of rounds) {
    const cpu = own.map(({ cpuMicros, acts }) => cpuMicros / acts)
    console.log(`  ${contender.padEnd(16)} CPU of an act ${spread(cpu, (value) => value.toFixed(0))} µs`)
    const toLast = own.flatMap(({ toLast }) => toLast)
    console.log(`  ${''.padEnd(16)} to answer     ${times(own.flatMap(({ toAnswer }) => toAnswer))}`)
    if (toLast.length > 0) console.log(`  ${''.padEnd(16)} to the last   ${times(toLast)}`)
  }
  const limit = rounds.get(LIMIT) ?? []
  for (const [contender, own] of rounds) if (contender !== LIMIT) console.log(`  ${contender} / ${LIMIT}: ${ratios(own, limit)}`)
}

const times = (values: readonly number[]) =>
  `p50 ${ms(median(values))}  p95 ${ms(quantile(values, 0.95))}  p99 ${ms(quantile(values, 0.99))}`

/** Median, and least to most. */
const spread = (values: readonly number[], written: (value: number) => string) =>
  `${written(median(values))} (${written(Math.min(...values))} to ${written(Math.max(...values))})`

/** Each round by the limit's round beside it. */
function ratios(own: readonly Round[], limit: readonly Round[]): string {
  const compared = (of: (round: Round) => number) => {
    const values = own.flatMap((round, n) => {
      const beside = limit[n]
      return beside ? [of(round) / of(beside)] : []
    })
    return values.some(Number.isNaN) ? null : spread(values, (value) => `${value.toFixed(2)}×`)
  }
  const parts = [
    ['CPU', compared(({ cpuMicros, acts }) => cpuMicros / acts)],
    ['to answer', compared(({ toAnswer }) => median(toAnswer))],
    ['to the last', compared(({ toLast }) => median(toLast))],
  ] as const
  return parts.flatMap(([what, value]) => (value === null ? [] : [`${what} ${value}`])).join(', ')
}
