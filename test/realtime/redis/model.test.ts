import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BurstId } from '../../../src/ids.ts'
import type { TalkAnswer } from '../../../src/realtime/engine.ts'
import type { FloorEvent, PresenceEvent } from '../../../src/realtime/events.ts'
import { decide } from '../../../src/realtime/memory/decide.ts'
import { emptyGroup, type GroupState, presenceOf, waiting } from '../../../src/realtime/memory/state.ts'
import type { Told } from '../../../src/realtime/memory/transition.ts'
import { hasRedis, type RedisServer, startRedis } from '../../support/redis-server.ts'
import { commandOf, groupId, type Step, steps } from '../sequences.ts'
import { type Aside, asides, doBeside, putOff, waitBefore } from './model-asides.ts'
import { take } from './model-commands.ts'
import { Real } from './model-real.ts'

const EPOCH = 'epoch'
const RUNS = Number(process.env.MODEL_RUNS ?? 300)
let spaces = 0

/** The record is told beside the rest; each is in its order. */
const inTwo = (told: readonly Told[]) => [told.filter((one) => !('record' in one)), told.filter((one) => 'record' in one)]

/** One group in both engines, which must not differ. */
class Pair {
  readonly #real: Real
  readonly #takenUp = new Set<BurstId>()
  #state = emptyGroup(groupId, EPOCH, 0n)
  #now = 1_800_000_000_000
  #swept: number | null = null
  #floorEvents: FloorEvent[] = []
  #presenceEvents: PresenceEvent[] = []

  constructor(real: Real) {
    this.#real = real
  }

  async take(step: Step, serial: number): Promise<void> {
    this.#wait(step.wait)
    const command = commandOf(step, serial, this.#state.holder?.burst.id)
    const { state, told, answer } = decide(this.#state, step.command, command, this.#now)
    expect(await take(this.#real, step.command, command, this.#now)).toEqual(answer)
    this.#see(step, command.burstId, state, answer)
    await this.#compare(state, told)
  }

  async doBeside(aside: Aside): Promise<void> {
    this.#wait(waitBefore(aside))
    const logs = { floor: this.#floorEvents, presence: this.#presenceEvents }
    const { state, told, expected, found } = await doBeside(aside, this.#state, this.#now, logs, this.#takenUp, this.#real)
    expect(found).toEqual(expected)
    if (state.epoch !== this.#state.epoch) [this.#floorEvents, this.#presenceEvents, this.#swept] = [[], [], null]
    if (aside.kind === 'sweepRegularly') this.#swept = this.#now
    await this.#compare(state, told)
  }

  #wait(ms: number) {
    this.#now += ms
    const { state, swept } = putOff(this.#state, this.#swept, this.#now)
    this.#state = state
    this.#swept = swept
  }

  async #compare(state: GroupState, told: readonly Told[]) {
    expect(inTwo(await this.#real.told())).toEqual(inTwo(told))
    this.#state = state
    expect((await this.#real.readPresence(this.#now)).snapshot).toEqual(presenceOf(state))
    for (const one of told) {
      if ('floor' in one) this.#floorEvents.push(one.floor)
      if ('presence' in one) this.#presenceEvents.push(one.presence)
    }
  }

  /** A renewal, a repeat and another name of the request say that somebody knows of the burst. */
  #see({ command, session }: Step, asked: BurstId, state: GroupState, answer: unknown) {
    const { outcome, burst, renewed } = (answer ?? {}) as Partial<TalkAnswer & { renewed: boolean }>
    if (command === 'renewTalk' && renewed) this.#takenUp.add(asked)
    if (command !== 'requestTalk') return
    const waiter = waiting(state).find(({ sessionId }) => sessionId === session)
    const known = outcome === 'GRANTED' ? burst?.id : outcome === 'QUEUED' ? waiter?.burstId : undefined
    if (known && known !== asked) this.#takenUp.add(known)
  }
}

/** Nobody is away for long, so that many wait, and wait for long. */
const crowded = steps.map((sequence) =>
  sequence.map((step) => ({ ...step, wait: step.wait > 1_500 ? Math.ceil(step.wait / 20) : step.wait })),
)

async function check(name: string, redis: RedisServer, sequences: typeof steps, beside: fc.Arbitrary<readonly (Aside | null)[]>) {
  const plays = fc.asyncProperty(sequences, beside, async (sequence, between) => {
    await using real = await Real.open(redis.url, `model-${spaces++}-`, EPOCH)
    const pair = new Pair(real)
    for (const [serial, step] of sequence.entries()) {
      await pair.take(step, serial)
      const aside = between[serial]
      if (aside) await pair.doBeside(aside)
    }
  })
  const outcome = await fc.check(plays, { numRuns: RUNS })
  if (outcome.failed) throw new Error(fc.defaultReportMessage(outcome) ?? 'failed', { cause: outcome.errorInstance })
  console.log(`${name}: ${outcome.numRuns} sequences, seed ${outcome.seed}`)
}

describe.runIf(hasRedis())('Redis scripts', () => {
  test('do what decide does: the same answers, events, messages and record, whatever is done in whatever order', async () => {
    await using redis = await startRedis()
    await check('Redis scripts against decide', redis, steps, fc.constant([]))
  })

  test('do it also between sweeps, abandoned presses, readers who come back, and losses of all memory', async () => {
    await using redis = await startRedis()
    await check('Redis scripts and what is beside them against decide', redis, crowded, asides)
  })
})
