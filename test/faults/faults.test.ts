import { expect, test } from 'vitest'
import { BEYOND } from './fault.ts'
import { faults } from './faults.ts'
import { misfits } from './fitting.ts'
import { textOf } from './project-copy.ts'

/** Rules that the engine in this process has nothing to do for: state that is elsewhere, and media. */
const WITHOUT_FAULT = ['17', '19']

const spec = textOf('src/realtime/SPEC.md')
const rules = [...spec.matchAll(/^## (\d+) /gm)].map(([, rule]) => rule ?? '')
const statements = [...spec.matchAll(/^- (\d+\.\d+) /gm)].map(([, statement]) => statement ?? '')

test('every fault can be planted, and caught: its text stands exactly once in its file, and its tests are there', () => {
  expect(misfits(faults)).toEqual([])
})

test('every rule has a fault, and so has each part that no rule speaks of', () => {
  const broken = new Set(faults.map(({ rule }) => rule.split('.')[0]))
  expect(rules).toHaveLength(24)
  expect(rules.filter((rule) => !broken.has(rule) && !WITHOUT_FAULT.includes(rule))).toEqual([])
  expect(BEYOND.filter((part) => !broken.has(part))).toEqual([])
})

test('every fault breaks a statement of the specification or is beyond it, and has a name of its own', () => {
  expect(
    faults.filter(({ rule }) => !statements.includes(rule) && !BEYOND.includes(rule)).map(({ rule, name }) => `${rule} ${name}`),
  ).toEqual([])
  expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length)
})
