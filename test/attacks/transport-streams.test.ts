import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { JoinGroupDocument, SpeakerChangedDocument } from '../generated/operations.ts'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { OVER_HTTP, subscribeWith } from '../support/subscribers.ts'
import { press } from '../support/talk.ts'

const ORIGIN = 'https://console.example.org'
const APOLLO = 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9'
const EVENTS = 'text/event-stream; charset=utf-8'
const PARTS = 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0'
const HEARTBEAT_MS = 250

describe.concurrent('streams over HTTP', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let team: Awaited<ReturnType<typeof createTeam>>
  beforeAll(async () => {
    neda = await startWithAdmin({ ALLOWED_ORIGINS: ORIGIN, STREAMS_PER_USER: '1000', HEARTBEAT_JOINED_MS: String(HEARTBEAT_MS) })
    team = await createTeam(neda.admin)
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const watch = () => `subscription { speakerChanged(groupId: "${team.groupId}") { kind } }`
  const bearer = () => ({ authorization: `Bearer ${team.bensWatch.accessToken}` })

  /** The head of an answer, and what came of it until it ended or said something. */
  async function ask(query: string, headers: Record<string, string>, method: 'GET' | 'POST' = 'POST') {
    const abort = new AbortController()
    const init =
      method === 'GET' ? { headers } : { headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ query }) }
    const address = `${neda.url}/graphql${method === 'GET' ? `?${new URLSearchParams({ query })}` : ''}`
    const response = await fetch(address, { method, signal: abort.signal, ...init })
    let text = ''
    const reader = response.body?.getReader()
    while (!text.includes('}}\n\n') && !text.includes('}\r\n--graphql')) {
      const { value, done } = (await reader?.read()) ?? { done: true }
      if (done) break
      text += new TextDecoder().decode(value)
    }
    abort.abort()
    return { status: response.status, type: response.headers.get('content-type'), text, headers: response.headers }
  }

  test.for([
    ['text/event-stream', EVENTS],
    ['TEXT/Event-Stream ; q=0.1', EVENTS],
    ['text/event-stream, multipart/mixed', EVENTS],
    ['application/json, text/event-stream', EVENTS],
    ['*/*', EVENTS],
    ['text/*', EVENTS],
    [APOLLO, PARTS],
    ['multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json', PARTS],
    ['multipart/mixed; subscriptionSpec="1.0", application/json', PARTS],
    ['multipart/mixed;subscriptionSpec=1.0, text/event-stream', PARTS],
    ['text/event-stream, multipart/mixed;subscriptionSpec=1.0', EVENTS],
    ['text/event-stream;q=0.5, multipart/mixed;subscriptionSpec=1.0;q=0.9', PARTS],
    ['*/*, multipart/mixed;subscriptionSpec=1.0;q=0.2', PARTS],
    ['multipart/mixed;subscriptionSpec=2.0', null],
    ['multipart/mixed', null],
    ['multipart/mixed;deferSpec=20220824,application/json', null],
    ['application/json', null],
    ['application/graphql-response+json', null],
    ['text/event-stream;q=0', null],
    ['text/event-stream;q=0, */*', null],
    ['', null],
    [',;=,q', null],
  ] as const)('%s gets a subscription as %s', async ([accept, type]) => {
    const answer = await ask(watch(), { ...bearer(), accept })
    if (type !== null) {
      expect([answer.status, answer.type], answer.text).toEqual([200, type])
      expect(answer.text).toContain('"kind":"SNAPSHOT"')
      return
    }
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('BAD_REQUEST')
    for (const way of ['graphql-transport-ws', 'text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])
      expect(answer.text).toContain(way)
  })

  test('the bytes are those of the two protocols, and nothing on the way may keep or change them', async () => {
    const [events, parts] = [await ask(watch(), { ...bearer(), accept: EVENTS }), await ask(watch(), { ...bearer(), accept: APOLLO })]
    const result = '{"data":{"speakerChanged":{"kind":"SNAPSHOT"}}}'
    expect(events.text).toBe(`:\n\nevent: next\ndata: ${result}\n\n`)
    expect(parts.text).toBe(`\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{"payload":${result}}\r\n--graphql`)
    for (const { headers } of [events, parts]) {
      expect(headers.get('cache-control')).toBe('no-cache, no-store, no-transform')
      expect(headers.get('x-accel-buffering')).toBe('no')
      expect(headers.get('content-encoding')).toBeNull()
      expect(headers.get('x-content-type-options')).toBe('nosniff')
    }
  })

  test('what is wrong with a request is told in the stream to who asks for one, and in one answer to who asks for that', async () => {
    for (const query of ['subscription { nothing }', '{ nothing }', 'subscription {']) {
      for (const [accept, begin, end] of [
        ['text/event-stream', ':\n\nevent: next\ndata: {"errors":[{', '}]}\n\nevent: complete\ndata:\n\n'],
        [APOLLO, '\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{"payload":{"errors":[{', '}]}}\r\n--graphql--\r\n'],
      ] as const) {
        const { status, text } = await ask(query, { ...bearer(), accept })
        expect(status).toBe(200)
        expect(text.startsWith(begin) && text.endsWith(end), text).toBe(true)
      }
      const { status, type } = await ask(query, { ...bearer(), accept: 'application/graphql-response+json, text/event-stream' })
      expect([status, type]).toEqual([400, 'application/graphql-response+json; charset=utf-8'])
    }
  })

  test('queries and mutations are answered to clients that would take a stream, as ever', async () => {
    for (const query of ['{ me { displayName } }', `mutation { heartbeat(input: { groupIds: [] }) { presentIn } }`]) {
      const events = await ask(query, { ...bearer(), accept: 'text/event-stream' })
      expect(events).toMatchObject({ status: 200, text: expect.stringContaining('event: next\ndata: {"data":{') })
      const deferred = await ask(query, { ...bearer(), accept: 'multipart/mixed;deferSpec=20220824,application/json' })
      expect(deferred.status).toBe(200)
      expect(deferred.text).toContain('{"data":{')
      const apollo = await ask(query, { ...bearer(), accept: APOLLO })
      expect(apollo.status).toBe(200)
      expect(apollo.text).toContain('{"data":{')
    }
  })

  test('an EventSource that can send a header watches by GET; the one of browsers can not, and is refused like any link', async () => {
    const accept = 'text/event-stream'
    const allowed = await ask(watch(), { ...bearer(), accept }, 'GET')
    expect(allowed).toMatchObject({ status: 200, type: EVENTS, text: expect.stringContaining('SNAPSHOT') })
    expect(await ask(watch(), { accept }, 'GET')).toMatchObject({ status: 403, text: expect.stringContaining('CSRF_BLOCKED') })
    const basic = await ask(watch(), { accept, authorization: 'Basic YTpi' }, 'GET')
    expect(basic).toMatchObject({ status: 403, text: expect.stringContaining('CSRF_BLOCKED') })
    const inAddress = await fetch(`${neda.url}/graphql?${new URLSearchParams({ query: watch(), token: 'x' })}`, { headers: { accept } })
    expect(inAddress.status).toBe(401)
  })

  test('a page of an allowed origin may read a stream, another one gets none', async () => {
    const { headers } = await ask(watch(), { ...bearer(), accept: 'text/event-stream', origin: ORIGIN })
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect((await ask(watch(), { ...bearer(), accept: 'text/event-stream', origin: 'https://evil.example.org' })).status).toBe(403)
  })

  test.for(OVER_HTTP)(
    '%s: a device hears from us often from when it has joined, and its client passes over that',
    async (name, { expect }) => {
      const { groupId, bensWatch, cleosWatch } = await createTeam(neda.admin)
      const accept = name === 'graphql-sse' ? 'text/event-stream' : APOLLO
      const heartbeat = name === 'graphql-sse' ? ':\n\n' : '\r\n\r\n{}\r\n--graphql'
      const abort = new AbortController()
      const body = { query: SpeakerChangedDocument.toString(), variables: { groupId } }
      const response = await cleosWatch.post(body, { accept }, abort.signal)
      let text = ''
      const reading = (async () => {
        for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk)
      })().catch(() => undefined)
      await using heard = subscribeWith(name, cleosWatch, SpeakerChangedDocument, { groupId })
      await heard.received.next()
      const before = text.split(heartbeat).length
      await cleosWatch.get(JoinGroupDocument, { input: { groupId } })
      await expect.poll(() => text.split(heartbeat).length, { timeout: 10_000 }).toBeGreaterThan(before + 3)
      await press(bensWatch, groupId, 'after-heartbeats')
      expect((await heard.received.next()).data?.speakerChanged.kind).toBe('TAKEN')
      expect(heard.faults).toEqual([])
      abort.abort()
      await reading
    },
  )
})

test('too many streams at once are told when to come back, and plain requests are answered meanwhile', async () => {
  await using neda = await startWithAdmin({ OPENINGS_PER_SECOND: '1', STREAMS_PER_USER: '1000' })
  const { groupId, bensWatch } = await createTeam(neda.admin)
  const abort = new AbortController()
  const body = { query: `subscription { speakerChanged(groupId: "${groupId}") { kind } }` }
  const open = (accept: string) => bensWatch.post(body, { accept }, abort.signal)
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => open(n % 2 === 0 ? 'text/event-stream' : APOLLO)))
  const refused = answers.filter(({ status }) => status === 503)
  expect(refused.length).toBeGreaterThan(20)
  expect(answers.filter(({ status }) => status === 200).length).toBe(40 - refused.length)
  for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused[0]?.json()).toMatchObject({ errors: [{ extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true } }] })
  expect((await bensWatch.post({ query: '{ me { id } }' })).status).toBe(200)
  abort.abort()
})
