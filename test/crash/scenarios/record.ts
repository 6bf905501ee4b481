import { expect } from 'vitest'
import { until } from '../../stress/until.ts'
import { keeping } from '../scenario.ts'
import type { CrashStage } from '../stage.ts'

/** The instance kills itself there, as soon as it has something of the record in hand. */
const POINTS = {
  'record.beforeCommit': 'before PostgreSQL has it',
  'record.afterCommit': 'after PostgreSQL has it, before Redis is told',
  'record.afterAck': 'after Redis has been told',
} as const

async function diesAt(stage: CrashStage, point: string, times: number): Promise<void> {
  const groups = await stage.busyGroups(2)
  for (let n = 0; n < times; n++) {
    await stage.a.kill()
    // It may die before it has said that it is ready.
    await stage.a.start({ NEDA_FAIL_AT: point }).catch(() => undefined)
    await until('it has died there', () => !stage.a.isRunning)
  }
  const since = Date.now()
  await until('talk goes on', () => groups.every(({ presses }) => presses.grantsSince(since).length > 2))
  const rows = await stage.settle(groups)
  expect(rows.length).toBeGreaterThan(0)
}

export const record = Object.entries(POINTS).map(([point, when]) =>
  keeping(
    `an instance dies with a piece of the record in hand, ${when}: another takes over, every burst is there once`,
    (stage, { instanceDeaths }) => diesAt(stage, point, instanceDeaths),
  ),
)
