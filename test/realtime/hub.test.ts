import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Hub } from '../../src/realtime/hub.ts'

test('what is published just as a slice ends with its event is told once, to everybody', async () => {
  const hub = new Hub<number>(() => {})
  const heard: number[][] = Array.from({ length: 199 }, () => [])
  for (const one of heard) hub.subscribe('group', (event) => one.push(event))
  for (let event = 0; event < 20; event++) {
    hub.publish('group', event)
    for (let turn = 0; turn <= event % 4; turn++) await nextTurn()
  }
  for (let turn = 0; turn < 100; turn++) await nextTurn()
  const all = Array.from({ length: 20 }, (_, event) => event)
  expect(heard).toEqual(heard.map(() => all))
})

test('16.3 nobody is told within the press, and no more than a hundred before whatever else waits has its turn', async () => {
  const hub = new Hub<string>(() => {})
  let heard = 0
  for (let reader = 0; reader < 1_000; reader++) hub.subscribe('group', () => (heard += 1))
  hub.publish('group', 'an event')
  expect(heard).toBe(0)
  const slices: number[] = []
  for (let turn = 0; turn < 20; turn++) {
    const before = heard
    await nextTurn()
    slices.push(heard - before)
  }
  expect(heard).toBe(1_000)
  expect(Math.max(...slices)).toBeLessThanOrEqual(100)
})
