import { setTimeout as sleep } from 'node:timers/promises'
import type { RealtimeEngine } from '../../../src/realtime/engine.ts'
import type { Random } from '../../stress/random.ts'

/** An engine at the other end of a network: what is asked arrives in another order, and so do the answers. */
export function networked(engine: RealtimeEngine, random: Random): RealtimeEngine {
  const far =
    <Args extends unknown[], Answer>(ask: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      await sleep(random.between(0, 5))
      const answer = await ask(...args)
      await sleep(random.between(0, 5))
      return answer
    }
  return Object.assign(Object.create(engine) as RealtimeEngine, {
    requestTalk: far(engine.requestTalk),
    releaseTalk: far(engine.releaseTalk),
    renewTalk: far(engine.renewTalk),
    floorLog: { ...engine.floorLog, read: far(engine.floorLog.read) },
  })
}
