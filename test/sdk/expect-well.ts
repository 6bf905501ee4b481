import { expect } from 'vitest'
import type { Outcome } from './endurance-run.ts'

/** Nothing is wrong with any of them, and something happened to each. */
export function expectWell(outcomes: readonly Outcome[]): void {
  expect(outcomes.map(({ device, problems }) => [device, problems])).toEqual(outcomes.map(({ device }) => [device, []]))
  for (const { report, faults } of outcomes) expect([report.events.length > 5, faults > 0]).toEqual([true, true])
}
