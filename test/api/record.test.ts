import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import {
  GroupsDocument,
  LoginDocument,
  SpeakerChangedDocument,
  TalkBurstsDocument,
  VoiceSessionsDocument,
} from '../generated/operations.ts'
import { Client, signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { startNeda } from '../support/start-neda.ts'
import { press, release, renew } from '../support/talk.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const log = pino({ level: 'silent' })

/** The record of the demo group, newest first. */
async function recordOf(device: Client, groupId: string) {
  const { talkBursts } = await device.get(TalkBurstsDocument, { groupId, first: 100 })
  return talkBursts.edges.map(({ node }) => node)
}

async function demo(url: string) {
  const [ben, cleo] = await Promise.all([signIn(url, 'ben', 'push-to-talk'), signIn(url, 'cleo', 'push-to-talk')])
  const { groups } = await ben.get(GroupsDocument, {})
  return { ben, cleo, groupId: groups.edges[0]?.node.id ?? '' }
}

test('a database that is away for seconds stops nobody from talking, is named where it is needed, and gets the whole record afterwards', async () => {
  await using folder = await dataFolder()
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  const database = new URL(postgres.url)
  await using proxy = await tcpProxy(Number(database.port))
  database.port = String(proxy.port)
  await using neda = await startNeda({ NEDA_DATA_DIR: folder.path, DATABASE_URL: database.href })
  const { ben, cleo, groupId } = await demo(neda.url)
  await using heard = await cleo.subscribeSse(SpeakerChangedDocument, { groupId })
  const running = await press(ben, groupId, 'began-before')

  proxy.cut()
  await release(ben, groupId, 'began-before')
  const ids = [running.burst?.id]
  for (let n = 0; n < 15; n++) {
    const device = n % 2 === 0 ? ben : cleo
    const { outcome, burst } = await press(device, groupId, `during-${n}`)
    expect(outcome).toBe('GRANTED')
    ids.push(burst?.id)
    await sleep(200)
    expect((await renew(device, groupId, burst?.id)).renewed).toBe(true)
    await release(device, groupId, `during-${n}`)
  }
  expect(await ben.refusal(TalkBurstsDocument, { groupId })).toBe('SERVICE_UNAVAILABLE')
  expect(await new Client(neda.url).refusal(LoginDocument, { input: { username: 'ben', password: 'push-to-talk' } })).toBe(
    'SERVICE_UNAVAILABLE',
  )
  expect((await fetch(`${neda.url}/readyz`)).status).toBe(503)
  expect((await fetch(`${neda.url}/healthz`)).status).toBe(200)

  proxy.mend()
  await expect.poll(async () => (await fetch(`${neda.url}/readyz`)).status, { timeout: 20_000 }).toBe(200)
  const read = async () =>
    (await ben.ask(TalkBurstsDocument, { groupId, first: 100 })).data?.talkBursts.edges.map(({ node }) => [node.id, node.endReason])
  await expect.poll(read, { timeout: 20_000, interval: 200 }).toEqual(ids.toReversed().map((id) => [id, 'RELEASED']))
  const told = heard.received.items.map(({ data }) => data?.speakerChanged.floor.sequence)
  expect(told).toEqual(Array.from({ length: 2 * ids.length + 1 }, (_, n) => n))
})

test('killed at any point of talking and started again, nothing is doubled, nothing stays open, tokens grow', async () => {
  await using folder = await dataFolder()
  const env = { NEDA_DATA_DIR: folder.path }
  const seen = new Map<string, string>()
  let last = 0n
  for (const [round, afterMs] of [0, 3, 11, 40].entries()) {
    const killed = await startNeda(env)
    const { ben, groupId } = await demo(killed.url)
    const talking = (async () => {
      for (let n = 0; ; n++) {
        const { burst } = await press(ben, groupId, `round-${round}-${n}`)
        if (burst) seen.set(burst.id, burst.fencingToken)
        await release(ben, groupId, `round-${round}-${n}`)
      }
    })().catch(() => undefined)
    await sleep(600 + afterMs)
    await killed.end('SIGKILL')
    await talking
  }
  await using neda = await startNeda(env)
  const { cleo, groupId } = await demo(neda.url)
  const record = await recordOf(cleo, groupId)
  expect(new Set(record.map(({ id }) => id)).size).toBe(record.length)
  for (const { endedAt, startedAt, endReason, fencingToken } of record.toReversed()) {
    expect(BigInt(fencingToken)).toBeGreaterThan(last)
    last = BigInt(fencingToken)
    expect(['RELEASED', 'SERVER_RECOVERY', 'CONNECTION_LOST']).toContain(endReason)
    expect(Date.parse(endedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(startedAt))
  }
  for (const { id, fencingToken } of record) if (seen.has(id)) expect(seen.get(id)).toBe(fencingToken)
  const { voiceSessions } = await cleo.get(VoiceSessionsDocument, { groupId })
  expect(voiceSessions.edges.filter(({ node }) => node.endedAt === null)).toEqual([])
  expect(BigInt((await press(cleo, groupId, 'again')).burst?.fencingToken ?? 0)).toBeGreaterThan(last)
})
