import { setTimeout as sleep } from 'node:timers/promises'
import { type GroupId, newId } from '../../../src/ids.ts'
import type { FloorEvent } from '../../../src/realtime/events.ts'
import type { Random } from '../../stress/random.ts'
import { Device, type Way } from './device.ts'
import { floorModel } from './floor-model.ts'
import { DEADLINE_DIFFERS_MS, History } from './history.ts'
import { FAIR } from './weather.ts'
import { check } from './wgl.ts'

/** A busy machine takes longer for as many operations. */
const PATIENCE_MS = 20_000

export interface Cast {
  /** How to reach the engine; events are heard over the first. */
  readonly ways: readonly [Way, ...Way[]]
  readonly groups: number
  readonly devices: number
  /** How long a device waits between two operations, on average, in the first group, in the second, and so on. */
  readonly thinkMs: readonly number[]
  /** How long nobody does anything at the end, before everybody is told who talks. */
  readonly quietMs: number
  /** The fewest in each group; it goes on for longer if need be. */
  readonly operations: number
  readonly random: Random
  /** A press takes effect within this, or never; Infinity where it cannot be late. */
  readonly pressWithinMs: number
}

export interface Finding {
  readonly operations: number
  /** Of these nobody knows whether they were done. */
  readonly unknown: number
  readonly bursts: number
  /** Of the bursts: a play in which nobody loses the floor by silence proves little. */
  readonly lapses: number
  readonly problems: readonly string[]
}

/** Lets devices talk in many groups at once until then, and finds what cannot have happened on one floor. */
export async function play({ groups, thinkMs, ...cast }: Cast, until: number): Promise<Finding[]> {
  return Promise.all(Array.from({ length: groups }, (_, n) => playGroup(cast, thinkMs[n % thinkMs.length] ?? 0, until)))
}

async function playGroup(
  { ways, devices, operations, quietMs, random, pressWithinMs }: Omit<Cast, 'groups' | 'thinkMs'>,
  thinkMs: number,
  until: number,
): Promise<Finding> {
  const [{ engine }] = ways
  const groupId = newId<GroupId>()
  const history = new History()
  const events: FloorEvent[] = []
  const end = await patiently(() => engine.floorLog.subscribe(groupId, (event) => events.push(event)))
  const everybody = Array.from({ length: devices }, (_, n) => new Device({ ways, groupId, name: `device ${n}`, history, random, thinkMs }))
  const isOver = () => performance.now() > until && (history.size >= operations || performance.now() > until + PATIENCE_MS)
  await Promise.all(everybody.map((device) => device.live(isOver)))
  await sleep(quietMs)
  const read = async () => ({ outcome: 'READ', floor: (await engine.floorLog.read(groupId)).snapshot })
  await history.take({ kind: 'read' }, FAIR, read)
  end()
  const found = [...history.contradictions, ...stories(events), ...times(events, history, pressWithinMs)]
  const problems = found.length > 0 ? found : orders(history)
  const ends = events.flatMap(({ previous }) => (previous ? [previous.endReason] : []))
  const lapses = ends.filter((reason) => reason === 'CONNECTION_LOST').length
  return { operations: history.size, unknown: history.unknown, bursts: ends.length, lapses, problems }
}

/** Many groups begin at once, on a machine that may be busy. */
async function patiently<Result>(act: () => Promise<Result>, times = 5): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    if (times === 1) throw error
    await sleep(100)
    return patiently(act, times - 1)
  }
}

function orders(history: History): string[] {
  const verdict = check(history.operations(), floorModel(history.told()))
  if (verdict.kind === 'LINEARIZABLE') return []
  const { kind, steps, state, at, reached } = verdict
  const found = kind === 'UNDECIDED' ? `in ${steps} steps no order was found that explains` : 'no order explains'
  return [`${found} ${show(at)}; the furthest placed ${reached}, then ${show(state.holder)} held the floor`]
}

const show = (value: unknown) => JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))

/** Events read from the first to the last tell of one burst after the other. */
function stories(events: readonly FloorEvent[]): string[] {
  const problems: string[] = []
  let [current, token, sequence] = [null as string | null, 0n, 0]
  for (const { floor, previous, ...event } of events) {
    if (event.sequence !== ++sequence) problems.push(`event ${event.sequence} came in place of ${sequence}`)
    if (previous && previous.id !== current) problems.push(`event ${sequence} ends a burst that was not running`)
    if (floor.burst && floor.burst.id !== current) {
      if (current !== null && previous?.id !== current) problems.push(`event ${sequence} begins a burst while another is running`)
      if (floor.burst.fencingToken <= token) problems.push(`event ${sequence} has a token that has not grown`)
      token = floor.burst.fencingToken
    }
    current = floor.burst?.id ?? null
  }
  return problems
}

/** No burst began before somebody pressed for it, nor later than a press may be served. The engine has the time of this machine. */
function times(events: readonly FloorEvent[], { pressedAt }: History, pressWithinMs: number): string[] {
  const engineTime = Date.now() - performance.now()
  return events.flatMap(({ floor: { burst } }) => {
    if (!burst) return []
    const late = burst.startedAt - engineTime - (pressedAt.get(burst.id) ?? Number.POSITIVE_INFINITY)
    const isInTime = late > -DEADLINE_DIFFERS_MS && late < pressWithinMs + DEADLINE_DIFFERS_MS
    return isInTime ? [] : [`burst ${burst.id} began ${late} ms after its press`]
  })
}
