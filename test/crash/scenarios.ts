import type { Scenario } from './scenario.ts'
import { instances } from './scenarios/all-instances.ts'
import { people } from './scenarios/people.ts'
import { postgres } from './scenarios/postgres.ts'
import { record } from './scenarios/record.ts'
import { redisForgets } from './scenarios/redis-forgets.ts'
import { redisReturns } from './scenarios/redis-returns.ts'
import { rights } from './scenarios/rights.ts'
import { speaker } from './scenarios/speaker.ts'
import { start } from './scenarios/start.ts'

export const scenarios: readonly Scenario[] = [
  ...speaker,
  ...people,
  ...redisReturns,
  ...postgres,
  ...instances,
  ...record,
  ...rights,
  ...start,
  ...redisForgets,
]
