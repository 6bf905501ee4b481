import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Refusal } from '../../src/errors.ts'
import { Admission } from '../../src/graphql/admission.ts'

/** What became of so many who came in one instant, in their order. */
async function crowd(admission: Admission, count: number) {
  const began = performance.now()
  const entered: number[] = []
  const refused: Refusal[] = []
  const all = Array.from({ length: count }, (_, n) =>
    admission.admit().then(
      () => entered.push(n),
      (reason: unknown) => refused.push(reason as Refusal),
    ),
  )
  const settled = async () => {
    await Promise.all(all)
    return performance.now() - began
  }
  // When all that happens at once has happened.
  await new Promise<void>((resolve) => process.nextTick(resolve))
  return { entered, refused, settled }
}

describe.concurrent('Admission', () => {
  test('a few get in at once, the rest one after the other in the order in which they came, at the rate', async () => {
    using admission = new Admission(400)
    const { entered, refused, settled } = await crowd(admission, 240)
    expect(entered).toHaveLength(40)
    expect(await settled()).toBeGreaterThan(450)
    expect(entered).toEqual(Array.from({ length: 240 }, (_, n) => n))
    expect(refused).toEqual([])
  })

  test('who would wait too long is told when to come back, each another time, before anything is done', async () => {
    using admission = new Admission(10)
    const { entered, refused } = await crowd(admission, 151)
    expect(entered).toHaveLength(1)
    expect(refused).toHaveLength(100)
    for (const { code, status, retryAfterMs = 0 } of refused) {
      expect({ code, status }).toEqual({ code: 'SERVICE_UNAVAILABLE', status: 503 })
      expect(retryAfterMs).toBeGreaterThanOrEqual(1_000)
      expect(retryAfterMs).toBeLessThanOrEqual(6_000)
    }
    expect(new Set(refused.map(({ retryAfterMs }) => retryAfterMs)).size).toBeGreaterThan(50)
  })

  test('when it ends all who wait are told to come back, and all who come', async () => {
    const admission = new Admission(1)
    const { refused, settled } = await crowd(admission, 4)
    admission[Symbol.dispose]()
    await settled()
    expect(refused).toHaveLength(3)
    await expect(admission.admit()).rejects.toBeInstanceOf(Refusal)
  })

  test('after a pause no more than a tenth of a second comes at once', async () => {
    using admission = new Admission(400)
    const first = await crowd(admission, 40)
    await first.settled()
    await sleep(500)
    const { entered } = await crowd(admission, 100)
    expect(entered).toHaveLength(40)
  })
})
