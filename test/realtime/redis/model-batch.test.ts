import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Batch } from '../../../src/realtime/redis/batch.ts'

const EVERY_MS = 40

test('what is asked while a batch waits goes with the next, and everybody gets an answer of its own', async () => {
  const batches: number[][] = []
  using batch = new Batch<number, number>(EVERY_MS, async (items) => {
    batches.push([...items])
    return items.map((item) => item * 10)
  })
  const first = await batch.ask(1)
  const began = performance.now()
  expect([first, ...(await Promise.all([2, 3, 4].map((item) => batch.ask(item))))]).toEqual([10, 20, 30, 40])
  expect(performance.now() - began).toBeGreaterThan(EVERY_MS / 2)
  expect(batches).toEqual([[1], [2, 3, 4]])
})

test('a batch that fails fails for everybody in it, and for nobody after it', async () => {
  let isAway = true
  using batch = new Batch<number, number>(0, async (items) => {
    if (isAway) throw new Error('away')
    return items
  })
  const failed = await Promise.allSettled([batch.ask(1), batch.ask(2)])
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  isAway = false
  expect(await batch.ask(3)).toBe(3)
})

test('who still waits at the end is told so', async () => {
  const batch = new Batch<number, number>(EVERY_MS, async (items) => items)
  await batch.ask(1)
  const waiting = batch.ask(2)
  batch[Symbol.dispose]()
  await expect(Promise.race([waiting, sleep(2 * EVERY_MS)])).rejects.toThrow('stopped')
})
