import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FloorDocument, MeDocument, memoryTokenStore, NedaClient, NedaError, SpeakerChangedDocument } from '../../sdk/src/index.ts'
import { RemoveGroupMemberDocument, ResetUserPasswordDocument } from '../generated/operations.ts'
import { lasting } from '../support/forged-tokens.ts'
import { createGroup, createPerson, PASSWORD } from '../support/people.ts'
import { sdkDevice, untilRadio } from '../support/sdk-device.ts'
import { realServer, SECRET_KEY } from './real-server.ts'

let server: Awaited<ReturnType<typeof realServer>>
beforeAll(async () => {
  server = await realServer()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const TRANSPORTS = ['websocket', 'sse', 'multipart'] as const

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('two devices hear each other, and one who is cut off in between misses nothing', async () => {
    const { maya, ben, groupId, proxy } = server
    const [mayas, bens] = [await server.device(maya.username, { transport }), await server.device(ben.username, { transport })]
    const told: number[] = []
    const next = ({ speakerChanged: { floor } }: { speakerChanged: { floor: { sequence: number } } }) => told.push(floor.sequence)
    bens.observe(SpeakerChangedDocument, { groupId }, { next, ended: () => undefined })
    const [mayasRadio, bensRadio] = [mayas.talk(groupId), bens.talk(groupId)]
    await Promise.all([mayasRadio.ready(), bensRadio.ready()])
    for (let round = 0; round < 3; round++) {
      const talk = await mayasRadio.press()
      expect(talk.phase).toBe('TALKING')
      const { heard } = await untilRadio(bensRadio, ({ heard }) => heard !== null)
      expect(heard).toBe(talk.phase === 'TALKING' ? talk.burst.mediaIdentity : null)
      proxy.reset()
      mayasRadio.release()
      await untilRadio(bensRadio, ({ heard, isLive }) => heard === null && isLive)
      await untilRadio(mayasRadio, ({ isLive, membership }) => isLive && membership === 'JOINED')
    }
    expect(told).toHaveLength(new Set(told).size)
    expect(told).toEqual(Array.from(told, (_, index) => (told[0] ?? 0) + index))
    await Promise.all([mayas.close(), bens.close()])
  })

  test('what happened while it was away is told when it is back, each event once', async () => {
    const { admin, maya, ben, proxy, directUrl } = server
    const groupId = await createGroup(admin, 'Away', maya, [ben])
    const [mayas, bens] = [await sdkDevice(directUrl, maya.username), await server.device(ben.username, { transport })]
    const told: string[] = []
    let isLive = false
    bens.observe(
      SpeakerChangedDocument,
      { groupId },
      { next: ({ speakerChanged }) => told.push(speakerChanged.kind), live: (now) => (isLive = now), ended: () => undefined },
    )
    const radio = mayas.talk(groupId)
    await radio.ready()
    await expect.poll(() => isLive, { timeout: 15_000 }).toBe(true)
    proxy.cut()
    await expect.poll(() => isLive, { timeout: 15_000 }).toBe(false)
    for (let burst = 0; burst < 3; burst++) {
      expect((await radio.press()).phase).toBe('TALKING')
      await untilRadio(radio, ({ floor }) => floor?.state === 'TAKEN')
      radio.release()
      await untilRadio(radio, ({ floor }) => floor?.state === 'IDLE')
    }
    proxy.mend()
    await expect.poll(() => isLive, { timeout: 15_000 }).toBe(true)
    expect(told).toEqual(['SNAPSHOT', ...Array.from({ length: 3 }, () => ['TAKEN', 'IDLE']).flat()])
    await Promise.all([mayas.close(), bens.close()])
  })

  test('who is removed, or signed out, is told why, and holds nothing', async () => {
    const { admin, maya } = server
    const dora = await createPerson(admin, 'Dora')
    const [one, two] = [await createGroup(admin, 'One', maya, [dora]), await createGroup(admin, 'Two', maya, [dora])]
    const device = await server.device(dora.username, { transport })
    const told: (string | undefined)[] = []
    device.onTokens((_tokens, why) => told.push(why?.code))
    const [first, second] = [device.talk(one), device.talk(two)]
    await Promise.all([first.ready(), second.ready()])
    expect((await first.press()).phase).toBe('TALKING')
    await admin.get(RemoveGroupMemberDocument, { input: { groupId: one, userId: dora.id } })
    expect(await untilRadio(first, ({ membership }) => membership === 'ENDED')).toMatchObject({ talk: { phase: 'IDLE' } })
    expect(['ACCESS_REVOKED', 'NOT_FOUND']).toContain(first.state.error?.code)
    expect((await second.press()).phase).toBe('TALKING')
    await admin.get(ResetUserPasswordDocument, { input: { userId: dora.id, newPassword: `${PASSWORD} of another kind` } })
    expect(await untilRadio(second, ({ membership }) => membership === 'ENDED')).toMatchObject({ error: { code: 'SESSION_REVOKED' } })
    expect(second.isTalking).toBe(false)
    expect(told).toEqual(['SESSION_REVOKED'])
    expect(await device.tokens()).toBeNull()
    await device.close()
  })

  test('a burst outlives the access token, and so do its streams', async () => {
    const { ben, groupId, url } = server
    const first = await server.device(ben.username, { transport })
    const tokens = await first.tokens()
    if (!tokens) throw new Error('not signed in')
    const lifeMs = 6_000
    const ending = {
      ...tokens,
      accessToken: await lasting(tokens.accessToken, lifeMs, SECRET_KEY),
      accessTokenExpiresAt: new Date(Date.now() + lifeMs).toISOString(),
    }
    await first.close()
    const client = new NedaClient({ url, transport, tokens: memoryTokenStore(ending) })
    const radio = client.talk(groupId)
    await radio.ready()
    const cues: (string | null)[] = []
    let wasAway = false
    radio.subscribe(({ isLive }, cue) => {
      cues.push(cue)
      if (!isLive) wasAway = true
    })
    expect((await radio.press()).phase).toBe('TALKING')
    await sleep(lifeMs + 2_500)
    expect(radio.isTalking).toBe(true)
    expect((await client.tokens())?.accessToken).not.toBe(ending.accessToken)
    await untilRadio(radio, ({ isLive }) => isLive)
    // A socket goes on with the next token; what is watched over HTTP is asked for again.
    expect(wasAway).toBe(transport !== 'websocket')
    expect(cues.filter((cue) => cue !== null)).toEqual(['GRANTED'])
    await client.close()
  })
})

