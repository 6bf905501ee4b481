import { median, quantile } from '../statistics.ts'
import type { Burst } from './burst.ts'
import type { Figures, Outcome } from './contest.ts'

/** Of 95 in 100, as MCPTT asks of access to the floor and of the way from mouth to ear. */
const MCPTT_MS = 300
const MOST_RATIO = 1.25
const COURSE = 10

const p95 = (values: readonly number[]) => quantile(values, 0.95)
const ms = (value: number) => `${value.toFixed(0).padStart(4)} ms`
const line = (values: readonly number[]) =>
  values.length === 0
    ? 'nothing measured'
    : `p50 ${ms(median(values))}  p95 ${ms(p95(values))}  max ${ms(Math.max(...values))}  of ${values.length}`

/** What is measured of a burst, by its name. */
const MEASURES: readonly [what: string, of: (burst: Burst) => readonly number[]][] = [
  ['press → answer', ({ toAnswer }) => [toAnswer]],
  ['press → may talk', ({ toTalk }) => [toTalk]],
  ['press → audible', ({ toAudible }) => toAudible],
  ['release → silent', ({ ending, toSilence }) => (ending === 'RELEASE' ? toSilence : [])],
  ['revoke → silent', ({ ending, toSilence }) => (ending === 'REVOKE' ? toSilence : [])],
  ['mouth → ear', ({ mouthToEar }) => mouthToEar],
]

export function report({ kind, sides, contentions, contentionsFailed }: Outcome): void {
  const { neda, bare } = sidesOf(sides)
  console.log(`\n${kind.name}: bursts in turns, a talker and two listeners each`)
  for (const [what, of] of MEASURES) {
    for (const [name, { bursts }] of sides) console.log(`  ${what.padEnd(17)} ${name.padEnd(5)} ${line(bursts.flatMap(of))}`)
  }
  const bySide = (of: (figures: Figures) => string) => [...sides].map(([name, figures]) => `${name} ${of(figures)}`).join(', ')
  console.log(`  press → audible in the first ten bursts and in the last ten, p50: ${bySide(course)}`)
  console.log(`  and in the first of all after joining, which is not in the figures: ${bySide(({ first }) => ms(first).trim())}`)
  const cpu = (figures: Figures) => (median(figures.cpuMicros) / 1_000).toFixed(1)
  console.log(`  CPU of the NEDA process: ${cpu(neda)} ms in a burst of its own, ${cpu(bare)} ms in one of the other side`)

  const failed = [...neda.failed, ...contentionsFailed]
  console.log(
    `  as MCPTT classes presses: ${neda.bursts.length} immediate, ${contentions.length} queued, ${contentions.length} denied, ${failed.length} failed`,
  )
  console.log(`    queued  press → answer          ${line(contentions.map(({ queued }) => queued))}`)
  console.log(`            end before → audible    ${line(contentions.flatMap(({ turnToAudible }) => turnToAudible))}`)
  console.log(`    denied  press → answer          ${line(contentions.map(({ denied }) => denied))}`)
  for (const why of new Set([...failed, ...bare.failed.map((why) => `bare: ${why}`)])) console.log(`    failed: ${why}`)

  for (const [what, value, most, unit] of targets(kind.audibleWithinMs, neda, bare))
    console.log(
      `  target ${what.padEnd(38)} ≤ ${most}${unit}: ${value.toFixed(unit === '×' ? 2 : 0)}${unit}, ${value <= most ? 'met' : 'NOT MET'}`,
    )
}

/** Some clients keep something of each burst, and begin the next a little later. */
function course({ bursts }: Figures): string {
  const [first, last] = [bursts.slice(0, COURSE), bursts.slice(-COURSE)].map((some) => median(some.flatMap(({ toAudible }) => toAudible)))
  return `${first?.toFixed(0)} → ${last?.toFixed(0)} ms`
}

function targets(audibleWithinMs: number | null, neda: Figures, bare: Figures) {
  const heard = ({ bursts }: Figures) => bursts.flatMap(({ toAudible }) => toAudible)
  const rows: [what: string, value: number, most: number, unit: string][] = [
    ['press → audible, NEDA / bare, p50', median(heard(neda)) / median(heard(bare)), MOST_RATIO, '×'],
    ['press → audible, NEDA / bare, p95', p95(heard(neda)) / p95(heard(bare)), MOST_RATIO, '×'],
    ['access (press → may talk), p95', p95(neda.bursts.map(({ toTalk }) => toTalk)), MCPTT_MS, ' ms'],
    ['mouth → ear, p95', p95(neda.bursts.flatMap(({ mouthToEar }) => mouthToEar)), MCPTT_MS, ' ms'],
  ]
  if (audibleWithinMs !== null) rows.unshift(['press → audible, p95', p95(heard(neda)), audibleWithinMs, ' ms'])
  return rows
}

function sidesOf(sides: ReadonlyMap<string, Figures>) {
  const [neda, bare] = [...sides.values()]
  if (!neda || !bare) throw new Error('there are two sides')
  return { neda, bare }
}
