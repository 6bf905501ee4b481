import type { Environment } from '../environment.ts'
import { asNedaError } from '../errors.ts'
import type {
  BurstFieldsFragment,
  FloorFieldsFragment,
  FloorMessageSubscription,
  MediaFieldsFragment,
  RenewTalkMutation,
} from '../generated/operations.ts'
import type { RequestAnswer, TalkPort } from './talk-port.ts'
import type { Cue, PressEnd } from './talk-state.ts'

type Over = Partial<Omit<PressEnd, 'requestId'>> & Pick<PressEnd, 'cause'>

export interface HoldDeps {
  readonly port: TalkPort
  readonly environment: Environment
  readonly onCue: (cue: Cue | null) => void
  /** The floor is not held any more. */
  readonly onOver: (end: Over) => void
}

interface Grant {
  readonly burst: BurstFieldsFragment
  readonly media: MediaFieldsFragment | null
  readonly listenerCount: number
  readonly leaseMs: number
  readonly renewEveryMs: number
  readonly warnBeforeMs: number
}

const RETRY_MS = 400

/**
 * The floor, as long as this device may believe that it holds it. Every time is counted from when the question was sent to which it is the
 * answer: the server began to count later, so this device ends earlier. It ends by its own clock, whether or not anything is heard.
 */
export class Hold {
  readonly #deps: HoldDeps
  readonly #grant: Grant
  #leaseUntil: number
  #endsAt: number
  /** When the question was sent whose answer is the latest. */
  #asOf: number
  readonly #renewsAtOnce: boolean
  #isRevoking = false
  #isWarned = false
  #isStopped = false
  #cancelDeadline = () => {}
  #cancelRenewal = () => {}

  private constructor(grant: Grant, times: { sentAt: number; remainingMs: number; overSocket: boolean }, deps: HoldDeps) {
    const { sentAt, remainingMs, overSocket } = times
    this.#deps = deps
    this.#grant = grant
    // What was granted over a socket is shortened to about half when that closes, which the server may see before us. A renewal by POST
    // does not hang on it.
    this.#leaseUntil = sentAt + (overSocket ? grant.leaseMs / 2 : grant.leaseMs)
    this.#renewsAtOnce = overSocket
    this.#endsAt = sentAt + remainingMs
    this.#asOf = sentAt
  }

  /** Null: the answer lacks what every grant has. */
  static of(
    { burst, media, listenerCount, ...times }: RequestAnswer['answer'],
    sentAt: number,
    overSocket: boolean,
    deps: HoldDeps,
  ): Hold | null {
    const { leaseMs, renewEveryMs, remainingMs, warnBeforeMs } = times
    if (!burst || leaseMs === null || renewEveryMs === null || remainingMs === null) return null
    const grant = { burst, media, listenerCount, leaseMs, renewEveryMs, warnBeforeMs: warnBeforeMs ?? 0 }
    return new Hold(grant, { sentAt, remainingMs, overSocket }, deps)
  }

