import { describe, expect, test } from 'vitest'
import { drain } from '../../src/graphql/drain.ts'

/** So many sockets; those that are said to talk do so until they are told not to. */
function stage(count: number, talking: readonly number[] = []) {
  const sockets = new Set(Array.from({ length: count }, (_, n) => n))
  const talk = new Set(talking)
  const left: { readonly socket: number; readonly ms: number }[] = []
  const began = performance.now()
  const options = (patienceMs: number) => ({
    close: (socket: number) => {
      left.push({ socket, ms: performance.now() - began })
      sockets.delete(socket)
    },
    isTalking: (socket: number) => talk.has(socket),
    patienceMs,
  })
  return { sockets, talk, left, options }
}

describe.concurrent('drain', () => {
  test('200 sockets leave over a second, in no order, each once', async () => {
    const { sockets, left, options } = stage(200)
    await drain(sockets, options(0))
    expect(left.map(({ socket }) => socket).toSorted((one, other) => one - other)).toEqual(Array.from({ length: 200 }, (_, n) => n))
    expect(left.map(({ socket }) => socket)).not.toEqual(Array.from({ length: 200 }, (_, n) => n))
    expect(left.filter(({ ms }) => ms < 250).length).toBeLessThan(100)
    expect(left.filter(({ ms }) => ms > 500).length).toBeGreaterThan(50)
    expect(new Set(left.map(({ ms }) => Math.floor(ms / 100))).size).toBeGreaterThan(4)
  })

  test('a few leave at once', async () => {
    const { sockets, left, options } = stage(5)
    await drain(sockets, options(10_000))
    expect(left.at(-1)?.ms).toBeLessThan(500)
  })

  test('who talks leaves when it has finished, and when patience is over', async () => {
    const { sockets, talk, left, options } = stage(20, [3, 4])
    const drained = drain(sockets, options(600))
    setTimeout(() => talk.delete(3), 300)
    await drained
    const leftAt = (wanted: number) => left.find(({ socket }) => socket === wanted)?.ms
    expect(left.slice(-2).map(({ socket }) => socket)).toEqual([3, 4])
    expect(leftAt(3)).toBeGreaterThanOrEqual(295)
    expect(leftAt(4)).toBeGreaterThanOrEqual(595)
  })

  test('without patience nobody is waited for, and who has gone by itself is not closed', async () => {
    const { sockets, left, options } = stage(40, [1])
    const drained = drain(sockets, options(0))
    sockets.delete(7)
    await drained
    expect(left).toHaveLength(39)
    expect(left.map(({ socket }) => socket)).not.toContain(7)
  })
})
