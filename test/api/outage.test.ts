import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import type { RealtimeEngine } from '../../src/realtime/engine.ts'
import {
  FloorDocument,
  GroupsDocument,
  HeartbeatDocument,
  JoinGroupDocument,
  LogoutDocument,
  MeDocument,
  ReleaseTalkDocument,
  RenewTalkDocument,
  RequestTalkDocument,
  SpeakerChangedDocument,
  TalkBurstsDocument,
} from '../generated/operations.ts'
import { type Client, signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { Stopwatch } from '../support/machine.ts'
import { startNeda } from '../support/start-neda.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const log = pino({ level: 'silent' })

async function demoGroup(client: Client): Promise<string> {
  const { groups } = await client.get(GroupsDocument, {})
  return groups.edges[0]?.node.id ?? ''
}

test('talking reads nothing from the database: press, renewal, release, heartbeat, and every event that is told', async () => {
  await using folder = await dataFolder()
  await using app = await createApp(readConfig({ NEDA_DATA_DIR: folder.path, PORT: '0' }), { log })
  const [ben, cleo] = await Promise.all([signIn(app.url, 'ben', 'push-to-talk'), signIn(app.url, 'cleo', 'push-to-talk')])
  const groupId = await demoGroup(ben)
  await using heard = await cleo.subscribeSse(SpeakerChangedDocument, { groupId })
  await heard.received.next()
  const statements: string[] = []
  const query = pg.Client.prototype.query
  const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: unknown[]) {
    const [first] = args as [string | { text: string }]
    statements.push(typeof first === 'string' ? first : first.text)
    return Reflect.apply(query, this, args) as never
  })
  try {
    await using socket = ben.openSocket()
    const { requestTalk } = await socket.get(RequestTalkDocument, { input: { groupId, requestId: 'r1' } })
    expect(requestTalk.outcome).toBe('GRANTED')
    await socket.get(RenewTalkDocument, { input: { groupId, burstId: requestTalk.burst?.id ?? '' } })
    await ben.get(HeartbeatDocument, { input: { groupIds: [groupId] } })
    await ben.get(FloorDocument, { groupId })
    await ben.get(ReleaseTalkDocument, { input: { groupId, requestId: 'r1' } })
    await heard.received.find(({ data }) => data?.speakerChanged.kind === 'IDLE')
  } finally {
    spy.mockRestore()
  }
  // What remains is the record and the look at what changed, for which nobody waits.
  expect(statements.filter((sql) => /SpeakerHistory/.test(sql)).length).toBeGreaterThan(0)
  expect(
    statements.filter(
      (sql) =>
        !/^(BEGIN|COMMIT|ROLLBACK)|INSERT INTO "(SpeakerHistory|GroupVoiceSession)"|FROM "Change"|JOIN "Change"|UPDATE "Change"/.test(sql),
    ),
  ).toEqual([])
})

test('people go on talking while PostgreSQL is killed, and the record is whole afterwards', async () => {
  await using folder = await dataFolder()
  await using neda = await startNeda({ NEDA_DATA_DIR: folder.path })
  const ben = await signIn(neda.url, 'ben', 'push-to-talk')
  const groupId = await demoGroup(ben)
  await using socket = ben.openSocket()
  const talk = async (requestId: string) => {
    const { requestTalk } = await socket.get(RequestTalkDocument, { input: { groupId, requestId } })
    expect(requestTalk.outcome).toBe('GRANTED')
    await socket.get(ReleaseTalkDocument, { input: { groupId, requestId } })
    return requestTalk.burst?.id
  }
  const ids = [await talk('before')]
  const pid = Number((await readFile(join(folder.path, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
  process.kill(pid, 'SIGQUIT')
  for (let n = 0; n < 8; n++) ids.push(await talk(`during-${n}`))
  const read = async () => {
    const { data } = await ben.ask(TalkBurstsDocument, { groupId })
    return data?.talkBursts.edges.map(({ node }) => [node.id, node.endReason])
  }
  await expect.poll(read, { timeout: 20_000, interval: 200 }).toEqual(ids.toReversed().map((id) => [id, 'RELEASED']))
  expect((await fetch(`${neda.url}/readyz`)).status).toBe(200)
})

test('who cannot be known while PostgreSQL is away is told to try again, and not to forget the tokens', async () => {
  await using folder = await dataFolder()
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  const url = new URL(postgres.url)
  await using proxy = await tcpProxy(Number(url.port))
  url.port = String(proxy.port)
  await using app = await createApp(readConfig({ NEDA_DATA_DIR: folder.path, DATABASE_URL: url.href, PORT: '0' }), { log })
  const [ben, cleo] = await Promise.all([signIn(app.url, 'ben', 'push-to-talk'), signIn(app.url, 'cleo', 'push-to-talk')])
  await cleo.get(LogoutDocument, {})
  const closeCode = async () => {
    await using socket = cleo.openSocket()
    socket.ask(MeDocument, {}).catch(() => undefined)
    return (await socket.closed).code
  }
  proxy.cut()
  const { errors } = await cleo.ask(MeDocument, {})
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true })
  expect(await closeCode()).toBe(1013)
  await using known = ben.openSocket()
  expect((await known.ask(HeartbeatDocument, { input: { groupIds: [] } })).data?.heartbeat.presentIn).toEqual([])
  proxy.mend()
  await expect.poll(() => cleo.refusal(MeDocument, {}), { timeout: 5_000 }).toBe('SESSION_REVOKED')
  expect(await closeCode()).toBe(4401)
})

test('17 an engine that fails, or does not answer, is REALTIME_UNAVAILABLE within 600 ms, and nothing is granted', async () => {
  await using folder = await dataFolder()
  const config = readConfig({ NEDA_DATA_DIR: folder.path, PORT: '0' })
  const away = () => Promise.reject(new Error('the backend is away'))
  const silent = () => new Promise<never>(() => undefined)
  // Well while the demo people are made.
  let fault: () => Promise<unknown> = async () => undefined
  const eventLog = { subscribe: () => fault(), read: () => fault() }
  const own: Record<PropertyKey, unknown> = { name: 'failing', floorLog: eventLog, presenceLog: eventLog, record: () => () => true }
  const engine = new Proxy(own, {
    get: (_target, name) => (name === Symbol.asyncDispose ? async () => undefined : (own[name] ?? (() => fault()))),
  })
  await using app = await createApp(config, { log, engine: engine as unknown as RealtimeEngine })
  const ben = await signIn(app.url, 'ben', 'push-to-talk')
  const groupId = await demoGroup(ben)
  for (const next of [away, silent]) {
    fault = next
    const watch = new Stopwatch()
    expect(await ben.refusal(RequestTalkDocument, { input: { groupId, requestId: 'r' } })).toBe('REALTIME_UNAVAILABLE')
    watch.expect(2_000)
    expect(await ben.refusal(JoinGroupDocument, { input: { groupId } })).toBe('REALTIME_UNAVAILABLE')
    expect(await ben.refusal(FloorDocument, { groupId })).toBe('REALTIME_UNAVAILABLE')
    await using stream = await ben.subscribeSse(SpeakerChangedDocument, { groupId })
    expect((await stream.received.next()).errors?.[0]?.extensions?.code).toBe('REALTIME_UNAVAILABLE')
  }
})
