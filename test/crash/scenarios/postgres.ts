import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { keeping } from '../scenario.ts'

const LOOK_EVERY_MS = 1_000

export const postgres = [
  keeping('PostgreSQL is killed and away for long: talk goes on by name, and afterwards every burst is there once', async (stage, size) => {
    const groups = await stage.busyGroups(2)
    const { instances, postgres } = stage.cluster
    for (const instance of instances) instance.postgres.cut()
    await postgres.kill()
    for (let left = size.postgresAwayMs; left > 0; left -= LOOK_EVERY_MS) {
      const since = Date.now()
      await sleep(LOOK_EVERY_MS)
      const ready = await Promise.all(instances.map(({ url }) => fetch(`${url}/readyz`)))
      expect(ready.map(({ status }) => status)).toEqual(instances.map(() => 200))
      for (const { presses } of groups) {
        const grants = presses.grantsSince(since)
        expect(grants.length).toBeGreaterThan(0)
        for (const { burst } of grants) {
          expect(presses.names).toContain(burst.speaker.displayName)
          expect(burst.group.name).toBe('Night watch')
        }
      }
    }
    for (const instance of instances) instance.postgres.mend()
    for (const { presses } of groups) expect(presses.failures).toEqual([])
    await stage.settle(groups, { withinMs: 10_000, reasons: ['RELEASED'] })
    for (const { readers } of groups) for (const { closings } of readers) expect(closings).toEqual([])
  }),
]
