import { describe, expect, test } from 'vitest'
import type { Talk } from '../../sdk/src/index.ts'
import { radioWorld } from './radio-world.ts'

const endOf = (talk: Talk) => (talk.phase === 'IDLE' ? talk.ended : null)

describe('a press that waits', () => {
  test('is told its place, and takes up the floor when its turn comes', async () => {
    await using world = await radioWorld()
    const { radio, time, cleo, dan, cues } = world
    await cleo.talk('c1')
    await dan.wait('d1')
    expect(await radio.press({ queue: true })).toMatchObject({ phase: 'QUEUED', position: 2 })
    await dan.release('d1')
    await time.advance(0)
    expect(radio.state.talk).toMatchObject({ phase: 'QUEUED', position: 1 })
    await cleo.release('c1')
    await time.advance(0)
    expect(radio.isTalking).toBe(true)
    await time.advance(10_000)
    expect(radio.isTalking).toBe(true)
    expect(cues).toEqual(['QUEUED', 'TAKEN', 'GRANTED'])
  })

  test('whose grant nobody told takes it up by what the floor shows', async () => {
    await using world = await radioWorld()
    const { radio, time, port, cleo } = world
    await cleo.talk('c1')
    await radio.press({ queue: true })
    port.weather = 'AWAY'
    await cleo.release('c1')
    await time.advance(1_000)
    await port.mend()
    await time.advance(0)
    expect(radio.isTalking).toBe(true)
  })

  test('gives up its place when it is let go', async () => {
    await using world = await radioWorld()
    const { radio, time, cleo, holder } = world
    await cleo.talk('c1')
    await radio.press({ queue: true })
    radio.release()
    await time.advance(0)
    await cleo.release('c1')
    expect(await holder()).toBeNull()
  })

  test('is over after 30 s', async () => {
    await using world = await radioWorld()
    const { radio, time, cleo } = world
    const { id } = await cleo.talk('c1', { talkLimitMs: 60_000 })
    await radio.press({ queue: true })
    for (let waited = 0; waited < 31_000; waited += 1_000) {
      await time.advance(1_000)
      await cleo.renew(id)
    }
    expect(endOf(radio.state.talk)).toMatchObject({ cause: 'DENIED', denyReason: 'RETRY_AFTER' })
  })
})
