import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BurstId, type ConnectionId, type GroupId, newId } from '../../src/ids.ts'
import type { RealtimeEngine } from '../../src/realtime/engine.ts'
import type { FloorEvent, FloorMessage, PresenceEvent, RecordEntry } from '../../src/realtime/events.ts'
import { openStream } from '../../src/realtime/stream.ts'
import { type Actor, actor } from './actors.ts'

/** An engine under test, and the time it lives in. */
export interface EngineUnderTest extends AsyncDisposable {
  readonly engine: RealtimeEngine
  now(): number
  /** Lets engine time pass, deadlines fall and everything told arrive. */
  advance(ms: number): Promise<void>
}

/**
 * What every engine does, whatever it is built of. A test's name begins with the number of its rule in src/realtime/SPEC.md.
 */
export function engineContract(name: string, create: (options: { pressRate: number }) => Promise<EngineUnderTest>) {
  describe(`engine contract: ${name}`, () => {
    let it: EngineUnderTest
    let groupId: GroupId
    let ben: Actor
    let cleo: Actor
    let floorEvents: FloorEvent[]
    let presenceEvents: PresenceEvent[]
    let record: RecordEntry[]

    beforeEach(async () => {
      it = await create({ pressRate: 1_000 })
      groupId = newId<GroupId>()
      ben = actor(it.engine, groupId, 'ben')
      cleo = actor(it.engine, groupId, 'cleo')
      // Each test its own lists: an engine may still tell the last of what happened in the test before.
      const floors: FloorEvent[] = []
      const presences: PresenceEvent[] = []
      const entries: RecordEntry[] = []
      await it.engine.floorLog.subscribe(groupId, (event) => floors.push(event))
      await it.engine.presenceLog.subscribe(groupId, (event) => presences.push(event))
      it.engine.record((entry) => entries.push(entry))
      floorEvents = floors
      presenceEvents = presences
      record = entries
    })
    afterEach(() => it[Symbol.asyncDispose]())

    const told = async () => {
      await it.advance(0)
      return floorEvents.map(({ kind, floor, previous }) => [kind, floor.burst?.speaker.username ?? null, previous?.endReason ?? null])
    }
    const present = async () => {
      await it.advance(0)
      return presenceEvents.map(({ kind, member }) => [kind, member.person.username, member.devices])
    }
    const floor = async () => (await it.engine.floorLog.read(groupId)).snapshot
    const hear = async (device: Actor) => {
      const heard: FloorMessage[] = []
      await it.engine.messages(groupId, device.sessionId, (message) => heard.push(message))
      return heard
    }
    /** Renews like a device does, for so long. */
    const keepTalking = async (device: Actor, burstId: BurstId, ms: number) => {
      for (let left = ms; left > 0; left -= 1_300) {
        await it.advance(Math.min(left, 1_300))
        await device.renew(burstId)
      }
    }

    test('1 of fifty who press at once exactly one is granted, and all others are told who talks', async () => {
      const all = Array.from({ length: 50 }, (_, n) => actor(it.engine, groupId, `u${n}`))
      const answers = await Promise.all(all.map((one) => one.press('r')))
      const granted = answers.filter(({ outcome }) => outcome === 'GRANTED')
      expect(granted).toHaveLength(1)
      const speaker = granted[0]?.burst?.speaker.id
      for (const answer of answers) expect(answer.floor.burst?.speaker.id).toBe(speaker)
      expect(answers.filter(({ denyReason }) => denyReason === 'FLOOR_TAKEN')).toHaveLength(49)
      expect(await told()).toHaveLength(1)
    })

    test('2 fencing tokens grow with every grant, also within one instant', async () => {
      let last = 0n
      for (let n = 0; n < 20; n++) {
        const burst = await ben.talk(`r${n}`)
        expect(burst.fencingToken).toBeGreaterThan(last)
        last = burst.fencingToken
        await ben.release(`r${n}`)
      }
    })

    test('2 a release, renewal or revoke of an older burst never touches a newer one', async () => {
      const first = await ben.talk('r1')
      await it.advance(4_000)
      const second = await cleo.talk('r2')
      expect(await ben.release('r1')).toMatchObject({ released: true, floor: { burst: { id: second.id } } })
      expect(await ben.renew(first.id)).toMatchObject({ renewed: false, floor: { burst: { id: second.id } } })
      expect(await ben.revoke(first.id)).toMatchObject({ revoked: false, floor: { burst: { id: second.id } } })
      expect((await floor()).burst?.id).toBe(second.id)
      expect(await told()).toEqual([
        ['TAKEN', 'ben', null],
        ['IDLE', null, 'CONNECTION_LOST'],
        ['TAKEN', 'cleo', null],
      ])
    })

    test('3 a refusal is an answer that names who talks; being alone is no reason for one', async () => {
      const burst = await ben.talk('r1')
      const answer = await cleo.press('r2')
      expect(answer).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN', retryAfterMs: 30_000, burst: null, remainingMs: null })
      expect(answer.floor).toMatchObject({ state: 'TAKEN', burst: { id: burst.id, speaker: ben.person } })
    })

    test('3 listenerCount counts other users, not their devices', async () => {
      expect((await ben.press('alone')).listenerCount).toBe(0)
      await ben.release('alone')
      await cleo.join()
      await cleo.otherDevice().join()
      await ben.otherDevice().join()
      expect((await ben.press('heard')).listenerCount).toBe(1)
    })

    test('3 who may only listen is refused before the floor is looked at', async () => {
      expect(await ben.press('r1', { canTalk: false })).toMatchObject({ outcome: 'DENIED', denyReason: 'RECEIVE_ONLY', retryAfterMs: null })
      await cleo.talk('r2')
      expect(await ben.press('r3', { canTalk: false })).toMatchObject({ outcome: 'DENIED', denyReason: 'RECEIVE_ONLY' })
    })

    test('4 a repeat answers the same burst with the time that remains, and tells nobody', async () => {
      const burst = await ben.talk('r1')
      await it.advance(1_000)
      const repeat = await ben.press('r1')
      expect(repeat).toMatchObject({ outcome: 'GRANTED', remainingMs: 29_000, burst: { id: burst.id, startedAt: burst.startedAt } })
      expect(await told()).toEqual([['TAKEN', 'ben', null]])
    })

    test('4 a repeat after the end answers ENDED with that burst, and is never granted again', async () => {
      const burst = await ben.talk('r1')
      await it.advance(500)
      await ben.release('r1')
      expect(await ben.press('r1')).toMatchObject({
        outcome: 'ENDED',
        burst: { id: burst.id, endReason: 'RELEASED', endedAt: burst.startedAt + 500 },
      })
      expect((await floor()).state).toBe('IDLE')
    })

    test('4 a request is remembered for ten minutes after its end', async () => {
      await ben.talk('r1')
      await ben.release('r1')
      await it.advance(600_000 - 1)
      expect((await ben.press('r1')).outcome).toBe('ENDED')
      await it.advance(60_001)
      expect((await ben.press('r1')).outcome).toBe('GRANTED')
    })

    test('4 a release that overtakes its request cancels it, also much later', async () => {
      expect(await ben.release('r1')).toMatchObject({ released: false, floor: { state: 'IDLE' } })
      await it.advance(10_000)
      expect(await ben.press('r1')).toMatchObject({ outcome: 'CANCELLED', burst: null, floor: { state: 'IDLE' } })
      expect(await ben.release('r1')).toMatchObject({ released: false })
      expect(await told()).toEqual([])
    })

    test('4 a second request of the holder is the same burst; releasing the old name changes nothing', async () => {
      const burst = await ben.talk('r1')
      await it.advance(1_000)
      expect(await ben.press('r2')).toMatchObject({ outcome: 'GRANTED', remainingMs: 29_000, burst: { id: burst.id } })
      expect(await ben.release('r1')).toMatchObject({ released: false, floor: { state: 'TAKEN' } })
      expect(await ben.press('r1')).toMatchObject({ outcome: 'GRANTED', burst: { id: burst.id } })
      expect(await ben.release('r2')).toMatchObject({ released: true, floor: { state: 'IDLE' } })
      expect((await ben.press('r1')).outcome).toBe('ENDED')
      expect(await told()).toEqual([
        ['TAKEN', 'ben', null],
        ['IDLE', null, 'RELEASED'],
      ])
    })

    test('4 a refused request stays refused when the floor is free; a new press is granted', async () => {
      await ben.talk('r1')
      await cleo.press('r2')
      await ben.release('r1')
      expect(await cleo.press('r2')).toMatchObject({ outcome: 'DENIED', denyReason: 'FLOOR_TAKEN', floor: { state: 'IDLE' } })
      expect((await cleo.press('r3')).outcome).toBe('GRANTED')
    })

    test('4 a release is answered the same when it is repeated', async () => {
      await ben.talk('r1')
      expect((await ben.release('r1')).released).toBe(true)
      expect((await ben.release('r1')).released).toBe(true)
      expect(await told()).toHaveLength(2)
    })

    test("4 requests belong to their session: another one's release with the same name is silent", async () => {
      await ben.talk('r1')
      expect(await cleo.release('r1')).toMatchObject({ released: false, floor: { state: 'TAKEN' } })
      expect(await told()).toHaveLength(1)
    })

    test('5 a burst that is not renewed for 4 s ends CONNECTION_LOST, dated when the lease ran out', async () => {
      const burst = await ben.talk('r1')
      await it.advance(3_999)
      expect((await floor()).state).toBe('TAKEN')
      await it.advance(501)
      expect(await told()).toEqual([
        ['TAKEN', 'ben', null],
        ['IDLE', null, 'CONNECTION_LOST'],
      ])
      expect(floorEvents[1]?.previous?.endedAt).toBe(burst.startedAt + 4_000)
    })

    test('5 a renewal lengthens the lease, and so does a repeat of the request', async () => {
      const burst = await ben.talk('r1')
      await it.advance(3_900)
      expect(await ben.renew(burst.id)).toMatchObject({ renewed: true, remainingMs: 26_100 })
      await it.advance(3_900)
      await ben.press('r1')
      await it.advance(3_900)
      expect((await floor()).state).toBe('TAKEN')
    })

    test('5 a renewal that comes too late performs the expiry and revives nothing', async () => {
      const burst = await ben.talk('r1')
      await it.advance(4_000)
      expect(await ben.renew(burst.id)).toMatchObject({ renewed: false, remainingMs: null, floor: { state: 'IDLE' } })
      expect(await ben.press('r1')).toMatchObject({ outcome: 'ENDED', burst: { endReason: 'CONNECTION_LOST' } })
    })

    test('4 a renewal by another session is refused', async () => {
      const burst = await ben.talk('r1')
      expect(await cleo.renew(burst.id)).toMatchObject({ renewed: false })
      expect(await ben.otherDevice().renew(burst.id)).toMatchObject({ renewed: false })
      await it.advance(4_000)
      expect((await floor()).state).toBe('IDLE')
    })

    test('5 when the socket of the last press closes, 2 s are left', async () => {
      await ben.talk('r1')
      await it.engine.connectionClosed({ sessionId: ben.sessionId, connectionId: ben.asker.connectionId as ConnectionId })
      await it.advance(1_999)
      expect((await floor()).state).toBe('TAKEN')
      await it.advance(1)
      expect((await floor()).state).toBe('IDLE')
    })

    test('5 a closing socket shortens nothing that was renewed over another connection, or pressed over HTTP', async () => {
      const burst = await ben.talk('r1')
      const elsewhere = ben.over(newId<ConnectionId>())
      await elsewhere.renew(burst.id)
      await it.engine.connectionClosed({ sessionId: ben.sessionId, connectionId: ben.asker.connectionId as ConnectionId })
      await it.advance(3_900)
      expect((await floor()).state).toBe('TAKEN')
      await ben.over(null).renew(burst.id)
      await it.engine.connectionClosed({ sessionId: ben.sessionId, connectionId: elsewhere.asker.connectionId as ConnectionId })
      await it.advance(3_900)
      expect((await floor()).state).toBe('TAKEN')
    })

    test('5 a shortened lease is whole again once another connection renews', async () => {
      const burst = await ben.talk('r1')
      await it.engine.connectionClosed({ sessionId: ben.sessionId, connectionId: ben.asker.connectionId as ConnectionId })
      await it.advance(1_500)
      await ben.over(newId<ConnectionId>()).renew(burst.id)
      await it.advance(3_900)
      expect((await floor()).state).toBe('TAKEN')
    })

    test('6 a lapse is one event, although nobody asks', async () => {
      await ben.talk('r1')
      await it.advance(60_000)
      expect(await told()).toEqual([
        ['TAKEN', 'ben', null],
        ['IDLE', null, 'CONNECTION_LOST'],
      ])
    })

    test('7 the talk limit ends a burst however it is renewed, after one warning', async () => {
      const heard = await hear(ben)
      const burst = await ben.talk('r1', { talkLimitMs: 5_000 })
      expect(burst.expiresAt).toBe(burst.startedAt + 5_000)
      await keepTalking(ben, burst.id, 2_499)
      expect(heard).toEqual([])
      await keepTalking(ben, burst.id, 1)
      expect(heard).toMatchObject([{ kind: 'LIMIT_WARNING', requestId: 'r1', remainingMs: 2_500, burst: { id: burst.id } }])
      await keepTalking(ben, burst.id, 2_500)
      expect((await floor()).state).toBe('IDLE')
      expect(heard.slice(1)).toMatchObject([{ kind: 'REVOKED', endReason: 'TALK_LIMIT', burst: { endedAt: burst.expiresAt } }])
      expect(floorEvents.at(-1)?.previous).toMatchObject({ endReason: 'TALK_LIMIT', endedAt: burst.expiresAt })
    })

    test('7 a long limit warns 5 s before', async () => {
      const heard = await hear(ben)
      const burst = await ben.talk('r1', { talkLimitMs: 30_000 })
      await keepTalking(ben, burst.id, 24_999)
      expect(heard).toEqual([])
      await keepTalking(ben, burst.id, 1)
      expect(heard).toMatchObject([{ kind: 'LIMIT_WARNING', remainingMs: 5_000 }])
    })

    test('7 after its talk limit a session waits 3 s, others do not', async () => {
      const burst = await ben.talk('r1', { talkLimitMs: 5_000 })
      await keepTalking(ben, burst.id, 5_000)
      expect(await ben.press('r2')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: 3_000 })
      expect((await cleo.press('r3')).outcome).toBe('GRANTED')
      await cleo.release('r3')
      await it.advance(3_000)
      expect(await ben.press('r2')).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER' })
      expect((await ben.press('r4')).outcome).toBe('GRANTED')
    })

    test("10 a user's second device is refused, and its release never ends the first one's burst", async () => {
      const burst = await ben.talk('r1')
      const second = ben.otherDevice()
      expect(await second.press('r1')).toMatchObject({
        outcome: 'DENIED',
        denyReason: 'HELD_BY_OWN_DEVICE',
        floor: { burst: { id: burst.id } },
      })
      expect(await second.release('r1')).toMatchObject({ released: false, floor: { burst: { id: burst.id } } })
      await second.leave()
      expect((await floor()).burst?.id).toBe(burst.id)
    })

    test('11 a revoke ends the burst at once, names who revoked, and tells the device', async () => {
      const heard = await hear(ben)
      const burst = await ben.talk('r1')
      expect(await cleo.revoke(burst.id)).toMatchObject({ revoked: true, floor: { state: 'IDLE' } })
      await it.advance(0)
      expect(floorEvents.at(-1)?.previous).toMatchObject({ endReason: 'REVOKED_BY_MANAGER', revokedBy: cleo.person })
      expect(heard).toMatchObject([{ kind: 'REVOKED', endReason: 'REVOKED_BY_MANAGER', requestId: 'r1' }])
      expect(await cleo.revoke(burst.id)).toMatchObject({ revoked: false })
      expect(await told()).toHaveLength(2)
      expect((await ben.press('r2')).outcome).toBe('GRANTED')
    })

    test('12 an eviction ends burst and presence of a user everywhere, with the reason', async () => {
      const burst = await ben.talk('r1')
      await ben.otherDevice().join()
      await it.engine.evict({ groupId, userId: ben.person.id, reason: 'MEMBER_REMOVED' })
      expect(await told()).toEqual([
        ['TAKEN', 'ben', null],
        ['IDLE', null, 'MEMBER_REMOVED'],
      ])
      expect((await present()).at(-1)).toEqual(['LEFT', 'ben', 0])
      expect(await ben.renew(burst.id)).toMatchObject({ renewed: false })
    })

    test('14 floor and presence number separately, by one, in one epoch; groups do not share numbers', async () => {
      for (const n of [1, 2, 3]) {
        await ben.talk(`r${n}`)
        await ben.release(`r${n}`)
      }
      await ben.leave()
      await it.advance(0)
      expect(floorEvents.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6])
      expect(presenceEvents.map(({ sequence }) => sequence)).toEqual([1, 2])
      expect(new Set([...floorEvents, ...presenceEvents].map(({ epoch }) => epoch)).size).toBe(1)
      const elsewhere = await it.engine.floorLog.read(newId<GroupId>())
      expect(elsewhere.snapshot.sequence).toBe(0)
    })

    test('14 every event carries the whole floor as it was after it', async () => {
      const burst = await ben.talk('r1')
      await it.advance(700)
      await ben.release('r1')
      await it.advance(0)
      expect(floorEvents[0]?.floor).toMatchObject({ groupId, state: 'TAKEN', sequence: 1, burst: { id: burst.id }, queueLength: 0 })
      expect(floorEvents[1]?.floor).toMatchObject({ groupId, state: 'IDLE', sequence: 2, burst: null })
      expect(floorEvents[1]?.previous).toMatchObject({ id: burst.id, endedAt: burst.startedAt + 700, endReason: 'RELEASED' })
    })

    test('15 a stream tells what was missed in order, then one snapshot, then what happens', async () => {
      await ben.talk('r1')
      const { snapshot: seen } = await it.engine.floorLog.read(groupId)
      await ben.release('r1')
      await cleo.talk('r2')
      const stream = await openStream(it.engine.floorLog, groupId, seen)
      await cleo.release('r2')
      await it.advance(0)
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
    })

    test('15 an unknown epoch and a log that was trimmed are a snapshot with a gap', async () => {
      await ben.talk('r0')
      const { snapshot: old } = await it.engine.floorLog.read(groupId)
      expect(await it.engine.floorLog.read(groupId, { epoch: 'another', sequence: 1 })).toMatchObject({ missed: [], gap: true })
      await ben.release('r0')
      for (let n = 1; n <= 300; n++) {
        await ben.talk(`r${n}`)
        await ben.release(`r${n}`)
      }
      expect(await it.engine.floorLog.read(groupId, old)).toMatchObject({ missed: [], gap: true, snapshot: { sequence: 602 } })
    })

    test('15 two hundred who begin to watch during a thousand presses all know who talks at the end', async () => {
      const streams: { last: () => number; states: string[] }[] = []
      const watch = async () => {
        const stream = await openStream(it.engine.floorLog, groupId)
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
        await ben.talk(`r${n}`)
        await ben.release(`r${n}`)
        if (n % 7 === 0) await it.advance(0)
      }
      await it.advance(0)
      const { snapshot } = await it.engine.floorLog.read(groupId)
      await expect.poll(() => streams.map(({ last }) => last()).filter((last) => last !== snapshot.sequence)).toEqual([])
      for (const { states } of streams) {
        expect(states.at(-1)).toBe('IDLE')
        expect(states.filter((state) => state.startsWith('broken'))).toEqual([])
      }
    })

    test('16 a slow reader gets the newest state in place of what it missed; one that never reads is ended', async () => {
      const slow = await openStream(it.engine.floorLog, groupId)
      const dead = await openStream(it.engine.floorLog, groupId)
      const press = async (from: number, to: number) => {
        for (let n = from; n < to; n++) {
          await ben.talk(`r${n}`)
          await ben.release(`r${n}`)
          await it.advance(0)
        }
      }
      await slow.next()
      await press(0, 50)
      const { value } = await slow.next()
      expect(value).toMatchObject({ kind: 'SNAPSHOT', gap: true, snapshot: { sequence: 100 } })
      await press(50, 52)
      expect((await slow.next()).value).toMatchObject({ kind: 'TAKEN', sequence: 101 })
      await press(52, 120)
      const rest: unknown[] = []
      for await (const item of dead) rest.push(item)
      expect(rest).toEqual([{ kind: 'END', code: 'SLOW_CONSUMER' }])
    })

    test('20 the record has every burst open at its grant and closed with its end, in engine time', async () => {
      const burst = await ben.talk('r1')
      expect(record.filter((entry) => 'burst' in entry)).toMatchObject([{ burst: { id: burst.id, endedAt: null, endReason: null } }])
      await it.advance(4_000)
      expect(record.filter((entry) => 'burst' in entry).slice(1)).toMatchObject([
        { burst: { id: burst.id, startedAt: burst.startedAt, endedAt: burst.startedAt + 4_000, endReason: 'CONNECTION_LOST' } },
      ])
    })

    test('21 presses are limited per session; repeats, releases and renewals are not, and a refusal is not remembered', async () => {
      await using limited = await create({ pressRate: 5 })
      const presser = actor(limited.engine, groupId, 'dan')
      for (let n = 0; n < 10; n++) {
        await presser.talk(`r${n}`)
        await presser.release(`r${n}`)
      }
      const tooFast = await presser.press('r10')
      expect(tooFast).toMatchObject({ outcome: 'DENIED', denyReason: 'RETRY_AFTER', retryAfterMs: 200 })
      expect((await presser.press('r9')).outcome).toBe('ENDED')
      expect((await presser.release('r9')).released).toBe(true)
      expect((await presser.otherDevice().press('r0')).outcome).toBe('GRANTED')
      await limited.advance(4_000)
      expect((await presser.press('r10')).outcome).toBe('GRANTED')
    })

    test('22 a new press joins the group; a repeat, a cancelled one and a renewal do not', async () => {
      await ben.release('early')
      await ben.press('early')
      expect(await present()).toEqual([])
      await ben.talk('r1')
      expect(await present()).toEqual([['JOINED', 'ben', 1]])
      await ben.release('r1')
      await it.advance(9_500)
      await ben.press('r1')
      expect(await present()).toEqual([
        ['JOINED', 'ben', 1],
        ['LEFT', 'ben', 0],
      ])
      await ben.press('r2', { canTalk: false })
      expect((await present()).at(-1)).toEqual(['JOINED', 'ben', 1])
    })

    test('22 joining again tells nobody; leaving ends burst and presence of this device at once', async () => {
      await ben.join()
      await ben.join()
      await cleo.join()
      await ben.talk('r1')
      expect(await ben.leave()).toMatchObject({ state: 'IDLE' })
      expect(await present()).toEqual([
        ['JOINED', 'ben', 1],
        ['JOINED', 'cleo', 1],
        ['LEFT', 'ben', 0],
      ])
      expect(await told()).toEqual([
        ['TAKEN', 'ben', null],
        ['IDLE', null, 'RELEASED'],
      ])
      await ben.leave()
      expect(await present()).toHaveLength(3)
    })

    test('23 a device that is not heard of for 9.5 s leaves, once; a heartbeat keeps it, but never brings it', async () => {
      expect(await ben.heartbeat()).toEqual([])
      await ben.join()
      await it.advance(9_000)
      expect(await ben.heartbeat()).toEqual([groupId])
      await it.advance(9_499)
      expect(await present()).toHaveLength(1)
      await it.advance(1)
      expect((await present()).slice(1)).toEqual([['LEFT', 'ben', 0]])
      expect(await ben.heartbeat()).toEqual([])
      await it.advance(30_000)
      expect(await present()).toHaveLength(2)
    })

    test('23 users are told of by their first and last device, and by what lies between', async () => {
      const second = ben.otherDevice()
      await ben.join()
      await second.join()
      await ben.leave()
      await second.leave()
      expect(await present()).toEqual([
        ['JOINED', 'ben', 1],
        ['UPDATED', 'ben', 2],
        ['UPDATED', 'ben', 1],
        ['LEFT', 'ben', 0],
      ])
    })

    test('23 a closing connection leaves 5 s; who is heard of again by then never left', async () => {
      await ben.join()
      await cleo.join()
      for (const one of [ben, cleo])
        await it.engine.connectionClosed({ sessionId: one.sessionId, connectionId: one.asker.connectionId as ConnectionId })
      await it.advance(3_000)
      await ben.heartbeat()
      await it.advance(1_999)
      expect(await present()).toHaveLength(2)
      await it.advance(1)
      expect((await present()).slice(2)).toEqual([['LEFT', 'cleo', 0]])
      await it.advance(4_000)
      expect(await present()).toHaveLength(3)
    })

    test('23 the snapshot names everyone present, by user, since their first device', async () => {
      const since = it.now()
      await ben.join()
      await it.advance(1_000)
      await ben.otherDevice().join()
      await cleo.join()
      const { snapshot } = await it.engine.presenceLog.read(groupId)
      expect(snapshot.everyone).toEqual([
        { person: ben.person, devices: 2, since },
        { person: cleo.person, devices: 1, since: since + 1_000 },
      ])
    })

    test('23 a lapse of presence ends no burst', async () => {
      const burst = await ben.talk('r1', { talkLimitMs: 60_000 })
      await keepTalking(ben, burst.id, 12_000)
      expect((await present()).at(-1)).toEqual(['LEFT', 'ben', 0])
      expect((await floor()).burst?.id).toBe(burst.id)
    })

    test('24 a voice session opens with the first burst and ends 60 s after the last', async () => {
      const first = await ben.talk('r1')
      await ben.release('r1')
      await it.advance(59_000)
      const second = await cleo.talk('r2')
      expect(second.voiceSessionId).toBe(first.voiceSessionId)
      await cleo.release('r2')
      await it.advance(60_000)
      const third = await ben.talk('r3')
      expect(third.voiceSessionId).not.toBe(first.voiceSessionId)
      expect(record.filter((entry) => 'voiceSession' in entry)).toMatchObject([
        { voiceSession: { id: first.voiceSessionId, startedAt: first.startedAt, endedAt: null } },
        { voiceSession: { id: first.voiceSessionId, endedAt: first.startedAt + 119_000 } },
        { voiceSession: { id: third.voiceSessionId, endedAt: null } },
      ])
    })
  })
}
