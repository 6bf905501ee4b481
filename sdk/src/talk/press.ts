import { sleep } from '../clock.ts'
import { type Environment, freshId } from '../environment.ts'
import { asNedaError, lost, NedaError } from '../errors.ts'
import type { BurstFieldsFragment, FloorMessageSubscription, SpeakerChangedSubscription } from '../generated/operations.ts'
import { Hold } from './hold.ts'
import { letGo } from './let-go.ts'
import type { RequestAnswer, TalkPort } from './talk-port.ts'
import type { Cue, PressEnd, PressOptions, Talk } from './talk-state.ts'

type FloorEvent = SpeakerChangedSubscription['speakerChanged']
type Message = FloorMessageSubscription['floorMessage']

export interface PressDeps {
  readonly port: TalkPort
  readonly environment: Environment
  /** Null: not known yet. */
  readonly userId: () => string | null
  readonly onChange: (cue: Cue | null) => void
}

/** How long a press is repeated without any answer. */
const ANSWER_WITHIN_MS = 8_000
/** A waiting press ends after 30 s by the server: without a word of that it is over too. */
const WAIT_AT_MOST_MS = 35_000
/** What is said while the stream is away is said to nobody: whoever waits asks. */
const CHECK_EVERY_MS = 5_000
const ATTEMPT_MS = 2_000
const RETRY_MS = 1_000
/** A press whose answer was lost until its burst was over asks under another name. */
const NAMES = 4

type Phase = 'REQUESTING' | 'QUEUED' | 'TALKING' | 'OVER'
type End = Partial<Omit<PressEnd, 'requestId'>> & Pick<PressEnd, 'cause'>

/** One press of the button, from down to up or to its end. */
export class Press {
  readonly #deps: PressDeps
  readonly #options: PressOptions
  readonly #names: string[] = []
  readonly #asking = new AbortController()
  #phase: Phase = 'REQUESTING'
  #isAsking = false
  #asksAgain = false
  #answerBy: number
  #position: number | null = null
  #hold: Hold | null = null
  #ended: PressEnd | null = null
  #burstId: string | null = null
  #cancelTimer = () => {}

  constructor(deps: PressDeps, options: PressOptions) {
    this.#deps = deps
    this.#options = options
    this.#names.push(freshId(deps.environment.random))
    this.#answerBy = deps.environment.clock.now() + ANSWER_WITHIN_MS
  }

  /** The button is down. */
  begin(): void {
    this.#schedule()
    void this.#ask()
  }

  /** The button is up. */
  release(): void {
    this.#finish({ cause: 'RELEASED' })
  }

  fail(error: NedaError): void {
    this.#finish({ cause: 'FAILED', error })
  }

  get requestId(): string {
    return this.#names.at(-1) ?? ''
  }

  get isOver(): boolean {
    return this.#phase === 'OVER'
  }

  get burst(): BurstFieldsFragment | null {
    return this.#hold?.burst ?? null
  }

