import { LEASE_MS } from '../../../src/realtime/engine.ts'
import type { Burst, Floor } from '../../../src/realtime/events.ts'
import { CLOCKS_DIFFER_MS, type Done, fateOf } from './fate.ts'
import type { Answered, Asked, Operation, Told } from './floor-model.ts'
import type { Timed } from './wgl.ts'

/** A press takes effect within this, or never. */
export const PRESS_WITHIN_MS = 400
/** What a failed press began is ended within this, once its engine can be reached. */
const ABANDONED_WITHIN_MS = 1_000
/** An instance knows Redis' clock only as well as its way to Redis is short, and sets the deadline of a press by that. */
export const DEADLINE_DIFFERS_MS = 100

/** What is answered, beside the floor. */
export interface Reply {
  readonly outcome: string
  readonly burst?: Burst | null
  readonly floor: Floor
}

/** What is known of a way to the engine over which something failed. */
export interface Failures {
  /** By when what failed at an instant has arrived, or never will. */
  readonly lostBy: (at: number) => number
  /** From when on the engine could be reached without a break, so that it could do what it owed. */
  readonly calmFrom: (at: number) => number
}

/** What the clients of one group did, when, and what they were answered. Instants are of `performance.now()`. */
export class History {
  readonly bursts = new Map<string, Burst>()
  /** When each burst was asked for that any press may have begun. */
  readonly pressedAt = new Map<string, number>()
  readonly contradictions: string[] = []
  readonly #done: Done[] = []
  readonly #failures = new Map<Done, Failures>()

  get size(): number {
    return this.#done.length
  }

  get unknown(): number {
    return this.#failures.size
  }

  /** Null if it failed: then nobody knows whether it was done. */
  async take<Answer extends Reply>(asked: Asked, failures: Failures, ask: () => Promise<Answer>): Promise<Answer | null> {
    const call = performance.now()
    if (asked.kind === 'press') this.pressedAt.set(asked.burstId, call)
    try {
      const answer = await ask()
      const ret = performance.now()
      this.#done.push({ asked, answered: this.#read(answer), call, ret })
      return answer
    } catch (error) {
      const done = { asked, answered: null, call, ret: performance.now() }
      // Whoever is told that the press came too late is told that it changed nothing. A read that failed has told nothing.
      if (asked.kind === 'read' || (error instanceof Error && error.message.includes('too late'))) return null
      this.#done.push(done)
      this.#failures.set(done, failures)
      return null
    }
  }

  /** Everything that may have changed the floor, with the instants between which it did. */
  operations(): Timed<Operation>[] {
    return this.#done.flatMap((done, serial) => {
      const failures = this.#failures.get(done)
      return failures ? this.#doubtful(done, serial, failures) : this.#answered(done, serial)
    })
  }

  #answered({ asked, answered, call, ret }: Done, serial: number): Timed<Operation>[] {
    if (!answered) throw new Error('without an answer')
    const timed: Timed<Operation> = { operation: { asked, answered, serial }, call, ret }
    return answered.outcome === 'GRANTED' || answered.outcome === 'true' ? [timed, lapseOf(timed, serial)] : [timed]
  }

  #doubtful(done: Done, serial: number, failures: Failures): Timed<Operation>[] {
    const { asked, call, ret } = done
    const isPress = asked.kind === 'press'
    const by = isPress ? call + PRESS_WITHIN_MS + DEADLINE_DIFFERS_MS : failures.lostBy(ret)
    const fate = fateOf(done, by, this.#done, (burstId) => this.bursts.has(burstId))
    if (fate === 'NONE') return []
    const timed: Timed<Operation> = { operation: { asked, answered: fate, serial }, call, ret: by }
    if (!isPress) return [timed, lapseOf(timed, serial)]
    const abandoned = { operation: { abandon: asked.burstId }, call: ret, ret: failures.calmFrom(ret) + ABANDONED_WITHIN_MS }
    return [timed, lapseOf(timed, serial), abandoned]
  }

  told(): Told {
    return {
      tokens: new Map([...this.bursts].map(([id, { fencingToken }]) => [id, fencingToken])),
      asked: this.#done.map(({ asked }) => asked),
    }
  }

  #read({ outcome, burst, floor }: Reply): Answered {
    for (const seen of [burst, floor.burst]) if (seen) this.#see(seen)
    return { outcome, burstId: burst?.id ?? null, holder: floor.burst?.id ?? null }
  }

  /** A burst is the same for everybody who is told of it. */
  #see(burst: Burst) {
    const known = this.bursts.get(burst.id)
    this.bursts.set(burst.id, burst)
    if (known && (known.fencingToken !== burst.fencingToken || known.startedAt !== burst.startedAt || known.sessionId !== burst.sessionId))
      this.contradictions.push(`burst ${burst.id} was told of in two ways`)
  }
}

/** The lease that an operation began, if it did, runs out by itself unless another began since. */
const lapseOf = ({ call, ret }: Timed<Operation>, lapse: number): Timed<Operation> => ({
  operation: { lapse },
  call: call + LEASE_MS - CLOCKS_DIFFER_MS,
  ret: ret + LEASE_MS + CLOCKS_DIFFER_MS,
})
