import { builder } from '../../graphql/builder.ts'

export const FloorState = builder.enumType('FloorState', {
  description: 'Whether somebody has the floor (the states of floor control, 3GPP TS 24.380).',
  values: {
    IDLE: { description: 'Nobody talks: a press is granted.' },
    TAKEN: { description: 'Somebody talks.' },
    PENDING_REVOKE: { description: 'Somebody talks and is about to be cut off for a higher priority.' },
    CLOSED: { description: 'The group has been deleted.' },
  } as const,
})

export const TalkOutcome = builder.enumType('TalkOutcome', {
  description: 'What became of a floor request.',
  values: {
    GRANTED: { description: 'Talk now, and renew the lease.' },
    QUEUED: { description: 'Wait: the floor comes by itself.' },
    DENIED: { description: 'Not now: `denyReason` says why. This requestId stays refused; a new press takes a new one.' },
    CANCELLED: { description: 'It was released before it arrived.' },
    ENDED: { description: 'It is the repeat of a request whose burst is over.' },
  } as const,
})

export const FloorDenyReason = builder.enumType('FloorDenyReason', {
  description: 'Why a floor request was refused (the reject causes of Floor Deny, 3GPP TS 24.380).',
  values: {
    FLOOR_TAKEN: { description: 'Somebody else talks: `floor` names who (cause 1).' },
    RECEIVE_ONLY: { description: 'This member may only listen, or is muted (cause 5).' },
    QUEUE_FULL: { description: 'Too many wait already (cause 7).' },
    RETRY_AFTER: { description: 'Too soon after a talk limit, or too many presses: wait `retryAfterMs` (cause 4).' },
    HELD_BY_OWN_DEVICE: { description: 'Another device of the same user talks.' },
    GROUP_CLOSED: { description: 'The group was deleted at this moment.' },
  } as const,
})

export const TalkBurstEndReason = builder.enumType('TalkBurstEndReason', {
  description: 'Why a talk burst ended. The first reason that comes true is the one.',
  values: {
    RELEASED: { description: 'The button was let go, or the device left the group.' },
    TALK_LIMIT: { description: "The group's talk limit was reached (Floor Revoke cause 2, TS 24.380)." },
    PREEMPTED: { description: 'A higher priority took the floor (Floor Revoke cause 4).' },
    REVOKED_BY_MANAGER: { description: 'The manager or an admin stopped it: `revokedBy` says who.' },
    NO_PERMISSION: { description: 'The speaker lost the right to talk (Floor Revoke cause 3).' },
    CONNECTION_LOST: { description: 'The device stopped renewing its lease.' },
    NOT_STARTED: { description: 'The device did not take up the floor when its turn came.' },
    MEMBER_REMOVED: { description: 'The speaker was removed from the group.' },
    SESSION_REVOKED: { description: 'The device was signed out, or its user disabled.' },
    GROUP_CLOSED: { description: 'The group was deleted.' },
    SERVER_RECOVERY: { description: 'The engine ended while it ran; closed by the next start.' },
  } as const,
})

export const SpeakerChangeKind = builder.enumType('SpeakerChangeKind', {
  description: 'What a floor event tells.',
  values: {
    SNAPSHOT: { description: 'The floor as it stands: you are live from here.' },
    TAKEN: { description: 'Somebody talks now.' },
    IDLE: { description: 'Nobody talks now: `previous` is the burst that ended, and why.' },
    PENDING_REVOKE: { description: 'The speaker is about to be cut off for a higher priority.' },
    QUEUE: { description: 'Somebody waits, or no longer waits.' },
    CLOSED: { description: 'The group was deleted; nothing follows.' },
  } as const,
})
