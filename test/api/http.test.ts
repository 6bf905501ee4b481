import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FloorDocument, LoginDocument, SpeakerChangedDocument } from '../generated/operations.ts'
import { Client, signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { createTeam } from '../support/people.ts'
import { type Neda, startNeda } from '../support/start-neda.ts'
import type { TemporaryFolder } from '../support/temporary-folder.ts'

describe.concurrent('what comes over the wire', () => {
  let folder: TemporaryFolder
  let neda: Neda
  let admin: Client

  beforeAll(async () => {
    folder = await dataFolder()
    neda = await startNeda({ NEDA_DATA_DIR: folder.path, ALLOWED_ORIGINS: 'https://console.example.org' })
    admin = await signIn(neda.url, 'admin', 'push-to-talk')
  })
  afterAll(async () => {
    await neda[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const send = async (body: BodyInit, headers: Record<string, string> = { 'content-type': 'application/json' }) => {
    const response = await fetch(`${neda.url}/graphql`, { method: 'POST', headers, body })
    return { status: response.status, body: await response.text() }
  }

  test.for([
    ['broken JSON', '{"query":'],
    ['nothing', ''],
    ['null', 'null'],
    ['a query that is no text', '{"query":1}'],
    ['a batch', '[{"query":"{me{id}}"}]', 'BATCHING_NOT_SUPPORTED'],
    ['a syntax error', '{"query":"{me{"}'],
    ['an unknown field', '{"query":"{you{id}}"}', 'GRAPHQL_VALIDATION_FAILED'],
  ])('%s is refused, without a stack, a suggestion or what the parser said of it', async ([, body, code = 'BAD_REQUEST']) => {
    const answer = await send(body ?? '')
    const { errors } = JSON.parse(answer.body)
    expect(errors[0].extensions.code).toBe(code)
    expect(answer.body).not.toMatch(/Did you mean|node_modules|position \d/)
  })

  test('another content type, and a body that is too large, are refused before they are read', async () => {
    expect((await send('query=%7Bme%7Bid%7D%7D', { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415)
    expect((await send('{"query":"{me{id}}"}', { 'content-type': 'text/plain' })).status).toBe(415)
    const large = await send(JSON.stringify({ query: `{me{id}} #${'x'.repeat(100_000)}` }))
    expect(large.status).toBe(413)
    expect(JSON.parse(large.body).errors[0].extensions.code).toBe('REQUEST_ENTITY_TOO_LARGE')
    expect(JSON.parse((await send(JSON.stringify({ query: `{${'me{id} '.repeat(1_000)}}` }))).body).errors[0].extensions.code).toBe(
      'QUERY_TOO_LARGE',
    )
  })

  test('a mutation by GET is refused, an unknown path is 404', async () => {
    const query = encodeURIComponent('mutation{login(input:{username:"admin",password:"push-to-talk"}){accessToken}}')
    expect((await fetch(`${neda.url}/graphql?query=${query}`)).status).toBe(405)
    expect((await fetch(`${neda.url}/nowhere`)).status).toBe(404)
  })

  test('browsers of other origins get no answer to read and no socket', async () => {
    const ask = (origin: string) =>
      fetch(`${neda.url}/graphql`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
    expect((await ask('https://console.example.org')).headers.get('access-control-allow-origin')).toBe('https://console.example.org')
    expect((await ask('https://evil.example.org')).headers.get('access-control-allow-origin')).toBeNull()
    const upgrade = (origin: string) =>
      new Promise<number>((resolve, reject) => {
        import('node:http')
          .then(({ request }) =>
            request(`${neda.url}/graphql`, {
              headers: {
                origin,
                connection: 'upgrade',
                upgrade: 'websocket',
                'sec-websocket-version': '13',
                'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
                'sec-websocket-protocol': 'graphql-transport-ws',
              },
            })
              .on('response', (response) => resolve(response.statusCode ?? 0))
              .on('upgrade', (response, socket) => {
                socket.destroy()
                resolve(response.statusCode ?? 0)
              })
              .on('error', reject)
              .end(),
          )
          .catch(reject)
      })
    expect(await upgrade('https://evil.example.org')).toBe(403)
    expect(await upgrade('https://console.example.org')).toBe(101)
    expect(await upgrade(neda.url)).toBe(101)
  })

  test('a bad document over a socket refuses that operation and nothing else', async () => {
    const { groupId, bensWatch } = await createTeam(admin)
    await using socket = bensWatch.openSocket()
    await using watched = socket.subscribe(SpeakerChangedDocument, { groupId })
    await watched.received.next()
    const broken = { toString: () => '{ nonsense' } as unknown as typeof FloorDocument
    expect((await socket.ask(broken, { groupId })).errors?.[0]?.extensions?.code).toBe('BAD_REQUEST')
    expect((await socket.ask(LoginDocument, { input: { username: 'x' } as never })).errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    expect((await socket.get(FloorDocument, { groupId })).floor.state).toBe('IDLE')
  })

  test('subscribers who ask for more than events carry get it, each with the own rights', async () => {
    const { groupId, bensWatch, ben } = await createTeam(admin)
    const more = {
      toString: () =>
        'subscription ($groupId: ID!) { speakerChanged(groupId: $groupId) { kind floor { burst { speaker { displayName systemRole } group { talkLimitMs members { edges { node { user { id } } } } } } } } }',
    } as unknown as typeof SpeakerChangedDocument
    await using watched = await admin.subscribeSse(more, { groupId })
    await watched.received.next()
    await bensWatch.post({ query: `mutation { requestTalk(input: { groupId: "${groupId}", requestId: "r" }) { outcome } }` })
    const { data, errors } = await watched.received.next()
    expect(errors).toBeUndefined()
    expect(data?.speakerChanged.floor.burst).toMatchObject({
      speaker: { displayName: 'Ben', systemRole: 'USER' },
      group: { talkLimitMs: 30_000 },
    })
    expect(JSON.stringify(data)).toContain(ben.id)
  })
})
