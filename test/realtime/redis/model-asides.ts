import fc from 'fast-check'
import type { BurstId, SessionId, UserId } from '../../../src/ids.ts'
import { PRESENCE_LEASE_MS } from '../../../src/realtime/engine.ts'
import type { FloorEvent, Position, PresenceEvent } from '../../../src/realtime/events.ts'
import { type Command, type CommandName, decide } from '../../../src/realtime/memory/decide.ts'
import { emptyGroup, floorOf, type GroupState, presenceOf, waiting } from '../../../src/realtime/memory/state.ts'
import type { Told } from '../../../src/realtime/memory/transition.ts'
import { groupId } from '../sequences.ts'
import type { Real } from './model-real.ts'

/** What only an engine outside of the process does, or does in another way, between the commands of a sequence. */

const KINDS = [
  'floorSince',
  'presenceSince',
  'sweep',
  'sweepRegularly',
  'mutes',
  'beats',
  'lateBeats',
  'evictSession',
  'evictEverywhere',
  'abandon',
  'forget',
] as const
type Kind = (typeof KINDS)[number]

export interface Aside {
  readonly kind: Kind
  readonly wait: number
  readonly session: SessionId
  /** How far back a reader was, or which of those who hold and wait. */
  readonly back: number
  readonly isOtherEpoch: boolean
}

const weights: Readonly<Partial<Record<Kind, number>>> = { forget: 1, sweepRegularly: 1, abandon: 6 }