test('without a WebSocket it listens to server-sent events, and so it does where none can be opened', async () => {
  const { ben, groupId } = server
  let tried = 0
  class Blocked extends EventTarget {
    readonly readyState = 3
    constructor() {
      super()
      tried += 1
      queueMicrotask(() => this.dispatchEvent(Object.assign(new Event('close'), { code: 1006, reason: '' })))
    }
    send() {}
    close() {}
  }
  for (const WebSocket of [null, Blocked as never]) {
    const device = await server.device(ben.username, { environment: { WebSocket, random: () => 0.01 } })
    const radio = device.talk(groupId)
    await radio.ready()
    expect((await radio.press()).phase).toBe('TALKING')
    await device.close()
  }
  expect(tried).toBeGreaterThanOrEqual(2)
})

test('a refresh whose answer is lost signs nobody out', async () => {
  const { ben, proxy } = server
  const device = await server.device(ben.username)
  const tokens = await device.tokens()
  if (!tokens) throw new Error('not signed in')
  const client = new NedaClient({ url: server.url, tokens: memoryTokenStore({ ...tokens, accessToken: 'ended' }) })
  proxy.dropReplies()
  const me = client.execute(MeDocument, {}, { timeoutMs: 30_000 })
  await sleep(1_000)
  proxy.mend()
  expect((await me).me.username).toBe(ben.username)
  expect((await client.tokens())?.refreshToken).not.toBe(tokens.refreshToken)
  await client.close()
})

test('what is refused is thrown with its code; what nobody may know of in advance is not executed', async () => {
  const { ben, maya, groupId } = server
  const device = await server.device(ben.username)
  await expect(device.signIn({ username: ben.username, password: 'wrong' })).rejects.toMatchObject({ code: 'INVALID_CREDENTIALS' })
  await expect(device.execute(FloorDocument, { groupId: 'R3JvdXA6eA' })).rejects.toBeInstanceOf(NedaError)
  await expect(device.execute('query Me{me{id}}', {})).rejects.toMatchObject({ code: 'PERSISTED_QUERY_REQUIRED' })
  const events = device.subscribe(SpeakerChangedDocument, { groupId: `${groupId}x` })
  await expect(events.next()).rejects.toMatchObject({ retryable: false })
  expect((await device.execute(FloorDocument, { groupId })).floor.state).toBeDefined()
  const mayas = await server.device(maya.username)
  await mayas.signOut()
  expect(await mayas.tokens()).toBeNull()
  await expect(mayas.execute(MeDocument, {})).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('events can be read one after the other, and end with the client', async () => {
  const { ben, groupId } = server
  const device = await server.device(ben.username)
  const kinds: string[] = []
  for await (const { speakerChanged } of device.subscribe(SpeakerChangedDocument, { groupId })) {
    kinds.push(speakerChanged.kind)
    void device.close()
  }
  expect(kinds).toEqual(['SNAPSHOT'])
})
