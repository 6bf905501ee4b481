import type { LiveKit } from '../../test/voice/livekit-server.ts'
import { cpuMicros } from '../statistics.ts'
import type { Server } from '../support.ts'
import { type Burst, burst, type Plan } from './burst.ts'
import { type Contention, contention } from './contention.ts'
import { bareSide, nedaSide, type Side } from './sides.ts'
import type { DeviceKind } from './voice-device.ts'

export interface Figures {
  /** The first after everybody came: connections that carry nothing until somebody talks are still to be made. */
  first: number
  readonly bursts: Burst[]
  /** Why some were not heard. */
  readonly failed: string[]
  /** Of the NEDA process, for each burst in microseconds; what it does while the other side talks is its rest. */
  readonly cpuMicros: number[]
}

export interface Outcome {
  readonly kind: DeviceKind
  readonly sides: ReadonlyMap<string, Figures>
  readonly contentions: readonly Contention[]
  readonly contentionsFailed: readonly string[]
}

export interface Size {
  readonly bursts: number
  readonly contentions: number
}

const WARM_UP = 3
/** Every so many bursts one is long, and has pauses. */
const STEADY_EVERY = 5
const PAUSES = 4

/**
 * NEDA and the bare permission take turns, so that what else the machine does hits both; and only the devices of one side are there at a time, as
 * devices at rest take from a small machine what the others are measured by.
 */
export async function contest(kind: DeviceKind, neda: Server, liveKit: LiveKit, size: Size): Promise<Outcome> {
  const pid = neda.process.pid ?? Number.NaN
  const sides = new Map([
    ['NEDA', noFigures()],
    ['bare', noFigures()],
  ])
  const contentions: Contention[] = []
  const contentionsFailed: string[] = []
  for (const [turn, name] of TURNS.entries()) {
    await using stack = new AsyncDisposableStack()
    const team = name === 'NEDA' ? await nedaSide(neda.url, kind, stack) : null
    const side = team ?? (await bareSide(liveKit, kind, stack))
    const figures = sides.get(name) ?? noFigures()
    const first = await warmUp(kind, side)
    if (Number.isNaN(figures.first)) figures.first = first
    const from = turn < 2 ? 0 : 1
    for (let n = from; n < size.bursts; n += 2) await measure(kind, side, planOf(n), figures, pid)
    if (!team) continue
    for (let n = from; n < size.contentions; n += 2) {
      await contention(kind, team).then(
        (one) => contentions.push(one),
        (error: unknown) => contentionsFailed.push(String(error)),
      )
    }
  }
  return { kind, sides, contentions, contentionsFailed }
}

/** Each half of them in a turn of its side. */
const TURNS = ['NEDA', 'bare', 'bare', 'NEDA'] as const

/** Either half has the same number of each kind. */
const planOf = (n: number): Plan => ({
  ending: n % 4 < 2 ? 'RELEASE' : 'REVOKE',
  pauses: Math.floor(n / 2) % STEADY_EVERY === 0 ? PAUSES : 0,
})

const noFigures = (): Figures => ({ first: Number.NaN, bursts: [], failed: [], cpuMicros: [] })

async function warmUp(kind: DeviceKind, side: Side): Promise<number> {
  const taken: number[] = []
  for (let n = 0; n < WARM_UP; n++) taken.push(Math.max(...(await burst(kind, side, { ending: 'RELEASE', pauses: 0 })).toAudible))
  return taken[0] ?? Number.NaN
}

async function measure(kind: DeviceKind, side: Side, plan: Plan, { bursts, failed, cpuMicros: cpu }: Figures, pid: number): Promise<void> {
  const before = cpuMicros(pid)
  try {
    bursts.push(await burst(kind, side, plan))
  } catch (error) {
    failed.push(String(error))
  }
  cpu.push(cpuMicros(pid) - before)
}
