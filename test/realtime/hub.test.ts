import { expect, test } from 'vitest'
import { Hub } from '../../src/realtime/hub.ts'

test('what is published just as a slice ends with its event is told once, to everybody', async () => {
  const hub = new Hub<number>(() => {})
  const heard: number[][] = Array.from({ length: 199 }, () => [])
  for (const one of heard) hub.subscribe('group', (event) => one.push(event))
  for (let event = 0; event < 20; event++) {
    hub.publish('group', event)
    for (let turn = 0; turn <= event % 4; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
  const all = Array.from({ length: 20 }, (_, event) => event)
  expect(heard).toEqual(heard.map(() => all))
})