  /** Whether this burst is its own, as far as can be known before the answer has come. */
  owns({ id, speaker }: BurstFieldsFragment): boolean {
    if (this.#burstId !== null) return id === this.#burstId
    return !this.isOver && speaker.id === this.#deps.userId()
  }

  get talk(): Talk {
    const { requestId } = this
    if (this.#phase === 'TALKING' && this.#hold) return { phase: 'TALKING', requestId, ...this.#hold.view }
    if (this.#phase === 'QUEUED') return { phase: 'QUEUED', requestId, position: this.#position }
    if (this.#phase === 'REQUESTING') return { phase: 'REQUESTING', requestId }
    return { phase: 'IDLE', ended: this.#ended }
  }

  /** Ends what is over by the clock: timers are late on a device that slept. */
  settle(): void {
    const now = this.#deps.environment.clock.now()
    if (this.#phase === 'TALKING') this.#hold?.settle()
    else if (this.#phase !== 'OVER' && now >= this.#answerBy) this.#finish({ cause: 'LOST', error: lost('There was no answer.') })
  }

  /** Looks how it stands: what was said meanwhile may have been lost. */
  check(): void {
    this.settle()
    if (this.#phase === 'TALKING') this.#hold?.renew()
    else void this.#ask()
  }

  hearFloor({ floor, previous }: FloorEvent): void {
    this.settle()
    if (this.#phase === 'TALKING') this.#hold?.hearFloor(floor, previous)
    // Granted out of the queue, and the message of it got lost.
    else if (this.#phase === 'QUEUED' && floor.burst?.speaker.id === this.#deps.userId()) void this.#ask()
    else if (previous !== null && previous.id === this.#burstId) this.#learn(previous.endReason)
  }

  hearMessage(message: Message): void {
    this.settle()
    const { kind, burst, requestId, endReason, denyReason } = message
    const isMine = requestId !== null && this.#names.includes(requestId)
    if (kind === 'REVOKED' && burst && burst.id === this.#burstId) {
      if (this.#phase === 'TALKING') this.#hold?.hearRevoke(message)
      else this.#learn(endReason)
    } else if (kind === 'GRANTED' && isMine) this.check()
    else if (this.#phase !== 'QUEUED' || !isMine) return
    else if (kind === 'DENIED') this.#finish({ cause: 'DENIED', denyReason })
    else if (kind === 'QUEUED') {
      this.#position = message.queuePosition
      this.#deps.onChange(null)
    }
  }

  /** One question at a time; who asks meanwhile is answered by one more. */
  async #ask() {
    if (this.#isAsking) {
      this.#asksAgain = true
      return
    }
    this.#isAsking = true
    let attempt = 0
    let isDecided = false
    while (this.#isWaiting && !isDecided) {
      this.#asksAgain = false
      isDecided = (await this.#askOnce(attempt++)) && !this.#asksAgain
    }
    this.#isAsking = false
  }

  get #isWaiting() {
    this.settle()
    return this.#phase === 'REQUESTING' || this.#phase === 'QUEUED'
  }

  async #askOnce(attempt: number): Promise<boolean> {
    const { port, environment } = this.#deps
    const { signal } = this.#asking
    const { queue = false, priority = null } = this.#options
    const request = { requestId: this.requestId, queue, priority }
    const sentAt = environment.clock.now()
    try {
      // In turns: the socket is faster, unless it is dead.
      const answered = await port.request(request, { timeoutMs: ATTEMPT_MS, signal, fast: attempt % 2 === 0 })
      return !this.#isWaiting || this.#take(answered, sentAt)
    } catch (thrown) {
      if (!this.#isWaiting) return true
      const error = asNedaError(thrown)
      if (!error.retryable) this.#finish({ cause: 'FAILED', error })
      else {
        const wait = environment.random() * Math.min(RETRY_MS, 100 * 2 ** attempt)
        await sleep(environment.clock, Math.max(error.retryAfterMs ?? 0, wait), signal)
      }
      return false
    }
  }

  /** Whether that is an answer to the press, or it has to be asked again. */
  #take({ answer, overSocket }: RequestAnswer, sentAt: number): boolean {
    const { outcome, denyReason, retryAfterMs, burst, queuePosition } = answer
    if (outcome === 'GRANTED') return this.#begin(answer, sentAt, overSocket)
    if (outcome === 'QUEUED') {
      this.#wait(queuePosition)
      return true
    }
    if (outcome === 'DENIED') this.#finish({ cause: 'DENIED', denyReason, retryAfterMs })
    else if (this.#phase === 'REQUESTING' && this.#names.length < NAMES) {
      this.#names.push(freshId(this.#deps.environment.random))
      return false
    } else this.#finish({ cause: 'ENDED', endReason: burst?.endReason ?? null })
    return true
  }

  #wait(position: number | null) {
    const { clock } = this.#deps.environment
    const isNew = this.#phase !== 'QUEUED'
    this.#phase = 'QUEUED'
    this.#position = position
    this.#answerBy = clock.now() + WAIT_AT_MOST_MS
    this.#schedule()
    this.#deps.onChange(isNew ? 'QUEUED' : null)
  }

  #begin(answer: RequestAnswer['answer'], sentAt: number, overSocket: boolean): boolean {
    const { port, environment, onChange } = this.#deps
    const hold = Hold.of(answer, sentAt, overSocket, {
      port,
      environment,
      onCue: onChange,
      onOver: (end) => this.#finish(end),
    })
    if (!hold) {
      this.#finish({ cause: 'FAILED', error: new NedaError('The grant is not whole.', { code: 'INTERNAL_SERVER_ERROR' }) })
      return true
    }
    // Granted, and the answer came too late to be relied upon.
    if (hold.isOver) return false
    this.#cancelTimer()
    this.#phase = 'TALKING'
    this.#hold = hold
    this.#burstId = hold.burst.id
    onChange('GRANTED')
    if (this.#phase === 'TALKING') hold.begin()
    return true
  }

  #schedule() {
    const { clock } = this.#deps.environment
    this.#cancelTimer()
    const wait = Math.max(this.#answerBy - clock.now(), 0)
    const checks = this.#phase === 'QUEUED' && wait > CHECK_EVERY_MS
    this.#cancelTimer = clock.after(checks ? CHECK_EVERY_MS : wait, () => {
      this.settle()
      if (this.#phase === 'REQUESTING' || this.#phase === 'QUEUED') this.#schedule()
      if (this.#phase === 'QUEUED') void this.#ask()
    })
  }

  #finish(end: End) {
    if (this.#phase === 'OVER') return
    this.#phase = 'OVER'
    this.#cancelTimer()
    this.#asking.abort()
    this.#hold?.stop()
    this.#ended = { requestId: this.requestId, denyReason: null, endReason: null, retryAfterMs: null, error: null, ...end }
    // The server may believe otherwise: an answer of it, or a question to it, may have been lost.
    if (end.cause !== 'DENIED' && end.cause !== 'ENDED') void letGo(this.#deps, this.#names)
    this.#deps.onChange(cueOf(end, this.#hold !== null))
  }

  /** The reason came after the end. */
  #learn(endReason: PressEnd['endReason']) {
    if (this.#ended?.cause !== 'ENDED' || this.#ended.endReason !== null || endReason === null) return
    this.#ended = { ...this.#ended, endReason }
    this.#deps.onChange(null)
  }
}

function cueOf({ cause }: End, hasTalked: boolean): Cue | null {
  if (cause === 'RELEASED') return hasTalked ? 'RELEASED' : null
  return hasTalked ? 'REVOKED' : 'DENIED'
}
