import type { NedaError } from '../errors.ts'
import type {
  BurstFieldsFragment,
  FloorDenyReason,
  FloorFieldsFragment,
  FloorPriority,
  MediaFieldsFragment,
  TalkBurstEndReason,
} from '../generated/operations.ts'

export interface PressOptions {
  /** Whether to wait when somebody else talks. */
  readonly queue?: boolean
  /** Its rank; the membership's if absent. */
  readonly priority?: FloorPriority
}

/** What became of a press. */
export interface PressEnd {
  readonly requestId: string
  /**
   * RELEASED: let go. DENIED: not now, `denyReason` says why. ENDED: somebody or something else ended the burst, `endReason` says why. LOST: the
   * server could not be reached for so long that this device must not talk any more. FAILED: `error` says why.
   */
  readonly cause: 'RELEASED' | 'DENIED' | 'ENDED' | 'LOST' | 'FAILED'
  readonly denyReason: FloorDenyReason | null
  /** Null: not known, or not yet. */
  readonly endReason: TalkBurstEndReason | null
  /** After how long a new press may succeed. */
  readonly retryAfterMs: number | null
  readonly error: NedaError | null
}

/** What this device's button does. Only while it is TALKING may the microphone be heard. */
export type Talk =
  | { readonly phase: 'IDLE'; readonly ended: PressEnd | null }
  | { readonly phase: 'REQUESTING'; readonly requestId: string }
  | { readonly phase: 'QUEUED'; readonly requestId: string; readonly position: number | null }
  | {
      readonly phase: 'TALKING'
      readonly requestId: string
      readonly burst: BurstFieldsFragment
      /** Null if no media server is configured. */
      readonly media: MediaFieldsFragment | null
      /** How many others were present. 0: nobody hears it. */
      readonly listenerCount: number
      /** When it ends at the latest, in milliseconds since 1970, to be shown. */
      readonly endsAt: number
      /** Somebody of a higher rank takes over at that time: finish the sentence. */
      readonly isRevoking: boolean
    }

/** What a device may play and shake for at this moment, after the tones of radios. */
export type Cue =
  /** Talk now. */
  | 'GRANTED'
  /** Wait. */
  | 'QUEUED'
  /** Not now; also when no answer came. */
  | 'DENIED'
  /** The talk limit is near. */
  | 'LIMIT_WARNING'
  /** A higher rank is about to take over. */
  | 'REVOKING'
  /** It is over, and not because the button was let go. */
  | 'REVOKED'
  /** It is over, for the button was let go. */
  | 'RELEASED'
  /** Somebody else talks. */
  | 'TAKEN'
  /** Somebody else has finished. */
  | 'IDLE'

export interface TalkSessionState {
  /** JOINING: not present, or not any more. ENDED: for good, `error` says why. */
  readonly membership: 'JOINING' | 'JOINED' | 'ENDED'
  readonly talk: Talk
  /** Who talks, as last heard. */
  readonly floor: FloorFieldsFragment | null
  /** False: the floor may be out of date, and is being brought back. */
  readonly isLive: boolean
  /** How to hear the group. Null before it has joined, and if no media server is configured. */
  readonly media: MediaFieldsFragment | null
  /** The media identity of who may be heard now: play this one's track and no other. Null: nobody. */
  readonly heard: string | null
  readonly error: NedaError | null
}

export type TalkListener = (state: TalkSessionState, cue: Cue | null) => void
