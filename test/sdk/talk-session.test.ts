import { describe, expect, test } from 'vitest'
import { NedaError, type Talk } from '../../sdk/src/index.ts'
import { radioWorld } from './radio-world.ts'

const endOf = (talk: Talk) => (talk.phase === 'IDLE' ? talk.ended : null)

describe('a press', () => {
  test('is granted, renewed for as long as it is held, and let go', async () => {
    await using world = await radioWorld()
    const { radio, time, port, cues, holder } = world
    const talk = await radio.press()
    expect(talk).toMatchObject({ phase: 'TALKING', listenerCount: 0, isRevoking: false })
    await time.advance(20_000)
    expect(radio.isTalking).toBe(true)
    expect((await holder())?.sessionId).toBe(port.sessionId)
    radio.release()
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'RELEASED' })
    await time.advance(0)
    expect(await holder()).toBeNull()
    expect(cues).toEqual(['GRANTED', 'RELEASED'])
  })

  test('held a second time is the same press', async () => {
    await using world = await radioWorld()
    const [first, second] = await Promise.all([world.radio.press(), world.radio.press()])
    expect(second).toEqual(first)
    expect(await world.radio.press()).toEqual(first)
    expect(world.port.asked.filter((what) => what === 'request')).toHaveLength(1)
  })

  test('whose answer is lost is repeated under its name, and granted once', async () => {
    await using world = await radioWorld()
    const { radio, time, port, holder } = world
    port.weather = 'LOSES_ANSWERS'
    const talk = radio.press()
    await time.advance(0)
    await time.advance(1_000)
    const burst = await holder()
    expect(burst?.sessionId).toBe(port.sessionId)
    expect(radio.state.talk.phase).toBe('REQUESTING')
    await port.mend()
    await time.advance(2_000)
    expect(await talk).toMatchObject({ phase: 'TALKING', burst: { id: burst?.id } })
    // Under the same name: whoever repeats it under another one does not release it.
    radio.release()
    await time.advance(0)
    expect(await holder()).toBeNull()
  })

  test('that was let go before its answer came holds nothing, also when it arrives after that', async () => {
    await using world = await radioWorld()
    const { radio, time, port, holder, cues } = world
    port.weather = 'LOSES_ANSWERS'
    void radio.press()
    await time.advance(100)
    expect((await holder())?.sessionId).toBe(port.sessionId)
    radio.release()
    expect(radio.state.talk.phase).toBe('IDLE')
    await time.advance(100)
    expect(await holder()).toBeNull()
    expect(cues).toEqual([])
    await port.mend()
    await time.advance(5_000)
    expect(await holder()).toBeNull()
  })

  test('whose release is lost is released when the network is back', async () => {
    await using world = await radioWorld()
    const { radio, time, port, holder } = world
    await radio.press()
    port.weather = 'AWAY'
    radio.release()
    await time.advance(1_000)
    expect((await holder())?.sessionId).toBe(port.sessionId)
    await port.mend()
    await time.advance(2_100)
    expect(await holder()).toBeNull()
  })

  test('without any answer is over after 8 s, and frees what it may have got', async () => {
    await using world = await radioWorld()
    const { radio, time, port, holder, cues } = world
    port.weather = 'LOSES_ANSWERS'
    const talk = radio.press()
    await time.advance(8_000)
    expect(endOf(await talk)).toMatchObject({ cause: 'LOST', error: { code: 'NETWORK' } })
    await time.advance(0)
    expect(await holder()).toBeNull()
    expect(cues).toEqual(['DENIED'])
  })

  test('that is refused says why and when to try again', async () => {
    await using world = await radioWorld()
    const { radio, cleo } = world
    const { fencingToken } = await cleo.talk()
    expect(fencingToken).toBeGreaterThan(0n)
    expect(endOf(await radio.press())).toMatchObject({ cause: 'DENIED', denyReason: 'FLOOR_TAKEN', retryAfterMs: 30_000 })
    await world.time.advance(0)
    expect(radio.state.heard).toBe(`${cleo.person.id}:${cleo.sessionId}`)
    expect(world.cues).toEqual(['DENIED', 'TAKEN'])
  })

  test('by who may not says so', async () => {
    await using world = await radioWorld()
    world.port.refusal = new NedaError('There is no such thing, or it is not yours to see.', { code: 'NOT_FOUND' })
    expect(endOf(await world.radio.press())).toMatchObject({ cause: 'FAILED', error: { code: 'NOT_FOUND' } })
  })

  test('asks again under another name when its burst was over before it heard of it', async () => {
    await using world = await radioWorld()
    const { radio, time, port, holder } = world
    port.weather = 'LOSES_ANSWERS'
    const talk = radio.press()
    await time.advance(500)
    port.weather = 'AWAY'
    await time.advance(5_500)
    expect(await holder()).toBeNull()
    await port.mend()
    await time.advance(1_900)
    expect(await talk).toMatchObject({ phase: 'TALKING' })
    radio.release()
    await time.advance(0)
    expect(await holder()).toBeNull()
    // The one of before may still be on its way, and would rename the burst.
    expect(port.asked.filter((what) => what === 'release')).toHaveLength(2)
  })
})

