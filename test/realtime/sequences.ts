import fc from 'fast-check'
import type { BurstId, ConnectionId, GroupId, RequestId, SessionId, UserId, VoiceSessionId } from '../../src/ids.ts'
import type { FloorPriority } from '../../src/realtime/events.ts'
import { type CommandName, decide } from '../../src/realtime/memory/decide.ts'
import type { GroupState } from '../../src/realtime/memory/state.ts'

/** Sequences of commands in one group: what devices, managers and time do, in any order. */

export const groupId = 'group' as GroupId
export const QUEUE_CAPACITY = 2
export const TALK_LIMIT_MS = 5_000
const GRACE_MS = 500

/** Four people, of whom the first has two devices; few names, so that commands meet. */
const sessions = ['ann-1', 'ann-2', 'bob-1', 'cat-1', 'dan-1'] as SessionId[]
export const priorities: readonly FloorPriority[] = ['LOW', 'NORMAL', 'HIGH', 'EMERGENCY']
const person = (sessionId: SessionId) => {
  const name = sessionId.slice(0, 3)
  return { id: name as UserId, username: name, displayName: name }
}

export interface Step {
  readonly command: CommandName
  readonly session: SessionId
  readonly request: number
  readonly priority: FloorPriority
  readonly queue: boolean
  readonly canTalk: boolean
  readonly grace: boolean
  readonly wait: number
}

/** Presses are the most frequent; what ends a group for good is rare. */
const commands = fc.oneof(
  { weight: 12, arbitrary: fc.constant<CommandName>('requestTalk') },
  {
    weight: 12,
    arbitrary: fc.constantFrom<CommandName>(
      'renewTalk',
      'releaseTalk',
      'joinGroup',
      'leaveGroup',
      'heartbeat',
      'connectionClosed',
      'readFloor',
    ),
  },
  { weight: 4, arbitrary: fc.constantFrom<CommandName>('revokeTalk', 'evict', 'forbidTalk', 'muteMember', 'unmuteMember') },
  { weight: 1, arbitrary: fc.constant<CommandName>('closeGroup') },
)

export const steps = fc.array(
  fc.record<Step>({
    command: commands,
    session: fc.constantFrom(...sessions),
    request: fc.nat({ max: 5 }),
    priority: fc.constantFrom(...priorities),
    queue: fc.boolean(),
    canTalk: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    grace: fc.boolean(),
    wait: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 4, arbitrary: fc.nat({ max: 1_500 }) },
      { weight: 2, arbitrary: fc.nat({ max: 40_000 }) },
      { weight: 1, arbitrary: fc.constant(-5_000) },
    ),
  }),
  { maxLength: 80 },
)

/** Every field that any command reads; each takes its own. */
export function commandOf({ command, session: sessionId, ...step }: Step, serial: number, holding: BurstId | undefined) {
  const whole = {
    groupId,
    group: { id: groupId, name: 'group' },
    person: person(sessionId),
    userId: person(sessionId).id,
    by: person('dan-1' as SessionId),
    sessionId,
    connectionId: `${sessionId}-socket` as ConnectionId,
    requestId: `r${step.request}` as RequestId,
    canTalk: step.canTalk,
    priority: step.priority,
    queue: step.queue,
    talkLimitMs: TALK_LIMIT_MS,
    queueCapacity: QUEUE_CAPACITY,
    preemptGraceMs: step.grace ? GRACE_MS : 0,
    burstId: (command === 'requestTalk' ? `burst-${serial}` : (holding ?? 'none')) as BurstId,
    voiceSessionId: `voice-${serial}` as VoiceSessionId,
    pressRate: 5,
    durationMs: 1_000 * (1 + step.request),
    reason: 'MEMBER_REMOVED' as const,
  }
  const { sessionId: _every, ...ofUser } = whole
  return command === 'evict' ? (ofUser as typeof whole) : whole
}

export const take = (state: GroupState, step: Step, now: number, serial: number) =>
  decide(state, step.command, commandOf(step, serial, state.holder?.burst.id), now)
