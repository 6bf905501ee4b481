import { setTimeout as sleep } from 'node:timers/promises'
import { RequestTalkDocument, type RequestTalkMutation } from '../generated/operations.ts'
import type { Device, Place } from '../stress/people.ts'
import type { Random } from '../stress/random.ts'
import { codeOf, release } from '../stress/talk.ts'

type Burst = NonNullable<RequestTalkMutation['requestTalk']['burst']>

/** A burst that a device was told of. Instants are those of this machine. */
export interface Grant {
  readonly burst: Burst
  readonly groupId: string
  readonly askedAt: number
  readonly answeredAt: number
}

interface Failure {
  readonly code: string
  readonly askedAt: number
  readonly ms: number
}

interface PressesOptions {
  readonly groupId: string
  readonly devices: readonly Device[]
  readonly places: readonly Place[]
  readonly random: Random
}

const AGAIN_AFTER_MS = 30
/** After that a device asks elsewhere. */
const PATIENCE_MS = 1_500
const GIVEN_UP_AFTER_MS = 15_000

/**
 * A steady load: each device presses, talks a moment and releases, at any of the instances. As the manual wants it, what was not answered is
 * asked again under its name at another instance; what was answered with an error is over, and the next press has a new name.
 */
export class Presses implements AsyncDisposable {
  readonly groupId: string
  readonly grants: Grant[] = []
  /** Presses that were answered with an error. */
  readonly failures: Failure[] = []
  /** How often an instance took a question and did not answer. */
  silences = 0
  readonly #options: PressesOptions
  readonly #stopping = new AbortController()
  readonly #running: Promise<unknown>

  constructor(options: PressesOptions) {
    this.groupId = options.groupId
    this.#options = options
    this.#running = Promise.all(options.devices.map((device, n) => this.#goOn(device, n)))
    // Thrown at the stop.
    this.#running.catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  /** Of those who press. */
  get names(): readonly string[] {
    return this.#options.devices.map(({ person }) => person.displayName)
  }

  grantsSince(instant: number): readonly Grant[] {
    return this.grants.filter(({ askedAt }) => askedAt >= instant)
  }

  async [Symbol.asyncDispose]() {
    await this.stop().catch(() => {
      // Who wants to know has called stop; here it would hide why a scenario failed.
    })
  }

  async #goOn(device: Device, n: number) {
    const { random } = this.#options
    const run = random.between(0, 1e9)
    for (let round = 0; !this.#stopping.signal.aborted; round++) {
      const requestId = `p${run}-${n}-${round}`
      if (await this.#press(device, requestId)) {
        await sleep(random.between(10, 60))
        await this.#release(device, requestId)
      }
      await sleep(random.between(30, 100))
    }
  }

  /** Whether the device talks now. */
  async #press(device: Device, requestId: string): Promise<boolean> {
    const askedAt = Date.now()
    const { data, code, ms } = await this.#untilAnswered((place) => this.#ask(device, place, requestId))
    if (code !== undefined) this.failures.push({ code, askedAt, ms })
    const { outcome, burst } = data?.requestTalk ?? {}
    if (burst) this.grants.push({ burst, groupId: this.groupId, askedAt, answeredAt: Date.now() })
    return outcome === 'GRANTED'
  }

  async #ask(device: Device, place: Place, requestId: string) {
    const began = performance.now()
    const answer = await device.at(place).ask(RequestTalkDocument, { input: { groupId: this.groupId, requestId } })
    return { data: answer.data, code: codeOf(answer), ms: performance.now() - began }
  }

  /** Until it is answered: a button that is let go stays let go, however often that must be said. */
  async #release(device: Device, requestId: string): Promise<void> {
    await this.#untilAnswered((place) => release(device.at(place), this.groupId, requestId))
  }

  async #untilAnswered<Result>(ask: (place: Place) => Promise<Result>): Promise<Result> {
    const { places, random } = this.#options
    for (const deadline = Date.now() + GIVEN_UP_AFTER_MS; ; ) {
      try {
        return await soon(ask(random.one(places)))
      } catch (error) {
        if (error instanceof Silence) this.silences += 1
        if (Date.now() > deadline) throw error
        await sleep(AGAIN_AFTER_MS)
      }
    }
  }
}

class Silence extends Error {}

/** An answer that comes too late is left unheard, also if it is an error. */
async function soon<Result>(answer: Promise<Result>): Promise<Result> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Silence(`no answer within ${PATIENCE_MS} ms`)), PATIENCE_MS)
  try {
    return await Promise.race([answer, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
