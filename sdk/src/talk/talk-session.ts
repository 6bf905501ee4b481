import { sleep } from '../clock.ts'
import type { Environment } from '../environment.ts'
import { asNedaError, closed, type NedaError } from '../errors.ts'
import type { FloorFieldsFragment, MediaFieldsFragment, SpeakerChangedSubscription } from '../generated/operations.ts'
import { Press } from './press.ts'
import type { TalkPort } from './talk-port.ts'
import type { Cue, PressOptions, Talk, TalkListener, TalkSessionState } from './talk-state.ts'

export interface TalkSessionDeps {
  readonly port: TalkPort
  readonly environment: Environment
  readonly userId: () => Promise<string | null>
  readonly onClose: () => void
}

const JOIN_AGAIN_MS = 5_000

/** One device's radio in one group: stays present, follows the floor, and holds it for no longer than it may. */
export class TalkSession {
  readonly #deps: TalkSessionDeps
  readonly #listeners = new Set<TalkListener>()
  readonly #closing = new AbortController()
  #membership: TalkSessionState['membership'] = 'JOINING'
  #error: NedaError | null = null
  #floor: FloorFieldsFragment | null = null
  #isLive = false
  #media: MediaFieldsFragment | null = null
  #press: Press | null = null
  #userId: string | null = null
  #isJoining = false
  #heartbeatEveryMs = 0
  #state: TalkSessionState
  readonly #stops: (() => void)[] = []
  #cancelBeat = () => {}

  constructor(deps: TalkSessionDeps) {
    this.#deps = deps
    this.#state = this.#look()
  }

