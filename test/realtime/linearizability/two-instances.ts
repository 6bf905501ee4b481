import { type BurstId, newId, type RequestId } from '../../../src/ids.ts'
import type { RealtimeEngine } from '../../../src/realtime/engine.ts'
import type { Random } from '../../stress/random.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { PRESS_WITHIN_MS } from './history.ts'
import { type Cast, type Finding, play } from './play.ts'
import { openInstance } from './redis-instance.ts'
import { FAIR, type Fault, Weather } from './weather.ts'

export interface Play extends Pick<Cast, 'groups' | 'devices' | 'operations' | 'quietMs' | 'thinkMs' | 'random'> {
  readonly ms: number
  /** What happens on the way to Redis, of one instance or of both. */
  readonly weather?: { readonly faults: readonly Fault[]; readonly on: 'ONE' | 'BOTH' }
  /** Changes the text of a Lua file. */
  readonly mend?: (file: string, text: string) => string
  /** Replaces a part of the engine that is no script; both instances know the same names. */
  readonly wrap?: (engine: RealtimeEngine, random: Random, lastNames: Map<BurstId, RequestId>) => RealtimeEngine
}

/** Lets devices talk over two instances that share one Redis and nothing else, in a key space of their own. */
export async function playOnTwo(redisPort: number, { ms, weather, mend, wrap = (engine) => engine, ...cast }: Play): Promise<Finding[]> {
  const space = `${newId()}-`
  await using proxy = await tcpProxy(redisPort)
  const url = (isWindy: boolean) => `redis://127.0.0.1:${isWindy ? proxy.port : redisPort}`
  // What was under way when the way broke is told here, and is what this is about.
  const options = { space, onError: () => {}, ...(mend && { mend }) }
  await using one = await openInstance(url(weather?.on === 'BOTH'), options)
  await using other = await openInstance(url(weather !== undefined), options)
  const wind = new Weather(proxy, cast.random, weather?.faults ?? [])
  const lastNames = new Map<BurstId, RequestId>()
  const ways = [
    { engine: wrap(one.engine, cast.random, lastNames), failures: weather?.on === 'BOTH' ? wind.failures : FAIR },
    { engine: wrap(other.engine, cast.random, lastNames), failures: weather ? wind.failures : FAIR },
  ] as const
  const until = performance.now() + ms
  const [findings] = await Promise.all([play({ ...cast, ways, pressWithinMs: PRESS_WITHIN_MS }, until), weather && wind.blow(until)])
  return findings
}