const aside = fc.record<Aside>({
  kind: fc.oneof(...KINDS.map((kind) => ({ weight: weights[kind] ?? 3, arbitrary: fc.constant(kind) }))),
  wait: fc.oneof(fc.constant(0), fc.nat({ max: 1_500 }), fc.nat({ max: 10_000 })),
  session: fc.constantFrom(...(['ann-1', 'ann-2', 'bob-1', 'cat-1', 'dan-1'] as SessionId[])),
  back: fc.integer({ min: -1, max: 6 }),
  isOtherEpoch: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

/** After each command of a sequence perhaps one. */
export const asides = fc.array(fc.option(aside, { freq: 2 }), { minLength: 40, maxLength: 80 })

/** Nobody could reach the memory for longer than this: then nobody's presence ran out meanwhile. */
const UNREACHED_MS = 2_000

/** When the memory was last known to be reached, if sweeps say so at all; and what was put off because it was not. */
export function putOff(
  state: GroupState,
  swept: number | null,
  now: number,
): { readonly state: GroupState; readonly swept: number | null } {
  if (swept === null || now - swept <= UNREACHED_MS) return { state, swept }
  const devices = [...state.devices].map(([id, device]) => [id, { ...device, until: device.until + now - swept }] as const)
  return { state: { ...state, devices: new Map(devices) }, swept: now }
}

/** How long passes before it: what comes too late comes after a lease of presence, and before anything else. */
export const waitBefore = ({ kind, wait }: Aside): number => (kind === 'lateBeats' ? PRESENCE_LEASE_MS + (wait % 100) : wait)

/** Both sides of an aside, and what each of them found: equal, if they are the same. */
export interface Outcome {
  readonly state: GroupState
  readonly told: readonly Told[]
  readonly expected: unknown
  readonly found: unknown
}

/** What readers can be told of the past. */
export interface Logs {
  readonly floor: readonly FloorEvent[]
  readonly presence: readonly PresenceEvent[]
}

export async function doBeside(aside: Aside, state: GroupState, now: number, logs: Logs, takenUp: ReadonlySet<BurstId>, real: Real) {
  const { session: sessionId, kind } = aside
  const userId = sessionId.slice(0, 3)
  const reason = 'SESSION_REVOKED'
  const by = <Name extends CommandName>(name: Name, command: object) => decide(state, name, command as Command<Name>, now)
  const run = async (name: Parameters<Real['run']>[0], command: object) => (await real.run(name, command, now)).values
  switch (kind) {
    case 'floorSince': {
      const after = positionOf(aside, floorOf(state, now))
      const [{ state: then, told, answer }, found] = [by('readFloor', {}), await real.readFloor(now, after)]
      const events = [...logs.floor, ...told.flatMap((one) => ('floor' in one ? [one.floor] : []))]
      return { state: then, told, expected: { snapshot: answer, ...since(events, answer, after) }, found }
    }
    case 'presenceSince': {
      const after = positionOf(aside, presenceOf(state))
      const [{ state: then, told, answer }, found] = [by('readPresence', {}), await real.readPresence(now, after)]
      const events = [...logs.presence, ...told.flatMap((one) => ('presence' in one ? [one.presence] : []))]
      return { state: then, told, expected: { snapshot: answer, ...since(events, answer, after) }, found }
    }
    case 'sweep':
    case 'sweepRegularly':
      await run('sweep', { isRegular: kind === 'sweepRegularly' })
      return { ...by('readFloor', {}), expected: null, found: null }
    case 'mutes': {
      const { state: then, told, answer } = by('readMutes', {})
      const [pairs] = (await run('muted-until', { groupId })) as [string[]]
      const found = new Map(pairs.flatMap((user, n) => (n % 2 === 0 ? [[user, Number(pairs[n + 1])] as const] : [])))
      // Reading them forgets those that are over, also for a clock that goes back.
      return { state: { ...then, mutedUntil: answer }, told, expected: answer, found }
    }
    case 'beats':
    case 'lateBeats': {
      // It settles what is due where it comes too late, and nowhere else.
      if ((state.devices.get(sessionId)?.until ?? Number.POSITIVE_INFINITY) > now) await real.readFloor(now)
      const { state: then, told, answer } = by('heartbeat', { sessionId })
      const beats = [{ sessionId: 'nobody' }, { sessionId, groupIds: [groupId, 'elsewhere'] }, { sessionId, groupIds: [] }]
      const [found] = await run('heartbeat', { beats })
      return { state: then, told, expected: [[], answer ? [groupId] : [], []], found }
    }
    case 'evictSession':
      await run('evict', { groupId, userId, sessionId, reason })
      return { ...by('evict', { userId, sessionId, reason }), expected: null, found: null }
    case 'evictEverywhere': {
      await real.readFloor(now)
      await run('evict', { userId, reason })
      const settled = by('readFloor', {})
      const { state: then, told } = decide(settled.state, 'evict', { userId: userId as UserId, reason }, now)
      return { state: then, told: [...settled.told, ...told], expected: null, found: null }
    }
    case 'abandon':
      return abandon(aside, state, now, takenUp, real)
    case 'forget': {
      const epoch = `${state.epoch}'`
      await real.forget(epoch, state.fencingToken)
      return { state: emptyGroup(groupId, epoch, state.fencingToken), told: [], expected: null, found: null }
    }
  }
}

function positionOf({ back, isOtherEpoch }: Aside, { epoch, sequence }: Position): Position {
  return { epoch: isOtherEpoch ? 'another' : epoch, sequence: Math.max(0, sequence - back) }
}

function since<Event extends Position>(events: readonly Event[], { epoch, sequence }: Position, after: Position) {
  if (after.epoch !== epoch || after.sequence > sequence) return { gap: true, missed: [] }
  return { gap: false, missed: events.filter((event) => event.sequence > after.sequence) }
}

/** What the attempt has made ends as what the device itself would end, or as what nobody took up. */
async function abandon({ back }: Aside, before: GroupState, now: number, takenUp: ReadonlySet<BurstId>, real: Real): Promise<Outcome> {
  await real.readFloor(now)
  const settled = decide(before, 'readFloor', {}, now)
  const { state } = settled
  const { holder } = state
  const waiters = waiting(state)
  const made = [...(holder ? [{ burstId: holder.burst.id, sessionId: holder.burst.sessionId }] : []), ...waiters]
  const attempt = made[(back + 1) % Math.max(1, made.length)] ?? { burstId: 'none' as BurstId, sessionId: 'bob-1' as SessionId }
  await real.run('abandon-talk', { groupId, sessionId: attempt.sessionId, burstId: attempt.burstId }, now)
  const end = () => {
    if (takenUp.has(attempt.burstId)) return { state, told: [] }
    if (holder?.burst.id === attempt.burstId) return decide({ ...state, holder: { ...holder, startBy: now } }, 'readFloor', {}, now)
    const waiter = waiters.find(({ burstId }) => burstId === attempt.burstId)
    const requestId = waiter?.requestIds.at(-1)
    return waiter && requestId
      ? decide(state, 'releaseTalk', { groupId, sessionId: waiter.sessionId, requestId }, now)
      : { state, told: [] }
  }
  const ended = end()
  return { state: ended.state, told: [...settled.told, ...ended.told], expected: null, found: null }
}
