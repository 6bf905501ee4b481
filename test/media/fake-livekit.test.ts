import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AccessToken, RoomServiceClient, TokenVerifier, TrackSource, type WebhookEvent, WebhookReceiver } from 'livekit-server-sdk'
import { describe, expect, test } from 'vitest'
import { until } from '../stress/until.ts'
import type { FakeLiveKit } from '../support/fake-livekit.ts'
import { failure, LISTEN, openFake, ROOM, TALK } from './fake-asked.ts'

/** Takes what it is told, and answers as it is told to. */
async function webhookSink(answers: number[] = []) {
  const told: WebhookEvent[] = []
  let refused = 0
  const keys = { apiKey: '', apiSecret: '' }
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const status = answers.shift() ?? 200
      const receiver = new WebhookReceiver(keys.apiKey, keys.apiSecret)
      const event = await receiver.receive(Buffer.concat(chunks).toString(), request.headers.authorization)
      expect(request.headers['content-type']).toBe('application/webhook+json')
      if (status === 200) told.push(event)
      else refused += 1
      response.writeHead(status).end()
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    told: () =>
      told.map(({ event, participant, track }) => [event, participant?.identity, participant?.permission?.canPublish, track?.source]),
    events: told,
    refused: () => refused,
    trust: ({ apiKey, apiSecret }: FakeLiveKit) => Object.assign(keys, { apiKey, apiSecret }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

describe.concurrent('the RoomService of the fake, asked by the SDK', () => {
  test('a permission is replaced whole: what is absent is taken away', async () => {
    await using it = await openFake()
    const ben = await it.fake.join(await it.token('ben'))
    expect(ben.permission).toMatchObject({ canSubscribe: true, canPublish: false, canPublishData: false })
    const answer = await it.rooms.updateParticipant(ROOM, 'ben', { permission: { canPublish: true } })
    expect(answer).toMatchObject({ identity: 'ben', permission: { canPublish: true, canSubscribe: false } })
    expect(ben.permission.canSubscribe).toBe(false)
  })

  test('who may not publish is refused; who may no longer is unpublished, and stays silent when it may again', async () => {
    await using it = await openFake()
    const ben = await it.fake.join(await it.token('ben'))
    expect(ben.publish()).toBe(false)
    await it.rooms.updateParticipant(ROOM, 'ben', { permission: TALK })
    expect([ben.publish(TrackSource.CAMERA), ben.publish()]).toEqual([false, true])
    expect(it.fake.audible(ROOM)).toEqual(['ben'])
    await it.rooms.updateParticipant(ROOM, 'ben', { permission: LISTEN })
    expect([ben.isPublishing, it.fake.audible(ROOM)]).toEqual([false, []])
    await it.rooms.updateParticipant(ROOM, 'ben', { permission: TALK })
    expect(it.fake.audible(ROOM)).toEqual([])
  })

  test('nobody of that name, no such room: not_found', async () => {
    await using it = await openFake()
    await it.fake.join(await it.token('ben'))
    const notFound = { status: 404, code: 'not_found' }
    expect(await failure(it.rooms.updateParticipant(ROOM, 'cleo', { permission: TALK }))).toMatchObject(notFound)
    expect(await failure(it.rooms.updateParticipant('no room', 'ben', { permission: TALK }))).toMatchObject(notFound)
    expect(await failure(it.rooms.removeParticipant(ROOM, 'cleo'))).toMatchObject(notFound)
    expect(await failure(it.rooms.deleteRoom('no room'))).toMatchObject(notFound)
  })

  test('rooms and who is in them are listed; of a room that does not exist there is no answer in time', async () => {
    await using it = await openFake()
    await it.fake.join(await it.token('ben', { canPublish: true }))
    await it.fake.join(await it.token('cleo', { room: 'another' }))
    expect((await it.rooms.listRooms()).map(({ name }) => name)).toEqual([ROOM, 'another'])
    expect((await it.rooms.listRooms(['another', 'no room'])).map(({ name }) => name)).toEqual(['another'])
    expect(await it.rooms.listParticipants(ROOM)).toMatchObject([{ identity: 'ben', permission: { canPublish: true }, tracks: [] }])
    expect(await failure(it.hasty.listParticipants('no room'))).toMatchObject({ name: 'TimeoutError' })
  })

  test('who is removed is out, and so is everybody when the room is deleted; with a token both come back', async () => {
    await using it = await openFake()
    const token = await it.token('ben')
    const first = await it.fake.join(token)
    await it.rooms.removeParticipant(ROOM, 'ben')
    expect([first.gone, first.wasPutOut, first.publish()]).toEqual(['PARTICIPANT_REMOVED', true, false])
    const [second, cleo] = [await it.fake.join(token), await it.fake.join(await it.token('cleo'))]
    await it.rooms.deleteRoom(ROOM)
    expect([second.gone, cleo.gone, await it.rooms.listRooms()]).toEqual(['ROOM_DELETED', 'ROOM_DELETED', []])
    expect((await it.fake.join(token)).isInRoom).toBe(true)
  })

  test('the same identity a second time puts the first out, and comes with the rights of its own token', async () => {
    await using it = await openFake()
    const first = await it.fake.join(await it.token('ben'))
    const second = await it.fake.join(await it.token('ben', { canPublish: true }))
    expect([first.gone, second.gone, first.sid === second.sid]).toEqual(['DUPLICATE_IDENTITY', null, false])
    expect(it.fake.participants(ROOM)).toMatchObject([{ identity: 'ben', permission: { canPublish: true } }])
    first.leave()
    expect(it.fake.participants(ROOM)).toHaveLength(1)
  })

  test('a room ends some time after the last has left, and not while somebody comes back', async () => {
    await using it = await openFake({ departureMs: 40 })
    const token = await it.token('ben')
    ;(await it.fake.join(token)).leave()
    const back = await it.fake.join(token)
    await new Promise((resolve) => setTimeout(resolve, 80))
    expect(it.fake.rooms).toEqual([ROOM])
    back.leave()
    await until('the room has ended', () => it.fake.rooms.length === 0)
  })

  test('right after a joining the store may not know of it', async () => {
    await using it = await openFake({ storeLagMs: 60 })
    await it.fake.join(await it.token('ben'))
    const permit = () => failure(it.rooms.updateParticipant(ROOM, 'ben', { permission: TALK }))
    expect(await permit()).toMatchObject({ code: 'not_found' })
    expect(await it.rooms.listParticipants(ROOM)).toHaveLength(1)
    await until('it is found', async () => (await permit()) === null)
  })

  test.each([
    { what: 'an unknown key', keys: { apiKey: 'APIother' } },
    { what: 'another secret', keys: { apiSecret: 'another secret of at least thirty-two letters' } },
  ])('$what: 401', async ({ keys }) => {
    await using it = await openFake({}, keys)
    expect(await failure(it.rooms.listRooms())).toMatchObject({ status: 401 })
  })

  test('a token of a client does not open the RoomService', async () => {
    await using it = await openFake()
    const client = new RoomServiceClient(it.fake.url, undefined, undefined, { token: await it.token('ben') })
    expect(await failure(client.listRooms())).toMatchObject({ status: 401, code: 'unauthenticated' })
    expect(await failure(client.updateParticipant(ROOM, 'ben', { permission: TALK }))).toMatchObject({ status: 401 })
  })
})

describe.concurrent('the door of the fake', () => {
  test('what a token does not say is allowed', async () => {
    await using it = await openFake()
    const token = new AccessToken(it.fake.apiKey, it.fake.apiSecret, { identity: 'ben' })
    token.addGrant({ roomJoin: true, room: ROOM })
    expect((await it.fake.join(await token.toJwt())).permission).toMatchObject({
      canSubscribe: true,
      canPublish: true,
      canPublishData: true,
    })
  })

  test('a token without a room, without the right to join, of another key, or over for more than a minute opens nothing', async () => {
    await using it = await openFake()
    const elsewhere = new AccessToken('APIother', it.fake.apiSecret, { identity: 'ben' })
    elsewhere.addGrant({ roomJoin: true, room: ROOM })
    const tokens = [
      it.token('ben', { room: '' }),
      it.token('ben', { roomJoin: false }),
      elsewhere.toJwt(),
      it.token('ben', {}, '-61s'),
      Promise.resolve('garbage'),
    ]
    for (const token of tokens) expect(await failure(it.fake.join(await token))).not.toBeNull()
    expect((await it.fake.join(await it.token('ben', {}, '-50s'))).isInRoom).toBe(true)
  })

  test('the token that the server sends has the rights of the moment, and lives ten minutes or as long as the first', async () => {
    await using it = await openFake()
    const claims = async (token: string) => new TokenVerifier(it.fake.apiKey, it.fake.apiSecret).verify(token)
    const ben = await it.fake.join(await it.token('ben', {}, 30))
    const listening = await ben.refreshedToken
    await it.rooms.updateParticipant(ROOM, 'ben', { permission: TALK })
    const talking = await ben.refreshedToken
    await it.rooms.updateParticipant(ROOM, 'ben', { permission: LISTEN })
    expect(await claims(listening)).toMatchObject({ sub: 'ben', video: { room: ROOM, canPublish: false } })
    expect(await claims(talking)).toMatchObject({ video: { canPublish: true, canPublishSources: ['microphone'] } })
    expect(((await claims(talking)).exp ?? 0) - Date.now() / 1_000).toBeGreaterThan(595)
    const again = await it.fake.join(talking)
    expect([again.publish(), it.fake.audible(ROOM)]).toEqual([true, ['ben']])
    const long = await it.fake.join(await it.token('cleo', {}, 7_200))
    expect(((await claims(await long.refreshedToken)).exp ?? 0) - Date.now() / 1_000).toBeGreaterThan(7_100)
  })
})

describe.concurrent('what the fake tells', () => {
  test('everything in order, signed as the SDK checks it; of a track no more than whose it is', async () => {
    await using sink = await webhookSink()
    await using it = await openFake({ webhookUrls: [sink.url], departureMs: 0 })
    sink.trust(it.fake)
    const ben = await it.fake.join(await it.token('ben', { canPublish: true }))
    ben.publish()
    await it.rooms.updateParticipant(ROOM, 'ben', { permission: LISTEN })
    ben.leave()
    await until('the room has ended', () => it.fake.rooms.length === 0)
    await it.fake.webhooks.settled()
    expect(sink.told()).toEqual([
      ['room_started', undefined, undefined, undefined],
      ['participant_joined', 'ben', true, undefined],
      ['track_published', 'ben', undefined, TrackSource.MICROPHONE],
      ['track_unpublished', 'ben', undefined, TrackSource.MICROPHONE],
      ['participant_left', 'ben', false, undefined],
      ['room_finished', undefined, undefined, undefined],
    ])
    expect(new Set(sink.events.map(({ id }) => id)).size).toBe(6)
    expect(sink.events.map(({ room }) => room?.name)).toEqual(Array.from({ length: 6 }, () => ROOM))
    expect(sink.events[4]?.participant).toMatchObject({ sid: ben.sid, disconnectReason: 1 })
  })

  test('again after a 5xx and nobody there, and what comes later waits; not after a refusal', async () => {
    await using sink = await webhookSink([503, 500, 401, 200, 429])
    await using it = await openFake({ webhookUrls: [sink.url], webhookRetryMs: 1 })
    sink.trust(it.fake)
    const ben = await it.fake.join(await it.token('ben'))
    ben.leave()
    await it.fake.webhooks.settled()
    expect(sink.told().map(([event]) => event)).toEqual(['participant_joined', 'participant_left'])
    expect(it.fake.webhooks.attempts.map(({ event, status }) => [event, status])).toEqual([
      ['room_started', 503],
      ['room_started', 500],
      ['room_started', 401],
      ['participant_joined', 200],
      ['participant_left', 429],
      ['participant_left', 200],
    ])
  })

  test('five times, then no more', async () => {
    await using it = await openFake({ webhookUrls: ['http://127.0.0.1:1/'], webhookRetryMs: 1 })
    await it.fake.join(await it.token('ben'))
    await it.fake.webhooks.settled()
    expect(it.fake.webhooks.attempts.map(({ event, status }) => `${event} ${status}`)).toEqual([
      ...Array.from({ length: 5 }, () => 'room_started null'),
      ...Array.from({ length: 5 }, () => 'participant_joined null'),
    ])
  })
})
