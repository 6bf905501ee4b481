import type { Cue, FloorDenyReason, PressEnd, TalkBurstEndReason, TalkSessionState } from '../sdk/src/index.ts'

/** What is said when a cue comes: what happened, and why. */
export function sentenceFor(cue: Cue, { talk, floor }: TalkSessionState): string {
  const speaker = speakerOf(floor)
  const ended = talk.phase === 'IDLE' ? talk.ended : null
  switch (cue) {
    case 'GRANTED':
      return talk.phase === 'TALKING' && talk.listenerCount > 0
        ? `GRANTED: talk, ${talk.listenerCount} can hear you`
        : 'GRANTED: talk, but nobody is here'
    case 'QUEUED':
      return `QUEUED behind ${speaker}`
    case 'DENIED':
      return `DENIED: ${ended?.denyReason ? DENIED[ended.denyReason](speaker, ended) : failure(ended)}`
    case 'LIMIT_WARNING':
      return `LIMIT WARNING: ${talk.phase === 'TALKING' ? Math.ceil((talk.endsAt - Date.now()) / 1_000) : 0} s are left`
    case 'REVOKING':
      return 'REVOKING: finish your sentence, a higher rank takes over'
    case 'REVOKED':
      return `REVOKED: ${ended?.endReason ? ENDED[ended.endReason] : failure(ended)}`
    case 'RELEASED':
      return 'RELEASED'
    case 'TAKEN':
      return `TAKEN: ${speaker} talks`
    case 'IDLE':
      return 'IDLE: nobody talks'
  }
}

/** How things stand, on one line. */
export function statusOf({ talk, floor, heard, isLive }: TalkSessionState, group: string, here: readonly string[]): string {
  const doing = {
    IDLE: heard === null ? 'nobody talks' : `${speakerOf(floor)} talks`,
    REQUESTING: 'asking for the floor',
    QUEUED: `you wait${talk.phase === 'QUEUED' && talk.position !== null ? `, number ${talk.position}` : ''}`,
    TALKING: 'YOU TALK',
  }[talk.phase]
  return `[${group}] ${isLive ? 'live' : 'AWAY, is coming back'} | here: ${here.join(', ')} | ${doing}`
}

const DENIED: Readonly<Record<FloorDenyReason, (speaker: string, end: PressEnd) => string>> = {
  FLOOR_TAKEN: (speaker) => `${speaker} talks`,
  GROUP_CLOSED: () => 'the group is gone',
  HELD_BY_OWN_DEVICE: () => 'you talk on another device',
  QUEUE_FULL: () => 'too many wait already',
  RECEIVE_ONLY: () => 'you may only listen',
  RETRY_AFTER: (_speaker, { retryAfterMs }) => `too soon, wait ${((retryAfterMs ?? 0) / 1_000).toFixed(1)} s`,
}

const ENDED: Readonly<Record<TalkBurstEndReason, string>> = {
  CONNECTION_LOST: 'NEDA could not be reached in time',
  GROUP_CLOSED: 'the group is gone',
  MEMBER_REMOVED: 'you were removed from the group',
  NOT_STARTED: 'your turn came, and was not taken up in time',
  NO_PERMISSION: 'you may only listen from now on',
  PREEMPTED: 'a higher rank has taken over',
  RELEASED: 'it was let go',
  REVOKED_BY_MANAGER: 'the manager has stopped you',
  SERVER_RECOVERY: 'NEDA has started again',
  SESSION_REVOKED: 'you were signed out',
  TALK_LIMIT: 'the talk limit is reached',
}

const speakerOf = (floor: TalkSessionState['floor']) => floor?.burst?.speaker.displayName ?? 'somebody'
const failure = (ended: PressEnd | null) => ended?.error?.message ?? 'the server has ended it'
