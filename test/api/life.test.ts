import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as sdk from '../../sdk/src/index.ts'
import {
  GroupsDocument,
  ReleaseTalkDocument,
  RequestTalkDocument,
  SpeakerChangedDocument,
  TalkBurstsDocument,
} from '../generated/operations.ts'
import { signIn } from '../support/client.ts'
import { Received } from '../support/received.ts'
import { granted, sdkDevice, untilRadio } from '../support/sdk-device.ts'
import { failingNeda, startNeda } from '../support/start-neda.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

const portOf = (url: string) => Number(new URL(url).port)

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** The life of one NEDA and its data folder, from the first start on: each test goes on where the one before it ended. */
describe('NEDA starts, stops, is killed and starts again', () => {
  let folder: TemporaryFolder
  let env: Record<string, string>

  beforeAll(async () => {
    folder = await temporaryFolder()
    env = { NEDA_DATA_DIR: folder.path }
  })
  afterAll(() => folder[Symbol.asyncDispose]())

  const postgresPid = async () => Number((await readFile(join(folder.path, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])

  const demo = async (url: string) => {
    const [ben, cleo] = await Promise.all([signIn(url, 'ben', 'push-to-talk'), signIn(url, 'cleo', 'push-to-talk')])
    const { groups } = await ben.get(GroupsDocument, { first: 10 })
    const [group] = groups.edges
    if (!group) throw new Error('there is no demo group')
    return { ben, cleo, groupId: group.node.id, groups: groups.edges.map(({ node }) => node.name) }
  }

  test('the first start makes everything, says what runs, and Ctrl-C stops all of it', async () => {
    const neda = await startNeda(env)
    expect(neda.printed()).toMatch(/NEDA is ready at http:\/\/127\.0\.0\.1:\d+ after/)
    for (const line of [
      '/graphql',
      'embedded PostgreSQL 18',
      'in process',
      'none: tokens are for livekit-server --dev',
      'ben',
      'push-to-talk',
    ])
      expect(neda.printed()).toContain(line)
    expect((await fetch(`${neda.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${neda.url}/readyz`)).status).toBe(200)
    const secret = await readFile(join(folder.path, 'secret-key'), 'utf8')
    expect(secret.trim().length).toBeGreaterThanOrEqual(32)
    expect((await stat(join(folder.path, 'secret-key'))).mode & 0o777).toBe(0o600)
    expect(neda.printed()).not.toContain(secret.trim())

    const { ben, groupId } = await demo(neda.url)
    await ben.get(RequestTalkDocument, { input: { groupId, requestId: 'first' } })
    await ben.get(ReleaseTalkDocument, { input: { groupId, requestId: 'first' } })
    const postgres = await postgresPid()
    await neda.end('SIGINT')
    expect(neda.printed()).toContain('NEDA stops.')
    expect(neda.printed()).not.toMatch(/error|incomplete/i)
    // It has ended; that its parent, which has ended too, is told of it takes a moment.
    await expect.poll(() => isAlive(postgres)).toBe(false)
  })

  test('the second start finds everything again, and SIGTERM in the middle of a burst closes the record', async () => {
    const neda = await startNeda(env)
    const { ben, cleo, groupId, groups } = await demo(neda.url)
    expect(groups).toEqual(['Night watch'])
    const { talkBursts } = await cleo.get(TalkBurstsDocument, { groupId })
    expect(talkBursts.edges.map(({ node }) => node.endReason)).toEqual(['RELEASED'])
    await ben.get(RequestTalkDocument, { input: { groupId, requestId: 'second' } })
    await using socket = cleo.openSocket()
    await using heard = socket.subscribe(SpeakerChangedDocument, { groupId })
    await heard.received.next()
    await neda.end('SIGTERM')
    expect(neda.printed()).toContain('NEDA stops.')
    expect((await socket.closed).code).toBe(1012)
  })

  test('killed in the middle of a burst, the next start takes the database over and closes the burst SERVER_RECOVERY, and its device comes back', async () => {
    const killed = await startNeda(env)
    await using proxy = await tcpProxy(portOf(killed.url))
    await using ben = await sdkDevice(`http://127.0.0.1:${proxy.port}`, 'ben', { password: 'push-to-talk' })
    const groupId = (await ben.execute(sdk.GroupsDocument, { first: 10 })).groups.edges[0]?.node.id ?? ''
    const record = async () => (await ben.execute(sdk.TalkBurstsDocument, { groupId })).talkBursts.edges.map(({ node }) => node)
    const heard = new Received<sdk.SpeakerChangedSubscription['speakerChanged']>()
    ben.observe(sdk.SpeakerChangedDocument, { groupId }, { next: (event) => heard.add(event.speakerChanged), ended: () => heard.end() })
    const radio = ben.talk(groupId)
    await radio.ready()
    const burst = await granted(radio)
    const { floor } = await heard.find(({ kind }) => kind === 'TAKEN')
    // Reading the record waits for it: the burst is in the database now.
    expect((await record())[0]?.id).toBe(burst.id)
    await killed.end('SIGKILL')
    const postgres = await postgresPid()
    expect(isAlive(postgres)).toBe(true)

    await using neda = await startNeda(env)
    proxy.turnTo(portOf(neda.url))
    ben.wake()
    const back = await heard.next()
    expect(back).toMatchObject({ kind: 'SNAPSHOT', gap: true, floor: { state: 'IDLE', sequence: 0 } })
    expect(back.floor.epoch).not.toBe(floor.epoch)
    await untilRadio(radio, ({ talk, membership, isLive }) => talk.phase === 'IDLE' && membership === 'JOINED' && isLive)
    const [last, ...before] = await record()
    expect(before.map(({ endReason }) => endReason)).toEqual(['SERVER_RECOVERY', 'RELEASED'])
    expect(last).toMatchObject({ id: burst.id, startedAt: burst.startedAt, endReason: 'SERVER_RECOVERY' })
    expect(last?.durationMs).toBeGreaterThanOrEqual(0)
    expect(BigInt((await granted(radio)).fencingToken)).toBeGreaterThan(BigInt(burst.fencingToken))
  })

  test('a second NEDA on the same data folder is refused while the first one runs', async () => {
    await using neda = await startNeda(env)
    const { code, printed } = await failingNeda(env)
    expect(code).toBe(1)
    expect(printed).toContain('in use by another NEDA')
    expect((await fetch(`${neda.url}/readyz`)).status).toBe(200)
  })

  test('the environment is checked at start: every problem is named at once, no value is printed', async () => {
    const { code, printed } = await failingNeda({
      ...env,
      PORT: 'eighty',
      REDIS_URL: 'http://secret@localhost',
      SECRET_KEY: 'tooshort',
      LIVEKIT_URL: 'ws://livekit',
    })
    expect(code).toBe(1)
    for (const name of ['PORT', 'REDIS_URL', 'SECRET_KEY', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET']) expect(printed).toContain(name)
    for (const value of ['eighty', 'secret@localhost', 'tooshort', 'ws://livekit']) expect(printed).not.toContain(value)
  })

  test('in production there are no demo people, and those of a former demo cannot sign in', async () => {
    await using neda = await startNeda({ ...env, NODE_ENV: 'production', NEDA_EMBEDDED: 'allowed' })
    expect(neda.printed()).not.toContain('push-to-talk')
    await expect(signIn(neda.url, 'ben', 'push-to-talk')).rejects.toThrow('INVALID_CREDENTIALS')
  })
})
