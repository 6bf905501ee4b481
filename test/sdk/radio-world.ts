import { randomNumbers } from '../../prisma/seed.ts'
import { type Cue, TalkSession } from '../../sdk/src/index.ts'
import { type GroupId, newId } from '../../src/ids.ts'
import { MemoryEngine } from '../../src/realtime/memory/memory-engine.ts'
import { actor } from '../realtime/actors.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { DeviceClock } from './device-clock.ts'
import { EnginePort } from './engine-port.ts'

/** The radio of the SDK in the hand of Ben, and others in the same group, in a time that stands still. */
export async function radioWorld({ pressRate = 1_000, seed = 7 } = {}) {
  const time = new ManualClock()
  const onError = (error: unknown) => {
    throw error
  }
  const engine = new MemoryEngine({ clock: time, pressRate, epoch: newId(), fencingToken: 0n, onError })
  const groupId = newId<GroupId>()
  const [ben, cleo, dan] = [actor(engine, groupId, 'ben'), actor(engine, groupId, 'cleo'), actor(engine, groupId, 'dan')]
  const clock = new DeviceClock(time)
  const port = new EnginePort({ engine, clock, groupId, person: ben.person })
  await port.open()
  const cues: Cue[] = []
  const radio = new TalkSession({
    port,
    environment: { clock, random: randomNumbers(seed), fetch: globalThis.fetch, WebSocket: null },
    userId: async () => ben.person.id,
    onClose: () => undefined,
  })
  radio.subscribe((_state, cue) => cue && cues.push(cue))
  radio.start()
  // What a server does with every open socket.
  const ping = () => {
    time.wakeAt(time.now() + 4_000, ping)
    if (port.hasSocket && port.weather === 'FINE') void engine.heartbeat({ sessionId: port.sessionId })
  }
  ping()
  await time.advance(0)
  return {
    time,
    engine,
    groupId,
    clock,
    port,
    radio,
    cues,
    cleo,
    dan,
    /** Who holds the floor, by the server. */
    holder: async () => (await engine.floorLog.read(groupId)).snapshot.burst,
    async [Symbol.asyncDispose]() {
      void radio.close()
      await engine[Symbol.asyncDispose]()
    },
  }
}

export type RadioWorld = Awaited<ReturnType<typeof radioWorld>>
