import { expect } from 'vitest'
import { type GroupId, newId } from '../../src/ids.ts'
import { openMessages, openStream } from '../../src/realtime/stream.ts'
import type { Scene, Stage } from './contract-stage.ts'

/** Rules 14 to 16, 18, 20 and 24: what is told and recorded, in which order, and to whom. */
export function streamRules(scene: Scene) {
  scene(
    '14.1 floor and presence number separately, by one, in one epoch; groups do not share numbers',
    async ({ ben, engine, advance, ...stage }) => {
      await talkAndRelease(ben, 0, 3)
      await ben.leave()
      await advance(0)
      expect(stage.floorEvents.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6])
      expect(stage.presenceEvents.map(({ sequence }) => sequence)).toEqual([1, 2])
      expect(new Set([...stage.floorEvents, ...stage.presenceEvents].map(({ epoch }) => epoch)).size).toBe(1)
      const elsewhere = await engine.floorLog.read(newId<GroupId>())
      expect(elsewhere.snapshot.sequence).toBe(0)
    },
  )

  scene(
    '14.1 several events of one transition are numbered one after the other',
    async ({ ben, cleo, dan, eve, engine, groupId, ...stage }) => {
      await ben.talk('b1')
      for (const one of [cleo, dan, eve]) await one.wait('r1')
      await engine.closeGroup(groupId)
      await stage.told()
      expect(stage.floorEvents.map(({ sequence }) => sequence)).toEqual(stage.floorEvents.map((_, n) => n + 1))
      expect(stage.floorEvents.map(({ floor }) => floor.sequence)).toEqual(stage.floorEvents.map((_, n) => n + 1))
      expect((await stage.floor()).sequence).toBe(stage.floorEvents.length)
    },
  )

  scene(
    '14.2 every event carries the whole floor as it was after it, and the burst that it ended',
    async ({ ben, groupId, advance, floorEvents }) => {
      const burst = await ben.talk('r1')
      await advance(700)
      await ben.release('r1')
      await advance(0)
      expect(floorEvents[0]?.floor).toMatchObject({ groupId, state: 'TAKEN', sequence: 1, burst: { id: burst.id }, queueLength: 0 })
      expect(floorEvents[1]?.floor).toMatchObject({ groupId, state: 'IDLE', sequence: 2, burst: null })
      expect(floorEvents[1]?.previous).toMatchObject({ id: burst.id, endedAt: burst.startedAt + 700, endReason: 'RELEASED' })
    },
  )

  scene('14.3 a message goes to its device in its group, and to no other', async ({ ben, cleo, dan, hear, told, ...stage }) => {
    const others = [ben.otherDevice(), cleo, cleo.otherDevice(), dan.otherDevice(), ben.elsewhere(newId<GroupId>()), stage.eve]
    const unconcerned = await Promise.all(others.map(hear))
    const [holder, preemptor] = [await hear(ben), await hear(dan)]
    await ben.talk('b1')
    await dan.press('d1', { priority: 'HIGH' })
    await stage.advance(500)
    await told()
    expect(holder.map(({ kind, to }) => [kind, to === ben.sessionId])).toEqual([
      ['REVOKED', true],
      ['REVOKED', true],
    ])
    expect(preemptor.map(({ kind, to }) => [kind, to === dan.sessionId])).toEqual([['GRANTED', true]])
    expect(unconcerned).toEqual(others.map(() => []))
  })

  scene('14.3 a message carries the floor as its transition left it', async ({ ben, cleo, hear, told, floor }) => {
    const heard = await hear(ben)
    await ben.talk('b1')
    await cleo.press('c1', { priority: 'HIGH', preemptGraceMs: 0 })
    await told()
    expect(heard[0]?.floor).toEqual({ ...(await floor()), at: heard[0]?.floor.at })
  })

  scene('14.4 every end but a release is told to the holder', async ({ ben, hear, advance }) => {
    const heard = await hear(ben)
    await ben.talk('r1')
    await ben.release('r1')
    await ben.talk('r2')
    await advance(4_000)
    expect(heard).toMatchObject([{ kind: 'REVOKED', endReason: 'CONNECTION_LOST', graceMs: 0, requestId: 'r2' }])
  })

  scene(
    '15.1 a stream tells what was missed in order, then one snapshot, then what happens',
    async ({ ben, cleo, engine, groupId, advance, floor }) => {
      await ben.talk('r1')
      const seen = await floor()
      await ben.release('r1')
      await cleo.talk('r2')
      const stream = await openStream(engine.floorLog, groupId, seen)
      await cleo.release('r2')
      await advance(0)
      const kinds: unknown[] = []
      for (let n = 0; n < 4; n++) {
        const { value } = await stream.next()
        kinds.push(value && 'kind' in value ? [value.kind, 'gap' in value ? value.gap : null] : value)
      }
      expect(kinds).toEqual([
        ['IDLE', null],
        ['TAKEN', null],
        ['SNAPSHOT', false],
        ['IDLE', null],
      ])
      await stream.return()
    },
  )

  scene(
    '15.1 two hundred who begin to watch during a thousand presses all know who talks at the end',
    async ({ ben, engine, groupId, advance }) => {
      const streams: { last: () => number; states: string[] }[] = []
      const watch = async () => {
        const stream = await openStream(engine.floorLog, groupId)
        let last = -1
        const states: string[] = []
        const follow = async () => {
          for await (const item of stream) {
            if (item.kind === 'END') return
            const now = 'snapshot' in item ? item.snapshot : item.floor
            if ('snapshot' in item ? states.length > 0 && !item.gap : now.sequence !== last + 1) states.push(`broken at ${now.sequence}`)
            last = now.sequence
            states.push(now.state)
          }
        }
        void follow()
        streams.push({ last: () => last, states })
      }
      for (let n = 0; n < 1_000; n++) {
        if (n % 5 === 0) await watch()
        await talkAndRelease(ben, n, n + 1)
        if (n % 7 === 0) await advance(0)
      }
      await advance(0)
      const { snapshot } = await engine.floorLog.read(groupId)
      await expect.poll(() => streams.map(({ last }) => last()).filter((last) => last !== snapshot.sequence)).toEqual([])
      for (const { states } of streams) {
        expect(states.at(-1)).toBe('IDLE')
        expect(states.filter((state) => state.startsWith('broken'))).toEqual([])
      }
    },
  )

  scene('15.2 an unknown epoch and a log that was trimmed are a snapshot with a gap', async ({ ben, engine, groupId, floor }) => {
    await ben.talk('first')
    const old = await floor()
    expect(await engine.floorLog.read(groupId, { epoch: 'another', sequence: 1 })).toMatchObject({ missed: [], gap: true })
    await ben.release('first')
    await talkAndRelease(ben, 0, 300)
    expect(await engine.floorLog.read(groupId, old)).toMatchObject({ missed: [], gap: true, snapshot: { sequence: 602 } })
  })

  scene('15.3 a position ahead of the log is a gap; the newest one misses nothing', async ({ ben, engine, groupId, floor }) => {
    await ben.talk('r1')
    const now = await floor()
    expect(await engine.floorLog.read(groupId, now)).toMatchObject({ missed: [], gap: false })
    expect(await engine.floorLog.read(groupId, { ...now, sequence: now.sequence + 1 })).toMatchObject({ missed: [], gap: true })
  })

  scene('15.4 presence has the same shape', async ({ ben, cleo, engine, groupId }) => {
    await ben.join()
    const { snapshot: seen } = await engine.presenceLog.read(groupId)
    await cleo.join()
    await ben.leave()
    const { missed, gap, snapshot } = await engine.presenceLog.read(groupId, seen)
    expect(missed.map(({ kind, sequence, member }) => [kind, sequence, member.person.username])).toEqual([
      ['JOINED', 2, 'cleo'],
      ['LEFT', 3, 'ben'],
    ])
    expect([gap, snapshot.sequence, snapshot.everyone.length]).toEqual([false, 3, 1])
    expect(await engine.presenceLog.read(groupId, { epoch: 'another', sequence: 1 })).toMatchObject({ missed: [], gap: true })
  })

  scene('15.1 who ended a subscription hears nothing more', async ({ ben, engine, groupId, advance }) => {
    const heard: unknown[] = []
    const stops = [
      await engine.floorLog.subscribe(groupId, (event) => heard.push(event)),
      await engine.presenceLog.subscribe(groupId, (event) => heard.push(event)),
      await engine.messages(groupId, ben.sessionId, (message) => heard.push(message)),
      engine.record((entry) => heard.push(entry)),
    ]
    for (const stop of stops) stop()
    await ben.talk('r1')
    await advance(4_000)
    expect(heard).toEqual([])
  })

  scene('16.1 a slow reader gets the newest state in place of what it missed', async ({ ben, engine, groupId, advance }) => {
    const slow = await openStream(engine.floorLog, groupId)
    await slow.next()
    for (let n = 0; n < 50; n++) {
      await talkAndRelease(ben, n, n + 1)
      await advance(0)
    }
    expect((await slow.next()).value).toMatchObject({ kind: 'SNAPSHOT', gap: true, snapshot: { sequence: 100 } })
    await ben.talk('last')
    await advance(0)
    expect((await slow.next()).value).toMatchObject({ kind: 'TAKEN', sequence: 101 })
  })

  scene('16.2 the stream of a reader that never reads is ended', async ({ ben, engine, groupId, advance }) => {
    const dead = await openStream(engine.floorLog, groupId)
    for (let n = 0; n < 70; n++) {
      await talkAndRelease(ben, n, n + 1)
      await advance(0)
    }
    const rest: unknown[] = []
    for await (const item of dead) rest.push(item)
    expect(rest).toEqual([{ kind: 'END', code: 'SLOW_CONSUMER' }])
  })

  scene('16.2 so are the messages of a device that never reads', async ({ ben, cleo, engine, groupId, advance }) => {
    const dead = await openMessages(engine, groupId, ben.sessionId)
    for (let n = 0; n < 70; n++) {
      const burst = await ben.talk(`r${n}`)
      await cleo.revoke(burst.id)
    }
    await advance(0)
    const last: unknown[] = []
    for await (const item of dead) last.push(item)
    expect(last.at(-1)).toEqual({ kind: 'END', code: 'SLOW_CONSUMER' })
  })

  scene('16.3 a reader that never reads slows nobody', async ({ ben, engine, groupId, advance, floorEvents }) => {
    await openStream(engine.floorLog, groupId)
    await talkAndRelease(ben, 0, 200)
    await advance(0)
    await expect.poll(() => floorEvents.length).toBe(400)
  })

  scene('18.1 a burst goes on if it is renewed over any connection within its lease', async ({ ben, advance, floor, told }) => {
    const burst = await ben.talk('r1')
    await ben.disconnect()
    await advance(1_999)
    expect(await ben.over(null).renew(burst.id)).toMatchObject({ renewed: true })
    await advance(3_999)
    expect((await floor()).burst?.id).toBe(burst.id)
    expect(await told()).toHaveLength(1)
  })

  scene('18.2 stopping an engine releases nobody', async ({ anotherEngine }) => {
    const stage = await anotherEngine(5)
    const burst = await stage.ben.talk('r1')
    await stage[Symbol.asyncDispose]()
    await stage.advance(10_000)
    expect(stage.floorEvents.filter(({ previous }) => previous !== null)).toEqual([])
    expect(stage.recorded()).toMatchObject([{ id: burst.id, endedAt: null }])
  })

  scene('19.1 every floor event names the holder by its device', async ({ ben, told, floorEvents, floor }) => {
    const second = ben.otherDevice()
    await second.talk('r1')
    await told()
    expect(floorEvents[0]?.floor.burst?.sessionId).toBe(second.sessionId)
    expect((await floor()).burst?.sessionId).toBe(second.sessionId)
  })

  scene(
    '20.1 the record has every burst open at its grant and closed with its end, each time whole',
    async ({ ben, cleo, advance, recorded }) => {
      const burst = await ben.talk('r1')
      await advance(0)
      expect(recorded()).toEqual([burst])
      await cleo.wait('r2')
      await advance(1_000)
      await ben.release('r1')
      await advance(0)
      expect(recorded()[1]).toEqual({ ...burst, endedAt: burst.startedAt + 1_000, endReason: 'RELEASED' })
      expect(recorded()[2]).toMatchObject({ speaker: cleo.person, startedAt: burst.startedAt + 1_000, endedAt: null })
    },
  )

  scene('20.3 whatever ends a burst, it has one end', async ({ ben, cleo, engine, groupId, advance, recorded }) => {
    const burst = await ben.talk('r1')
    await Promise.all([
      ben.release('r1'),
      cleo.revoke(burst.id),
      ben.leave(),
      engine.forbidTalk({ groupId, userId: ben.person.id }),
      engine.evict({ groupId, userId: ben.person.id, reason: 'MEMBER_REMOVED' }),
      engine.closeGroup(groupId),
    ])
    await advance(60_000)
    expect(recorded().filter(({ endReason }) => endReason !== null)).toHaveLength(1)
  })

  scene(
    '24.1 a voice session opens with the first burst, and those that follow belong to it',
    async ({ ben, cleo, advance, recordedSessions }) => {
      const first = await ben.talk('r1')
      await cleo.wait('c1')
      const { burst } = (await ben.release('r1')).floor
      expect(burst?.voiceSessionId).toBe(first.voiceSessionId)
      await cleo.release('c1')
      await advance(59_999)
      expect((await ben.talk('r2')).voiceSessionId).toBe(first.voiceSessionId)
      expect(recordedSessions()).toMatchObject([{ id: first.voiceSessionId, startedAt: first.startedAt, endedAt: null }])
    },
  )

  scene('24.2 it ends 60 s after the end of its last burst, by itself', async ({ ben, groupId, advance, recordedSessions }) => {
    const first = await ben.talk('r1')
    await advance(1_000)
    await ben.release('r1')
    await advance(60_000)
    const { voiceSessionId: id, startedAt } = first
    expect(recordedSessions()).toEqual([
      { id, groupId, startedAt, endedAt: null },
      { id, groupId, startedAt, endedAt: startedAt + 61_000 },
    ])
    const next = await ben.talk('r2')
    expect(next.voiceSessionId).not.toBe(id)
    expect(recordedSessions().at(-1)).toMatchObject({ id: next.voiceSessionId, endedAt: null })
  })

  scene('24.2 it does not end while somebody talks, however long', async ({ ben, keepTalking, recordedSessions }) => {
    const burst = await ben.talk('r1', { talkLimitMs: 300_000 })
    await keepTalking(ben, burst.id, 200_000)
    expect(recordedSessions()).toHaveLength(1)
  })

  scene('24.3 it ends with the group', async ({ ben, engine, groupId, advance, recordedSessions }) => {
    const burst = await ben.talk('r1')
    await advance(2_000)
    await engine.closeGroup(groupId)
    await advance(60_000)
    expect(recordedSessions().slice(1)).toMatchObject([{ id: burst.voiceSessionId, endedAt: burst.startedAt + 2_000 }])
  })
}

async function talkAndRelease(device: Stage['ben'], from: number, to: number) {
  for (let n = from; n < to; n++) {
    await device.talk(`r${n}`)
    await device.release(`r${n}`)
  }
}
