import type { Scenario } from './scenario.ts'
import { connections } from './scenarios/connections.ts'
import { limits } from './scenarios/limits.ts'
import { presence } from './scenarios/presence.ts'
import { priority } from './scenarios/priority.ts'
import { queue } from './scenarios/queue.ts'
import { races } from './scenarios/races.ts'
import { record } from './scenarios/record.ts'
import { redisHearing } from './scenarios/redis-hearing.ts'
import { redisLinks } from './scenarios/redis-links.ts'
import { rights } from './scenarios/rights.ts'
import { sockets } from './scenarios/sockets.ts'
import { streams } from './scenarios/streams.ts'

/** In the order in which they begin: those that take longest first. */
export const scenarios: readonly Scenario[] = [
  ...presence,
  ...limits,
  ...connections,
  ...queue,
  ...priority,
  ...streams,
  ...rights,
  ...races,
  ...sockets,
  ...record,
  ...redisLinks,
  ...redisHearing,
]
