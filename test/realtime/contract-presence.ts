import { expect } from 'vitest'
import { type ConnectionId, type GroupId, newId } from '../../src/ids.ts'
import type { Scene } from './contract-stage.ts'

/** Rules 22 and 23: who is there. */
export function presenceRules(scene: Scene) {
  scene('22.1 a new press joins the group, also one that is refused', async ({ ben, cleo, dan, present }) => {
    await ben.talk('r1')
    await cleo.press('r1')
    await dan.press('r1', { canTalk: false })
    expect(await present()).toEqual([
      ['JOINED', 'ben', 1],
      ['JOINED', 'cleo', 1],
      ['JOINED', 'dan', 1],
    ])
  })

  scene('22.1 also a press too many joins', async ({ anotherEngine }) => {
    await using stage = await anotherEngine(0.5)
    await stage.ben.talk('r1')
    await stage.ben.leave()
    expect((await stage.ben.press('r2')).denyReason).toBe('RETRY_AFTER')
    expect(await stage.everyone()).toEqual(['ben'])
  })

  scene('22.2 a repeat, a cancelled request, a release and a renewal join nobody', async ({ ben, present }) => {
    await ben.release('early')
    await ben.press('early')
    expect(await present()).toEqual([])
    const burst = await ben.talk('r1')
    await ben.leave()
    await ben.press('r1')
    await ben.renew(burst.id)
    await ben.release('r1')
    expect(await present()).toEqual([
      ['JOINED', 'ben', 1],
      ['LEFT', 'ben', 0],
    ])
  })

  scene('22.3 joining again tells nobody, and renews the lease', async ({ ben, advance, present }) => {
    await ben.join()
    await advance(9_000)
    expect(await ben.join()).toMatchObject({ state: 'IDLE' })
    await advance(9_000)
    expect(await present()).toEqual([['JOINED', 'ben', 1]])
  })

  scene('22.4 leaving ends burst and presence of this device at once', async ({ ben, cleo, hear, present, told }) => {
    await cleo.join()
    await ben.talk('r1')
    const heard = await hear(ben)
    expect(await ben.leave()).toMatchObject({ state: 'IDLE' })
    expect(await present()).toEqual([
      ['JOINED', 'cleo', 1],
      ['JOINED', 'ben', 1],
      ['LEFT', 'ben', 0],
    ])
    expect(await told()).toEqual([
      ['TAKEN', 'ben', null],
      ['IDLE', null, 'RELEASED'],
    ])
    expect(heard).toEqual([])
  })

  scene('22.4 leaving serves the next, and touches no other device of the user', async ({ ben, cleo, told, everyone }) => {
    await ben.otherDevice().join()
    await ben.talk('r1')
    await cleo.wait('c1')
    expect(await ben.leave()).toMatchObject({ state: 'TAKEN', burst: { speaker: cleo.person } })
    expect((await told()).at(-1)).toEqual(['TAKEN', 'cleo', 'RELEASED'])
    expect(await everyone()).toEqual(['ben', 'cleo'])
  })

  scene('22.5 leaving where one is not changes nothing', async ({ ben, cleo, present, told }) => {
    await cleo.talk('r1')
    await ben.leave()
    await ben.leave()
    expect([await present(), await told()]).toMatchObject([[['JOINED', 'cleo', 1]], [['TAKEN', 'cleo', null]]])
  })

  scene('23.1 a device that is not heard of for 9.5 s has left', async ({ ben, advance, present }) => {
    await ben.join()
    await advance(9_499)
    expect(await present()).toHaveLength(1)
    await advance(1)
    expect((await present()).slice(1)).toEqual([['LEFT', 'ben', 0]])
  })

  scene('23.2 a sign of life renews a presence and never makes one', async ({ ben, groupId, advance, present }) => {
    expect(await ben.heartbeat()).toEqual([])
    await ben.join()
    await advance(9_000)
    expect(await ben.heartbeat()).toEqual([groupId])
    await advance(9_499)
    expect(await present()).toHaveLength(1)
    await advance(1)
    expect(await ben.heartbeat()).toEqual([])
    expect(await present()).toHaveLength(2)
  })

  scene(
    '23.2 it answers and renews those of the named groups in which the device is present',
    async ({ ben, groupId, advance, everyone, ...stage }) => {
      const [second, third] = [newId<GroupId>(), newId<GroupId>()]
      await ben.join()
      await ben.elsewhere(second).join()
      expect((await ben.heartbeat()).toSorted()).toEqual([groupId, second].toSorted())
      await advance(9_000)
      expect(await ben.heartbeat(second, third)).toEqual([second])
      await advance(500)
      expect(await everyone()).toEqual([])
      expect((await stage.engine.presenceLog.read(second)).snapshot.everyone).toHaveLength(1)
    },
  )

  scene('23.2 one device does not keep another one of its user present', async ({ ben, advance, present }) => {
    const second = ben.otherDevice()
    await ben.join()
    await second.join()
    await advance(9_000)
    await second.heartbeat()
    await advance(500)
    expect((await present()).at(-1)).toEqual(['UPDATED', 'ben', 1])
  })

  scene('23.2 a press is a sign of life', async ({ ben, advance, present }) => {
    await ben.join()
    await advance(9_000)
    await ben.press('r1', { canTalk: false })
    await advance(9_000)
    expect(await present()).toHaveLength(1)
  })

  scene('23.3 a closing connection leaves 5 s, and lengthens nothing', async ({ ben, cleo, advance, present }) => {
    await ben.join()
    await advance(3_000)
    await cleo.join()
    await cleo.disconnect()
    await advance(4_999)
    expect(await present()).toHaveLength(2)
    await advance(1)
    expect((await present()).slice(2)).toEqual([['LEFT', 'cleo', 0]])
    await ben.disconnect()
    await advance(1_500)
    expect((await present()).slice(3)).toEqual([['LEFT', 'ben', 0]])
  })

  scene('23.4 who is heard of within that time never left', async ({ ben, advance, present }) => {
    await ben.join()
    for (let n = 0; n < 5; n++) {
      await ben.disconnect()
      await advance(3_000)
      await ben.heartbeat()
    }
    await advance(9_499)
    expect(await present()).toEqual([['JOINED', 'ben', 1]])
  })

  scene('23.5 a lapse is told once, by itself; leaving is told at once', async ({ ben, cleo, advance, presenceEvents }) => {
    await ben.join()
    await cleo.join()
    await cleo.leave()
    await advance(0)
    expect(presenceEvents.map(({ kind }) => kind)).toEqual(['JOINED', 'JOINED', 'LEFT'])
    await advance(60_000)
    expect(presenceEvents.slice(3).map(({ kind, member }) => [kind, member.person.username])).toEqual([['LEFT', 'ben']])
    await ben.leave()
    await advance(0)
    expect(presenceEvents).toHaveLength(4)
  })

  scene('23.6 users are told of by their first and last device, and by what lies between', async ({ ben, present }) => {
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

  scene('23.7 two connections of one session are one device', async ({ ben, advance, present }) => {
    await ben.join()
    const second = ben.over(newId<ConnectionId>())
    await second.join()
    await ben.disconnect()
    await second.heartbeat()
    await advance(9_000)
    expect(await present()).toEqual([['JOINED', 'ben', 1]])
  })

  scene(
    '23.8 the snapshot names everyone present, by user, since their first device',
    async ({ ben, cleo, engine, groupId, now, advance }) => {
      const since = now()
      await ben.join()
      await advance(1_000)
      await ben.otherDevice().join()
      await cleo.join()
      const { snapshot } = await engine.presenceLog.read(groupId)
      expect(snapshot.everyone).toEqual([
        { person: ben.person, devices: 2, since },
        { person: cleo.person, devices: 1, since: since + 1_000 },
      ])
    },
  )

  scene('9.14 a lapse of presence ends no burst', async ({ ben, keepTalking, present, floor }) => {
    const burst = await ben.talk('r1', { talkLimitMs: 60_000 })
    await keepTalking(ben, burst.id, 12_000)
    expect((await present()).at(-1)).toEqual(['LEFT', 'ben', 0])
    expect((await floor()).burst?.id).toBe(burst.id)
  })

  scene('23.8 who joins again has been there since the first time', async ({ ben, engine, groupId, now, advance }) => {
    const since = now()
    await ben.join()
    await advance(1_000)
    await ben.join()
    await ben.talk('r1')
    expect((await engine.presenceLog.read(groupId)).snapshot.everyone).toMatchObject([{ since }])
  })
}
