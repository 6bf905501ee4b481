import { Refusal } from '../errors.ts'
import type { EventLog, RealtimeEngine } from './engine.ts'
import type { Position } from './events.ts'

/** An engine that has not answered by then is taken for unreachable: the caller is told within 600 ms. */
const ANSWER_WITHIN_MS = 500

/**
 * Turns every failure and every silence of an engine into REALTIME_UNAVAILABLE. A press is then refused, never granted from memory.
 */
export function failClosed(engine: RealtimeEngine, onError: (error: unknown) => void): RealtimeEngine {
  const inTime =
    <Args extends unknown[], Result>(ask: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      let timer: NodeJS.Timeout | undefined
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('the engine does not answer')), ANSWER_WITHIN_MS)
      })
      try {
        return await Promise.race([ask(...args), silence])
      } catch (error) {
        onError(error)
        throw new Refusal('REALTIME_UNAVAILABLE')
      } finally {
        clearTimeout(timer)
      }
    }
  const log = <Event extends Position, Snapshot extends Position>(inner: EventLog<Event, Snapshot>): EventLog<Event, Snapshot> => ({
    subscribe: inTime(inner.subscribe.bind(inner)),
    read: inTime(inner.read.bind(inner)),
  })
  return {
    name: engine.name,
    requestTalk: inTime(engine.requestTalk.bind(engine)),
    renewTalk: inTime(engine.renewTalk.bind(engine)),
    releaseTalk: inTime(engine.releaseTalk.bind(engine)),
    revokeTalk: inTime(engine.revokeTalk.bind(engine)),
    joinGroup: inTime(engine.joinGroup.bind(engine)),
    leaveGroup: inTime(engine.leaveGroup.bind(engine)),
    heartbeat: inTime(engine.heartbeat.bind(engine)),
    connectionClosed: inTime(engine.connectionClosed.bind(engine)),
    evict: inTime(engine.evict.bind(engine)),
    forbidTalk: inTime(engine.forbidTalk.bind(engine)),
    muteMember: inTime(engine.muteMember.bind(engine)),
    unmuteMember: inTime(engine.unmuteMember.bind(engine)),
    mutedUntil: inTime(engine.mutedUntil.bind(engine)),
    closeGroup: inTime(engine.closeGroup.bind(engine)),
    messages: inTime(engine.messages.bind(engine)),
    floorLog: log(engine.floorLog),
    presenceLog: log(engine.presenceLog),
    record: engine.record.bind(engine),
    [Symbol.asyncDispose]: engine[Symbol.asyncDispose].bind(engine),
  }
}
