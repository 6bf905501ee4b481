import { expect } from 'vitest'
import { type GroupId, newId } from '../../src/ids.ts'
import { openStream } from '../../src/realtime/stream.ts'
import type { Scene } from './contract-stage.ts'

/** Rules 14 and 15 where nobody listens yet, or somebody listens elsewhere. */
export function deliveryRules(scene: Scene) {
  scene('14.3 a message goes to the device in that group only', async ({ ben, cleo, engine, hear, advance }) => {
    const elsewhere: unknown[] = []
    const other = newId<GroupId>()
    await engine.joinGroup({ ...ben.asker, groupId: other })
    await engine.messages(other, ben.sessionId, (message) => elsewhere.push(message))
    const here = await hear(ben)
    await cleo.revoke((await ben.talk('r1')).id)
    await advance(0)
    expect([here.length, elsewhere.length]).toEqual([1, 0])
  })

  // In a group that nobody listens to yet: where somebody does, a subscription that comes too late is not noticed.
  scene('15.1 what happens while a stream is opened is not lost', async ({ enter, engine, advance }) => {
    const groupId = newId<GroupId>()
    const ben = enter('ben', groupId)
    const [stream] = await Promise.all([openStream(engine.floorLog, groupId), ben.talk('r1')])
    await ben.release('r1')
    await advance(0)
    const told: number[] = []
    while ((told.at(-1) ?? 0) < 2) {
      const { value } = await stream.next()
      if (!value || value.kind === 'END') break
      told.push('snapshot' in value ? value.snapshot.sequence : value.floor.sequence)
    }
    expect(told).toEqual([0, 1, 2].slice(-told.length))
    await stream.return()
  })
}