  start(): void {
    const { port } = this.#deps
    const ended = (error: NedaError) => this.end(error)
    const live = (isLive: boolean) => this.#setLive(isLive)
    this.#stops.push(
      port.watch({ next: ({ speakerChanged }) => this.#hearFloor(speakerChanged), live, ended }),
      port.hear({
        next: ({ floorMessage }) => this.#press?.hearMessage(floorMessage),
        // What was said meanwhile was said to nobody.
        live: (isLive) => isLive && this.#press?.check(),
        ended,
      }),
    )
    void this.#join()
  }

  /** As it is now. The same object until something changes. */
  get state(): TalkSessionState {
    this.#press?.settle()
    return this.#state
  }

  /** Whether the microphone may be heard, at this very moment: cheap enough to be asked for each piece of sound. */
  get isTalking(): boolean {
    return this.state.talk.phase === 'TALKING'
  }

  /** Told each change, with what there is to play for it. The result ends it. */
  subscribe(listener: TalkListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Resolves once the device is present and its floor is live; rejects when it cannot be. */
  ready(): Promise<TalkSessionState> {
    return this.#until(({ membership, isLive }) => membership === 'JOINED' && isLive)
  }

  /**
   * Button down. Resolves when it is decided: TALKING, QUEUED, or IDLE with the reason. A button that is down already is not pressed again.
   * Repeated by itself when an answer is lost, until it is let go or 8 s are over.
   */
  press(options: PressOptions = {}): Promise<Talk> {
    if (this.#membership !== 'ENDED' && (this.#press?.isOver ?? true)) {
      const { port, environment } = this.#deps
      const press: Press = new Press(
        { port, environment, userId: () => this.#userId, onChange: (cue) => this.#press === press && this.#changed(cue) },
        options,
      )
      this.#press = press
      this.#changed(null)
      press.begin()
    }
    return this.#until(({ talk }) => talk.phase !== 'REQUESTING').then(({ talk }) => talk)
  }

  /** Button up. At once for this device, whatever the network does. */
  release(): void {
    this.#press?.release()
  }

  /** The app is back in front, or the network is: looks whether everything is as it was. */
  wake(): void {
    if (this.#membership === 'ENDED') return
    this.#press?.check()
    if (this.#membership === 'JOINED') void this.#beat()
  }

  /** Lets go, and leaves the group. */
  async close(): Promise<void> {
    if (this.#membership === 'ENDED') return
    this.release()
    this.end(closed())
    // Whoever is gone without a word has left after 9.5 s.
    await this.#deps.port.leave().catch(() => undefined)
  }

  /** It cannot go on: signed out, removed from the group, or the group is gone. */
  end(error: NedaError): void {
    if (this.#membership === 'ENDED') return
    this.#membership = 'ENDED'
    this.#error = error
    this.#isLive = false
    this.#closing.abort()
    this.#cancelBeat()
    for (const stop of this.#stops) stop()
    this.#press?.fail(error)
    this.#deps.onClose()
    this.#changed(null)
  }

  #hearFloor({ floor, kind, previous }: SpeakerChangedSubscription['speakerChanged']) {
    const hasForgotten = this.#floor !== null && this.#floor.epoch !== floor.epoch
    this.#floor = floor
    // A new life of the server knows nobody who was present.
    if (hasForgotten) void this.#join()
    const press = this.#press
    const about = kind === 'IDLE' ? previous : floor.burst
    const isOwn = about !== null && press?.owns(about) === true
    press?.hearFloor({ floor, kind, previous, gap: false, cursor: floor.cursor })
    this.#changed(isOwn ? null : kind === 'TAKEN' ? 'TAKEN' : kind === 'IDLE' ? 'IDLE' : null)
  }

  #setLive(isLive: boolean) {
    this.#isLive = isLive
    // The connection is another one, and meanwhile the device may have left.
    if (isLive && this.#membership === 'JOINED') void this.#join()
    this.#changed(null)
  }

  /** A repeat tells nobody, and brings the next media token. */
  async #join() {
    if (this.#isJoining) return
    this.#isJoining = true
    const { port, environment, userId } = this.#deps
    for (let attempt = 0; this.#membership !== 'ENDED'; attempt++) {
      try {
        this.#userId ??= await userId()
        const { media, heartbeatEveryMs } = await port.join()
        if (this.#hasEnded) break
        this.#membership = 'JOINED'
        this.#media = media
        this.#heartbeatEveryMs = heartbeatEveryMs
        this.#scheduleBeat()
        this.#changed(null)
        break
      } catch (thrown) {
        const error = asNedaError(thrown)
        if (!error.retryable) this.end(error)
        const wait = environment.random() * Math.min(JOIN_AGAIN_MS, 500 * 2 ** attempt)
        await sleep(environment.clock, Math.max(error.retryAfterMs ?? 0, wait), this.#closing.signal)
      }
    }
    this.#isJoining = false
  }

  get #hasEnded() {
    return this.#membership === 'ENDED'
  }

  #scheduleBeat() {
    this.#cancelBeat()
    this.#cancelBeat = this.#deps.environment.clock.after(this.#heartbeatEveryMs, () => void this.#beat())
  }

  async #beat() {
    const { port } = this.#deps
    this.#scheduleBeat()
    if (port.hasSocket) return
    try {
      if (!(await port.heartbeat())) await this.#join()
    } catch {
      // The next one may get through; what is final the streams say.
    }
  }

  #changed(cue: Cue | null) {
    this.#state = this.#look()
    for (const listen of this.#listeners) {
      try {
        listen(this.#state, cue)
      } catch (error) {
        // The app's own failure is the app's: the floor is not held longer for it.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #look(): TalkSessionState {
    const burst = this.#floor?.burst ?? null
    const isOwn = burst !== null && (this.#press?.owns(burst) === true || burst.mediaIdentity === this.#media?.identity)
    return {
      membership: this.#membership,
      talk: this.#press?.talk ?? { phase: 'IDLE', ended: null },
      floor: this.#floor,
      isLive: this.#isLive,
      media: this.#media,
      heard: isOwn ? null : (burst?.mediaIdentity ?? null),
      error: this.#error,
    }
  }

  #until(isReached: (state: TalkSessionState) => boolean): Promise<TalkSessionState> {
    return new Promise((resolve, reject) => {
      const look = (state: TalkSessionState) => {
        if (isReached(state)) resolve(state)
        else if (state.error) reject(state.error)
        else return false
        return true
      }
      if (look(this.#state)) return
      const stop = this.subscribe((state) => look(state) && stop())
    })
  }
}
