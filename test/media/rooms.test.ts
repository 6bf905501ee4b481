import { AccessToken, TrackSource } from 'livekit-server-sdk'
import { describe, expect, test } from 'vitest'
import { MediaUnavailable } from '../../src/integrations/livekit/media-server.ts'
import { liveKitRooms } from '../../src/integrations/livekit/rooms.ts'
import { FakeLiveKit } from '../support/fake-livekit.ts'
import { Stopwatch } from '../support/machine.ts'

const ROOM = 'test:a room'

async function open(keys: { apiKey?: string; apiSecret?: string } = {}) {
  const fake = await FakeLiveKit.start()
  const { url, apiKey, apiSecret } = fake
  const token = new AccessToken(apiKey, apiSecret, { identity: 'ben' })
  token.addGrant({ roomJoin: true, room: ROOM, canPublish: false, canPublishData: false })
  const ben = await fake.join(await token.toJwt())
  const rooms = liveKitRooms({ url: url.replace('http', 'ws'), apiKey, apiSecret, ...keys })
  return { fake, ben, rooms, [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

const failure = async (promise: Promise<unknown>): Promise<MediaUnavailable> => {
  const error = await promise.then(
    () => null,
    (error: unknown) => error,
  )
  if (!(error instanceof MediaUnavailable)) throw new Error(`not a MediaUnavailable: ${String(error)}`)
  return error
}

describe.concurrent('the rooms of a LiveKit', () => {
  test('who talks goes on hearing, and has no other right', async () => {
    await using it = await open()
    expect(await it.rooms.permit(ROOM, 'ben', 'TALK')).toMatch(/^PA_/)
    expect(it.ben.permission).toMatchObject({
      canPublish: true,
      canSubscribe: true,
      canPublishData: false,
      canUpdateMetadata: false,
      hidden: false,
    })
    expect([it.ben.publish(TrackSource.CAMERA), it.ben.publish(), it.ben.isPublishing]).toEqual([false, true, true])
    const [found] = await it.rooms.participants(ROOM)
    expect(found).toMatchObject({ identity: 'ben', stay: it.ben.sid, canPublish: true, publishes: true })
    expect(Math.abs((found?.joinedAt ?? 0) - Date.now())).toBeLessThan(5_000)
    expect(await it.rooms.permit(ROOM, 'ben', 'LISTEN')).toMatch(/^PA_/)
    expect(it.ben.permission).toMatchObject({ canPublish: false, canSubscribe: true, canPublishData: false, canPublishSources: [] })
    expect(await it.rooms.participants(ROOM)).toMatchObject([{ canPublish: false, publishes: false }])
  })

  test('what is not there is no failure', async () => {
    await using it = await open()
    expect(await it.rooms.permit(ROOM, 'cleo', 'TALK')).toBeNull()
    expect(await it.rooms.permit('no room', 'ben', 'TALK')).toBeNull()
    expect([await it.rooms.remove(ROOM, 'cleo'), await it.rooms.remove('no room', 'ben')]).toEqual([false, false])
    expect([await it.rooms.close('no room'), await it.rooms.participants('no room')]).toEqual([undefined, []])
    expect([await it.rooms.remove(ROOM, 'ben'), it.ben.gone]).toEqual([true, 'PARTICIPANT_REMOVED'])
    expect(await it.rooms.list()).toEqual([ROOM])
    await it.rooms.close(ROOM)
    expect(await it.rooms.list()).toEqual([])
  })

  test.each([{ keys: { apiKey: 'APIother' } }, { keys: { apiSecret: 'another secret of at least thirty-two letters' } }])(
    'keys that are refused are told apart from a failure: $keys',
    async ({ keys }) => {
      await using it = await open(keys)
      const { rooms } = it
      const all = [() => rooms.list(), () => rooms.permit(ROOM, 'ben', 'TALK'), () => rooms.remove(ROOM, 'ben'), () => rooms.close(ROOM)]
      for (const ask of all) expect((await failure(ask())).refusesKeys).toBe(true)
    },
  )

  test("a proxy's page, silence and nobody at all are all the same: it is not available, and its keys are not to blame", async () => {
    await using it = await open()
    it.fake.faults.refuse(502)
    const page = await failure(it.rooms.permit(ROOM, 'ben', 'TALK'))
    expect([page.refusesKeys, page.message.length <= 200]).toEqual([false, true])
    it.fake.faults.drop()
    const watch = new Stopwatch()
    expect((await failure(it.rooms.list())).refusesKeys).toBe(false)
    watch.expect(2_000)
    await it.fake.cut()
    expect((await failure(it.rooms.participants(ROOM))).refusesKeys).toBe(false)
    await it.fake.mend()
    expect(await it.rooms.list()).toEqual([ROOM])
  })
})
