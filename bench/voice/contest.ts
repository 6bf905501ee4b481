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

/** NEDA and the bare permission take turns, so that what else the machine does hits both. */
export async function contest(kind: DeviceKind, neda: Server, liveKit: LiveKit, size: Size): Promise<Outcome> {
  await using stack = new AsyncDisposableStack()
  const team = await nedaSide(neda.url, kind, stack)
  const sides = [team, await bareSide(liveKit, kind, stack)]
  const figures = new Map(sides.map((side) => [side, noFigures()]))
  const pid = neda.process.pid ?? Number.NaN

  for (const [side, own] of figures) own.first = await warmUp(kind, side)
  for (let n = 0; n < size.bursts; n++) {
    const plan: Plan = { ending: n % 2 === 0 ? 'RELEASE' : 'REVOKE', pauses: n % STEADY_EVERY === 0 ? PAUSES : 0 }
    const inTurn = n % 2 === 0 ? sides : sides.toReversed()
    for (const side of inTurn) await measure(kind, side, plan, figures.get(side) ?? noFigures(), pid)
  }
  const contentions: Contention[] = []
  const contentionsFailed: string[] = []
  for (let n = 0; n < size.contentions; n++) {
    await contention(kind, team).then(
      (one) => contentions.push(one),
      (error: unknown) => contentionsFailed.push(String(error)),
    )
  }
  return { kind, sides: new Map([...figures].map(([{ name }, own]) => [name, own])), contentions, contentionsFailed }
}

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
