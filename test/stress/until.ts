import { setTimeout as sleep } from 'node:timers/promises'
import { Stopwatch } from '../support/machine.ts'

/** Waits until it is true, and says after which time it was; fails with `what` if it takes longer, the time aside that a busy machine takes. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<number> {
  const watch = new Stopwatch()
  for (;;) {
    // One more look after the deadline: on a busy machine the last one may have been long before it.
    const isLast = watch.isPast(withinMs)
    if (await isTrue()) return watch.ms
    if (isLast) throw new Error(`${what}: not within ${withinMs} ms`)
    await sleep(5)
  }
}

/** How long something took, and what came of it. */
export async function timed<Result>(act: () => Promise<Result>): Promise<{ ms: number; result: Result }> {
  const began = performance.now()
  const result = await act()
  return { ms: performance.now() - began, result }
}

export interface Going extends Disposable {
  /** Ends it after the round that runs, and not before so many rounds; answers how many there were. */
  stop(atLeast?: number): Promise<number>
}

/** Runs something again and again until it is stopped; a failure of it is thrown at the stop. */
export function keepOn(act: (n: number) => Promise<unknown>, everyMs = 0): Going {
  let last = Number.POSITIVE_INFINITY
  let rounds = 0
  const running = (async () => {
    for (; rounds < last; rounds++) {
      await act(rounds)
      if (everyMs > 0) await sleep(everyMs)
    }
  })()
  // Thrown at the stop; until then nobody waits for it.
  running.catch(() => undefined)
  return {
    stop: async (atLeast = 0) => {
      last = Math.max(atLeast, Math.min(rounds + 1, last))
      await running
      return rounds
    },
    [Symbol.dispose]: () => {
      last = 0
    },
  }
}
