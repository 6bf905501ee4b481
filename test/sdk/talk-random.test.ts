import fc from 'fast-check'
import { test } from 'vitest'
import { LEASE_MS } from '../../src/realtime/engine.ts'
import type { Weather } from './engine-port.ts'
import { type RadioWorld, radioWorld } from './radio-world.ts'

/** What may happen around a radio at any moment. */
type Step =
  | { readonly kind: 'press'; readonly queue: boolean }
  | { readonly kind: 'release' | 'mend' | 'loseSocket' | 'sleep' | 'wake' | 'otherPresses' | 'otherReleases' | 'preempt' | 'revoke' }
  | { readonly kind: 'weather'; readonly weather: Weather }
  | { readonly kind: 'wait'; readonly ms: number }

const just = <const Kind extends Step['kind']>(...kinds: Kind[]) => fc.constantFrom(...kinds).map((kind) => ({ kind }))

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.boolean().map((queue) => ({ kind: 'press' as const, queue })) },
  { weight: 3, arbitrary: just('release', 'mend', 'wake') },
  { weight: 2, arbitrary: just('otherPresses', 'otherReleases', 'preempt', 'revoke', 'loseSocket', 'sleep') },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Weather>('FINE', 'AWAY', 'LOSES_ANSWERS').map((weather) => ({ kind: 'weather' as const, weather })),
  },
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 2_500 }).map((ms) => ({ kind: 'wait' as const, ms })) },
)

const LOOK_EVERY_MS = 100

/** Somebody took the floor from this device against its will, which it need not have heard of yet. */
class Play {
  readonly #world: RadioWorld
  #takenAt = Number.NEGATIVE_INFINITY
  #others = 0

  constructor(world: RadioWorld) {
    this.#world = world
  }

  async take(step: Step): Promise<void> {
    const { radio, time, port, clock, cleo, dan } = this.#world
    if (step.kind === 'press') void radio.press({ queue: step.queue })
    if (step.kind === 'release') radio.release()
    if (step.kind === 'weather') port.weather = step.weather
    if (step.kind === 'mend') await port.mend()
    if (step.kind === 'loseSocket') await port.loseSocket()
    if (step.kind === 'sleep') clock.sleep()
    if (step.kind === 'wake') clock.wake()
    if (step.kind === 'otherPresses') await cleo.wait(`c${++this.#others}`)
    if (step.kind === 'otherReleases') await cleo.release(`c${this.#others}`)
    if (step.kind === 'preempt') await dan.press(`d${++this.#others}`, { priority: 'HIGH', preemptGraceMs: 500 })
    if (step.kind === 'revoke') await this.#revoke()
    for (let left = step.kind === 'wait' ? step.ms : 0; left >= 0; left -= LOOK_EVERY_MS) {
      await time.advance(Math.min(left, LOOK_EVERY_MS))
      await this.#look()
    }
  }

  /** Everything is well again, and the button is up: nothing is left of it. */
  async end(): Promise<void> {
    const { radio, time, port, clock, holder } = this.#world
    clock.wake()
    await port.mend()
    radio.release()
    await time.advance(16_000)
    if (radio.isTalking) throw new Error('it talks after the button was let go')
    if ((await holder())?.sessionId === port.sessionId) throw new Error('the floor is held by nobody')
    await radio.close()
  }

  /** Alone, on a network that works, a press is granted: whatever was before. */
  async pressAgain(): Promise<void> {
    const { radio, time, port, clock, holder, cleo, dan } = this.#world
    clock.wake()
    await port.mend()
    radio.release()
    await cleo.leave()
    await dan.leave()
    await time.advance(16_000)
    const talk = radio.press()
    await time.advance(100)
    if ((await talk).phase !== 'TALKING') throw new Error(`not granted: ${JSON.stringify(await talk)}`)
    await time.advance(10_000)
    if (!radio.isTalking || (await holder())?.sessionId !== port.sessionId) throw new Error('not held')
  }

  async #revoke() {
    const burst = await this.#world.holder()
    if (burst) await this.#world.cleo.revoke(burst.id)
    this.#takenAt = this.#world.time.now()
  }

  /** Who believes to hold the floor holds it; unless it was taken a moment ago, and the network has not let it know. */
  async #look() {
    const { radio, time, port, holder } = this.#world
    const burst = await holder()
    if (burst?.priority === 'HIGH') this.#takenAt = Math.max(this.#takenAt, burst.startedAt)
    if (!radio.isTalking || burst?.sessionId === port.sessionId) return
    if (time.now() > this.#takenAt + LEASE_MS) throw new Error(`talks, but the floor is ${burst?.speaker.username ?? 'nobody'}'s`)
  }
}

const SEQUENCES = 1_000

test('through anything that happens, a radio that believes to hold the floor holds it, and what is let go is free', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), fc.nat(), fc.boolean(), async (steps, seed, pressesAgain) => {
      await using world = await radioWorld({ seed })
      const play = new Play(world)
      for (const step of steps) await play.take(step)
      if (pressesAgain) await play.pressAgain()
      await play.end()
    }),
    { numRuns: SEQUENCES },
  )
})