  begin(): void {
    this.#schedule()
    if (this.#renewsAtOnce) this.renew()
    else this.#renewIn(this.#grant.renewEveryMs)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelDeadline()
    this.#cancelRenewal()
  }

  get burst(): BurstFieldsFragment {
    return this.#grant.burst
  }

  get isOver(): boolean {
    const now = this.#now
    return now >= this.#leaseUntil || now >= this.#endsAt
  }

  get view() {
    const { burst, media, listenerCount } = this.#grant
    const endsAt = Math.round(this.#deps.environment.clock.wall() + this.#endsAt - this.#now)
    return { burst, media, listenerCount, endsAt, isRevoking: this.#isRevoking }
  }

  settle(): void {
    if (this.#isStopped) return
    const now = this.#now
    if (now >= this.#leaseUntil) this.#over({ cause: 'LOST', endReason: 'CONNECTION_LOST' })
    else if (now >= this.#endsAt) this.#over({ cause: 'ENDED', endReason: this.#isRevoking ? 'PREEMPTED' : 'TALK_LIMIT' })
    else if (!this.#isWarned && !this.#isRevoking && now >= this.#endsAt - this.#grant.warnBeforeMs) {
      this.#isWarned = true
      this.#deps.onCue('LIMIT_WARNING')
    }
  }

  /** By POST, so that nothing depends on whether a socket stays open. Those that are under way go on: one answer is enough. */
  renew(): void {
    if (this.#isStopped) return
    const { port } = this.#deps
    const { burst, leaseMs, renewEveryMs } = this.#grant
    const sentAt = this.#now
    this.#renewIn(renewEveryMs)
    port.renew(burst.id, { timeoutMs: leaseMs }).then(
      (answer) => this.#renewed(answer, sentAt),
      (thrown: unknown) => {
        const error = asNedaError(thrown)
        if (this.#isStopped) return
        if (!error.retryable) this.#over({ cause: 'FAILED', error })
        else this.#renewIn(Math.max(error.retryAfterMs ?? 0, this.#deps.environment.random() * RETRY_MS))
      },
    )
  }

  /** The floor names somebody else, or nobody: of two bursts the later is right, and of nobody only the server knows since when. */
  hearFloor(floor: FloorFieldsFragment, previous: BurstFieldsFragment | null): void {
    const { id, fencingToken } = this.#grant.burst
    if (previous?.id === id) this.#over({ cause: 'ENDED', endReason: previous.endReason })
    else if (floor.burst === null) this.renew()
    else if (floor.burst.id === id) {
      if (floor.state === 'PENDING_REVOKE' && !this.#isRevoking) this.#revoking()
      if (floor.state === 'TAKEN' && this.#isRevoking) this.renew()
    } else if (BigInt(floor.burst.fencingToken) > BigInt(fencingToken)) this.#over({ cause: 'ENDED' })
  }

  hearRevoke({ graceMs, endReason }: FloorMessageSubscription['floorMessage']): void {
    if (!graceMs) return this.#over({ cause: 'ENDED', endReason })
    this.#endsAt = Math.min(this.#endsAt, this.#now + graceMs)
    if (!this.#isRevoking) this.#revoking()
    this.#schedule()
  }

  get #now() {
    return this.#deps.environment.clock.now()
  }

  /** How much of the grace is left is known from when we ask, not from when we were told. */
  #revoking() {
    this.#isRevoking = true
    this.renew()
    this.#deps.onCue('REVOKING')
  }

  #renewed({ renewed, remainingMs, floor }: RenewTalkMutation['renewTalk'], sentAt: number) {
    this.settle()
    if (this.#isStopped) return
    if (!renewed) return this.#over({ cause: 'ENDED' })
    this.#leaseUntil = Math.max(this.#leaseUntil, sentAt + this.#grant.leaseMs)
    if (sentAt >= this.#asOf && remainingMs !== null) {
      this.#asOf = sentAt
      this.#endsAt = sentAt + remainingMs
      const isRevoking = floor.state === 'PENDING_REVOKE'
      if (isRevoking !== this.#isRevoking) {
        this.#isRevoking = isRevoking
        this.#deps.onCue(isRevoking ? 'REVOKING' : null)
      }
    }
    this.#schedule()
  }

  #renewIn(ms: number) {
    this.#cancelRenewal()
    this.#cancelRenewal = this.#deps.environment.clock.after(ms, () => {
      this.settle()
      this.renew()
    })
  }

  #schedule() {
    if (this.#isStopped) return
    this.#cancelDeadline()
    const warnAt = this.#isWarned || this.#isRevoking ? Number.POSITIVE_INFINITY : this.#endsAt - this.#grant.warnBeforeMs
    const wait = Math.min(this.#leaseUntil, this.#endsAt, warnAt) - this.#now
    this.#cancelDeadline = this.#deps.environment.clock.after(Math.max(wait, 0), () => {
      this.settle()
      this.#schedule()
    })
  }

  #over(end: Over) {
    if (this.#isStopped) return
    this.stop()
    this.#deps.onOver(end)
  }
}
