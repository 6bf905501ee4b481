import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { outcomeOf, release, renew, talk } from '../../stress/talk.ts'
import { until } from '../../stress/until.ts'
import { granted, sdkDevice } from '../../support/sdk-device.ts'
import { keeping } from '../scenario.ts'

/** Lease and sweep, and a little for this machine. */
const FREED_WITHIN_MS = 4_600

/** The instance of who talks dies or stands still. */
export const speaker = [
  keeping('the instance of the speaker is killed, its device goes on at another: nobody hears of it, it is one burst', async (stage) => {
    const busy = await stage.busyGroup()
    const { groupId, maya, ben } = await stage.trio()
    const readers = await stage.readers(maya, groupId)
    const line = await stage.line(stage.a)
    const radio = stage.own(await sdkDevice(line.url, ben.person.username)).talk(groupId)
    const cues: string[] = []
    radio.subscribe((_state, cue) => cue && cues.push(cue))
    await radio.ready()
    const { id } = await granted(radio)
    await sleep(stage.random.between(0, 1_300))
    await stage.a.kill()
    line.turnTo(stage.b.port)
    await sleep(5_500)
    expect(radio.isTalking).toBe(true)
    expect(cues).toEqual(['GRANTED'])
    for (const { changes } of readers) expect(changes).toEqual(['TAKEN'])
    radio.release()
    await stage.isRecorded(groupId, [`${id} RELEASED`])
    await stage.settle([busy])
  }),

  keeping('the instance of the speaker is killed and the device with it: the floor is free after 4.5 s, by one event', async (stage) => {
    const busy = await stage.busyGroup()
    const { groupId, maya, ben } = await stage.trio()
    const readers = await stage.readers(maya, groupId)
    const device = await stage.roamer(ben, groupId, stage.from(stage.a))
    const { id } = await device.talk('r1')
    await sleep(stage.random.between(0, 1_300))
    await stage.a.kill()
    await device.die()
    const ms = await until('IDLE at all', () => readers.every(({ last }) => last?.floor.state === 'IDLE'), 6_000)
    expect(ms).toBeLessThan(FREED_WITHIN_MS)
    await sleep(1_000)
    for (const { changes } of readers) expect(changes).toEqual(['TAKEN', 'IDLE'])
    for (const { events } of readers) expect(events.find(({ kind }) => kind === 'IDLE')?.previous?.endReason).toBe('CONNECTION_LOST')
    await stage.isRecorded(groupId, [`${id} CONNECTION_LOST`])
    await stage.settle([busy])
  }),

  keeping(
    'an instance stands still for 10 s with a renewal, a release and a press before it: a newer burst is not touched',
    async (stage) => {
      const busy = await stage.busyGroup()
      const { groupId, maya, ben, cleo } = await stage.trio()
      const readers = await stage.readers(maya, groupId)
      const device = await stage.roamer(cleo, groupId, stage.from(stage.b))
      const old = await talk(ben.at(stage.a), groupId, 'old')
      // Over connections of their own: one that is kept open might be given up by an instance that stood still, with what lies in it.
      const here = ben.at(await stage.line(stage.a))
      stage.a.pause()
      const began = performance.now()
      const late = Promise.all([renew(here, groupId, old.id), release(here, groupId, 'old'), outcomeOf(here, groupId, 'late')])
      late.catch(() => undefined) // awaited when the instance goes on
      const [, atB, atC] = readers
      await until('IDLE', () => [atB, atC].every((reader) => reader?.last?.kind === 'IDLE'), 6_000)
      const newer = await device.talk('new')
      await sleep(10_000 - (performance.now() - began))
      stage.a.resume()
      const [{ renewed }] = await late
      expect(renewed).toBe(false)
      await sleep(1_500)
      expect(device.renewals).not.toContain(false)
      await stage.allKnow(readers)
      for (const { last, changes } of readers) {
        expect(last?.floor.burst?.id).toBe(newer.id)
        expect(changes).toEqual(['TAKEN', 'IDLE', 'TAKEN'])
      }
      expect(await device.release('new')).toBe(true)
      await stage.isRecorded(groupId, [`${old.id} CONNECTION_LOST`, `${newer.id} RELEASED`])
      await stage.settle([busy])
    },
  ),
]