describe('a burst ends by this device alone', () => {
  test('when nothing is heard of the server any more, before anybody else is granted', async () => {
    await using world = await radioWorld()
    const { radio, time, port, cleo, cues } = world
    await radio.press()
    await time.advance(2_000)
    port.weather = 'AWAY'
    for (let waited = 0; waited < 5_000; waited += 100) {
      await time.advance(100)
      const { outcome } = await cleo.press()
      if (outcome === 'GRANTED') break
    }
    expect(radio.isTalking).toBe(false)
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'LOST', endReason: 'CONNECTION_LOST' })
    expect(cues).toEqual(['GRANTED', 'REVOKED'])
  })

  test('when the socket of the grant closes and nothing else gets through', async () => {
    await using world = await radioWorld()
    const { radio, time, port, cleo } = world
    // Before the first renewal, which does not hang on the socket, gets through.
    radio.subscribe((_state, cue) => {
      if (cue === 'GRANTED') port.weather = 'AWAY'
    })
    await radio.press()
    await port.loseSocket()
    for (let waited = 0; waited < 5_000; waited += 100) {
      await time.advance(100)
      const { outcome } = await cleo.press()
      if (outcome === 'GRANTED') break
    }
    expect(radio.isTalking).toBe(false)
  })

  test('at the talk limit, with a warning before', async () => {
    await using world = await radioWorld()
    const { radio, time, port, cues } = world
    port.talkLimitMs = 10_000
    await radio.press()
    await time.advance(4_990)
    expect(cues).toEqual(['GRANTED'])
    await time.advance(20)
    expect(cues).toEqual(['GRANTED', 'LIMIT_WARNING'])
    await time.advance(5_000)
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'ENDED', endReason: 'TALK_LIMIT' })
    expect(endOf(await radio.press())).toMatchObject({ cause: 'DENIED', denyReason: 'RETRY_AFTER' })
  })

  test('on a device that slept: what it believes is looked at when it is asked, not when a timer wakes', async () => {
    await using world = await radioWorld()
    const { radio, time, clock, port, holder } = world
    await radio.press()
    port.weather = 'AWAY'
    clock.sleep()
    await time.advance(4_000)
    expect(await holder()).toBeNull()
    expect(radio.isTalking).toBe(false)
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'LOST' })
    clock.wake()
    await time.advance(100)
    expect(radio.isTalking).toBe(false)
  })

  test('when the answer that grants comes too late to be relied upon', async () => {
    await using world = await radioWorld()
    const { radio, time, clock, port, holder } = world
    port.weather = 'LOSES_ANSWERS'
    void radio.press()
    await time.advance(100)
    clock.sleep()
    await port.mend()
    await time.advance(5_000)
    expect(await holder()).toBeNull()
    clock.wake()
    await time.advance(0)
    // Under another name: the button is still down.
    expect(radio.isTalking).toBe((await holder()) !== null)
  })
})

