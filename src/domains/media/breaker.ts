import { MediaUnavailable, type Rooms } from '../../integrations/livekit/media-server.ts'
import type { Logger } from '../../logger.ts'
import { Topic } from '../../realtime/topic.ts'

const MOST_FAILURES = 3
const PROBE_EVERY_MS = 2_000

/**
 * Asks a media server that does not answer no more, but for a look every two seconds: calls that are sure to fail would pile up. Which of those
 * that failed were carried out nobody knows, so on recovery everything is looked at again.
 */
export class Breaker implements Disposable {
  /** The same rooms, guarded. */
  readonly rooms: Rooms
  readonly #inner: Rooms
  readonly #log: Logger
  readonly #recovered: Topic<void>
  #failures = 0
  #probe: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(rooms: Rooms, log: Logger) {
    this.#inner = rooms
    this.#log = log
    this.#recovered = new Topic((err) => log.error({ err }, 'following up the recovery of the media server failed'))
    this.rooms = {
      permit: this.#guarded(rooms.permit.bind(rooms)),
      remove: this.#guarded(rooms.remove.bind(rooms)),
      close: this.#guarded(rooms.close.bind(rooms)),
      list: this.#guarded(rooms.list.bind(rooms)),
      participants: this.#guarded(rooms.participants.bind(rooms)),
    }
  }

  /** The media server is taken for away. */
  get isOpen(): boolean {
    return this.#probe !== undefined
  }

  onRecovered(listener: () => void): () => void {
    return this.#recovered.subscribe(listener)
  }

  [Symbol.dispose]() {
    this.#isClosed = true
    clearInterval(this.#probe)
  }

  #guarded<Args extends unknown[], Result>(ask: (...args: Args) => Promise<Result>) {
    return async (...args: Args): Promise<Result> => {
      if (this.isOpen) throw new MediaUnavailable('the media server did not answer, and is not asked now')
      try {
        const result = await ask(...args)
        this.#failures = 0
        return result
      } catch (error) {
        this.#failures += 1
        const refusesKeys = error instanceof MediaUnavailable && error.refusesKeys
        if (refusesKeys || this.#failures >= MOST_FAILURES) this.#open(error, refusesKeys)
        throw error
      }
    }
  }

  #open(err: unknown, refusesKeys: boolean) {
    if (this.isOpen || this.#isClosed) return
    if (refusesKeys)
      this.#log.error(
        'LiveKit refuses LIVEKIT_API_KEY with LIVEKIT_API_SECRET: nobody can be heard until they are those of the LiveKit at LIVEKIT_URL',
      )
    else this.#log.error({ err }, 'LiveKit at LIVEKIT_URL does not answer: the floor goes on, but who may be heard there stays as it was')
    this.#probe = setInterval(() => void this.#look(), PROBE_EVERY_MS)
  }

  async #look() {
    try {
      await this.#inner.list()
    } catch {
      // Still away, as was said when it went.
      return
    }
    if (!this.isOpen || this.#isClosed) return
    clearInterval(this.#probe)
    this.#probe = undefined
    this.#failures = 0
    this.#log.warn('LiveKit answers again')
    this.#recovered.publish([undefined])
  }
}
