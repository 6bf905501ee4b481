import { Refusal } from '../errors.ts'
import type { EventLog, RealtimeEngine } from './engine.ts'
import type { Position } from './events.ts'
import { inTime } from './in-time.ts'

/** An engine that has not answered by then is taken for unreachable: the caller is told within 600 ms. */
const ANSWER_WITHIN_MS = 500

/**
 * Turns every failure and every silence of an engine into REALTIME_UNAVAILABLE. A press is then refused, never granted from memory.
 */
export function failClosed(engine: RealtimeEngine, onError: (error: unknown) => void): RealtimeEngine {
  const closed =
    <Args extends unknown[], Result>(ask: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      try {
        return await inTime(ask(...args), ANSWER_WITHIN_MS, 'the engine does not answer')
      } catch (error) {
        onError(error)
        throw new Refusal('REALTIME_UNAVAILABLE')
      }
    }
  const log = <Event extends Position, Snapshot extends Position>(inner: EventLog<Event, Snapshot>): EventLog<Event, Snapshot> => ({
    subscribe: closed(inner.subscribe.bind(inner)),
    read: closed(inner.read.bind(inner)),
  })
  return {
    name: engine.name,
    requestTalk: closed(engine.requestTalk.bind(engine)),
    renewTalk: closed(engine.renewTalk.bind(engine)),
    releaseTalk: closed(engine.releaseTalk.bind(engine)),
    revokeTalk: closed(engine.revokeTalk.bind(engine)),
    joinGroup: closed(engine.joinGroup.bind(engine)),
    leaveGroup: closed(engine.leaveGroup.bind(engine)),
    heartbeat: closed(engine.heartbeat.bind(engine)),
    connectionClosed: closed(engine.connectionClosed.bind(engine)),
    evict: closed(engine.evict.bind(engine)),
    forbidTalk: closed(engine.forbidTalk.bind(engine)),
    muteMember: closed(engine.muteMember.bind(engine)),
    unmuteMember: closed(engine.unmuteMember.bind(engine)),
    mutedUntil: closed(engine.mutedUntil.bind(engine)),
    closeGroup: closed(engine.closeGroup.bind(engine)),
    messages: closed(engine.messages.bind(engine)),
    floorLog: log(engine.floorLog),
    presenceLog: log(engine.presenceLog),
    holders: engine.holders.bind(engine),
    record: engine.record.bind(engine),
    recorded: engine.recorded.bind(engine),
    answers: engine.answers.bind(engine),
    [Symbol.asyncDispose]: engine[Symbol.asyncDispose].bind(engine),
  }
}
