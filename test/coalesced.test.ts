import { expect, test } from 'vitest'
import { coalesced } from '../src/coalesced.ts'

/** Runs that end when they are told to. */
function steps() {
  const runs: PromiseWithResolvers<void>[] = []
  const ask = coalesced(() => {
    const run = Promise.withResolvers<void>()
    runs.push(run)
    return run.promise
  })
  return { runs, ask }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('one run at a time; all who ask meanwhile share the next, which begins after they asked', async () => {
  const { runs, ask } = steps()
  const first = ask()
  const others = Array.from({ length: 100 }, () => ask())
  await turn()
  expect(runs).toHaveLength(1)
  runs[0]?.resolve()
  await first
  await turn()
  expect(runs).toHaveLength(2)
  let isOver = false
  void Promise.all(others).then(() => (isOver = true))
  await turn()
  expect(isOver).toBe(false)
  runs[1]?.resolve()
  await Promise.all(others)
  void ask()
  expect(runs).toHaveLength(3)
})

test('who asks at the very moment in which a run ends gets one that begins after that', async () => {
  const { runs, ask } = steps()
  const first = ask()
  // Told of the end before the next run begins.
  const third = first.then(() => ask())
  const second = ask()
  runs[0]?.resolve()
  await turn()
  expect(runs).toHaveLength(2)
  runs[1]?.resolve()
  await Promise.all([second, third])
  expect(runs).toHaveLength(2)
})

test('a run that fails fails for those who asked for it, and the next begins all the same', async () => {
  const { runs, ask } = steps()
  const first = ask()
  const second = ask()
  runs[0]?.reject(new Error('away'))
  await expect(first).rejects.toThrow('away')
  await turn()
  runs[1]?.resolve()
  await second
})
