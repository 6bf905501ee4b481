import { readFileSync } from 'node:fs'
import { buildSchema } from 'graphql'
import { describe, expect, test } from 'vitest'
import { play } from './cell.ts'
import { documentFor } from './play.ts'
import { REQUESTS } from './requests.ts'
import { fieldOf } from './rows.ts'
import { type Objects, type Stage } from './stage.ts'
import { unknownId } from './worlds.ts'

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))

const SAMPLES = 150
/**
 * How often one may be slower than the other, of all pairs: a half if there is no difference. By chance it is 0.033 off with so many samples;
 * one more question to the database makes it 0.2 and more.
 */
const NO_DIFFERENCE = { least: 0.38, most: 0.62 }

/** One operation for each way in which it is found out that something is not there: from memory, from the database, before a change. */
const MEASURED = [
  'Query.group',
  'Query.node (a member)',
  'Query.node (a membership)',
  'Mutation.requestTalk',
  "Mutation.revokeSession (a member's)",
]

/** For a test file that has set a stage. */
export const describeTimes = (on: () => Stage) =>
  describe('how long it takes says nothing either', () => {
    test.each(MEASURED)('A26 A27 %s: what is not yours takes as long as what is not there', async (name) => {
      const stage = on()
      const request = REQUESTS[name]
      if (!request) throw new Error(`there is no request ${name}`)
      const document = documentFor(schema, fieldOf(name))
      const unknown: Objects = {
        ...stage.objects,
        groupId: unknownId('Group'),
        userId: unknownId('User'),
        membershipId: unknownId('GroupMember'),
        sessionId: unknownId('Session'),
      }
      const time = async (objects: Objects) => {
        const since = performance.now()
        const { errors } = await play({
          stage,
          kind: 'outsider',
          transport: 'WebSocket',
          request,
          document,
          expected: 'NOT_FOUND',
          objects,
        })
        const took = performance.now() - since
        expect(errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
        return took
      }
      const [theirs, nowhere]: [number[], number[]] = [[], []]
      // One after the other and each first every second time, so that what else the machine does meets both.
      for (let round = 0; round < SAMPLES + 10; round += 1) {
        const order = [() => time(stage.objects).then((ms) => theirs.push(ms)), () => time(unknown).then((ms) => nowhere.push(ms))]
        for (const measure of round % 2 === 0 ? order : order.toReversed()) await measure()
      }
      const slower = shareOfSlower(theirs.slice(10), nowhere.slice(10))
      const medians = `medians ${median(theirs).toFixed(2)} and ${median(nowhere).toFixed(2)} ms`
      expect(slower, medians).toBeGreaterThan(NO_DIFFERENCE.least)
      expect(slower, medians).toBeLessThan(NO_DIFFERENCE.most)
    })
  })

/** Of all pairs the share in which the first is slower (the statistic of Mann and Whitney, divided by the number of pairs). */
function shareOfSlower(some: readonly number[], others: readonly number[]): number {
  const slower = some.flatMap((one) => others.map((other) => (one > other ? 1 : one === other ? 0.5 : 0)))
  return slower.reduce<number>((sum, share) => sum + share, 0) / slower.length
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