describe('a burst ends by others', () => {
  test('at once when it is revoked, whatever a renewal that is on its way says', async () => {
    await using world = await radioWorld()
    const { radio, time, cleo, holder, cues } = world
    await radio.press()
    await time.advance(1_299)
    const burst = await holder()
    if (!burst) throw new Error('nobody talks')
    await cleo.revoke(burst.id)
    await time.advance(1)
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'ENDED', endReason: 'REVOKED_BY_MANAGER' })
    expect(cues).toEqual(['GRANTED', 'REVOKED'])
    await time.advance(5_000)
    expect(radio.isTalking).toBe(false)
  })

  test('with a grace for a higher rank, which may withdraw', async () => {
    await using world = await radioWorld()
    const { radio, time, dan, cues } = world
    await radio.press()
    await dan.press('d1', { priority: 'HIGH' })
    await time.advance(100)
    expect(radio.state.talk).toMatchObject({ phase: 'TALKING', isRevoking: true })
    await dan.release('d1')
    await time.advance(100)
    expect(radio.state.talk).toMatchObject({ phase: 'TALKING', isRevoking: false })
    await dan.press('d2', { priority: 'HIGH' })
    await time.advance(600)
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'ENDED', endReason: 'PREEMPTED' })
    expect(cues).toEqual(['GRANTED', 'REVOKING', 'REVOKING', 'REVOKED', 'TAKEN'])
    expect(radio.state.heard).toContain(dan.sessionId)
  })

  test('when the server has ended it and nobody said so', async () => {
    await using world = await radioWorld()
    const { radio, time, port, cleo, holder } = world
    await radio.press()
    await time.advance(100)
    const burst = await holder()
    if (!burst) throw new Error('nobody talks')
    port.weather = 'AWAY'
    await cleo.revoke(burst.id)
    await time.advance(0)
    port.weather = 'FINE'
    await time.advance(1_300)
    // Why is told by the stream, when it has caught up.
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'ENDED', endReason: null })
    await port.mend()
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'ENDED', endReason: 'REVOKED_BY_MANAGER' })
  })

  test('when the device is signed out', async () => {
    await using world = await radioWorld()
    const { radio, port } = world
    await radio.press()
    port.end(new NedaError('This device has been signed out.', { code: 'SESSION_REVOKED' }))
    expect(radio.isTalking).toBe(false)
    expect(radio.state).toMatchObject({ membership: 'ENDED', error: { code: 'SESSION_REVOKED' } })
    expect(await radio.press()).toMatchObject({ phase: 'IDLE' })
  })
})

describe('presence', () => {
  test('is kept by heartbeats where no socket does it, and taken up again when it was lost', async () => {
    await using world = await radioWorld()
    const { radio, time, port, engine, groupId } = world
    const isPresent = async () => (await engine.presenceLog.read(groupId)).snapshot.everyone.some(({ person }) => person.username === 'ben')
    await radio.ready()
    port.hasSocket = false
    await time.advance(30_000)
    expect(await isPresent()).toBe(true)
    port.weather = 'AWAY'
    await time.advance(10_000)
    expect(await isPresent()).toBe(false)
    port.weather = 'FINE'
    await time.advance(4_100)
    expect(await isPresent()).toBe(true)
  })

  test('ends when the radio is closed, and so does the burst', async () => {
    await using world = await radioWorld()
    const { radio, time, holder, engine, groupId } = world
    await radio.press()
    await radio.close()
    await time.advance(0)
    expect(await holder()).toBeNull()
    expect((await engine.presenceLog.read(groupId)).snapshot.everyone).toEqual([])
    expect(radio.state).toMatchObject({ membership: 'ENDED', error: { code: 'CLOSED' } })
  })
})
