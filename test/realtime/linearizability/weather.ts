import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../stress/random.ts'
import type { TcpProxy } from '../../support/tcp-proxy.ts'
import type { Failures } from './history.ts'

export type Fault = 'dropReplies' | 'hold' | 'blackhole' | 'reset'

export const ALL_FAULTS: readonly Fault[] = ['dropReplies', 'dropReplies', 'hold', 'hold', 'blackhole', 'reset']
/** Events arrive whatever happens: this is about answers. */
const isForCommands = (firstWords: string) => firstWords.includes('neda-commands')
/** So long without a fault, and the engine must have caught up with what it owes. */
const CALM_MS = 1_000
/** So long is the way at most. */
const ON_THE_WAY_MS = 200

/** On a way on which nothing was broken something failed: then it may be late as well. */
export const FAIR: Failures = { lostBy: (at) => at + CALM_MS, calmFrom: (at) => at + CALM_MS }

/** What happens on one instance's way to Redis, and when it was over. */
export class Weather {
  readonly #proxy: TcpProxy
  readonly #random: Random
  readonly #faults: readonly Fault[]
  readonly #outages: { readonly from: number; readonly to: number }[] = []

  constructor(proxy: TcpProxy, random: Random, faults: readonly Fault[]) {
    this.#proxy = proxy
    this.#random = random
    this.#faults = faults
  }

  /** One fault after the other, with calm in between. */
  async blow(until: number): Promise<void> {
    while (performance.now() < until) {
      await sleep(this.#random.chance(0.3) ? this.#random.between(100, 900) : this.#random.between(1_200, 1_600))
      const outage = { from: performance.now(), to: Number.POSITIVE_INFINITY }
      this.#outages.push(outage)
      const fault = this.#random.one(this.#faults)
      this.#proxy[fault](isForCommands)
      if (fault !== 'reset') await sleep(this.#random.between(80, 700))
      this.#proxy.mend()
      outage.to = performance.now()
    }
  }

  readonly failures: Failures = {
    lostBy: (at) => Math.max(at, ...this.#outages.map(({ from, to }) => (from <= at && at < to ? to : 0))) + ON_THE_WAY_MS,
    calmFrom: (at) => {
      let calm = at
      for (const { from, to } of this.#outages) if (to > calm && from < calm + CALM_MS) calm = to
      return calm
    },
  }
}
