import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { openRawSocket } from '../support/raw-requests.ts'

const ORIGIN = 'https://console.example.org'
const JSON_TYPE = { 'content-type': 'application/json' }
const GRAPHQL_JSON = { ...JSON_TYPE, accept: 'application/graphql-response+json' }

describe.concurrent('HTTP', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  beforeAll(async () => {
    neda = await startWithAdmin({ ALLOWED_ORIGINS: ORIGIN })
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const answerOf = async (response: Response) => {
    const body = await response.text()
    const errors = body.startsWith('{') ? (JSON.parse(body) as { errors?: { extensions: { code: string } }[] }).errors : undefined
    return { status: response.status, code: errors?.[0]?.extensions.code, body, headers: response.headers }
  }
  const post = async (body: unknown, headers: Record<string, string> = JSON_TYPE) =>
    answerOf(
      await fetch(`${neda.url}/graphql`, {
        method: 'POST',
        headers,
        body: typeof body === 'string' || body instanceof Buffer ? body : JSON.stringify(body),
      }),
    )
  const get = async (query: string, headers: Record<string, string> = {}) =>
    answerOf(await fetch(`${neda.url}/graphql?${new URLSearchParams({ query })}`, { headers }))

  test.for<[attack: string, body: unknown, headers: Record<string, string>, status: number, code: string]>([
    ['A1 half a JSON', '{"query":', JSON_TYPE, 400, 'BAD_REQUEST'],
    ['A2 nothing', '', JSON_TYPE, 400, 'BAD_REQUEST'],
    ['A2 null', 'null', JSON_TYPE, 400, 'BAD_REQUEST'],
    ['A2 a query that is a number', { query: 1 }, JSON_TYPE, 400, 'BAD_REQUEST'],
    ['A2 variables that are a text', { query: '{ __typename }', variables: 'x' }, JSON_TYPE, 400, 'BAD_REQUEST'],
    ['A2 no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), JSON_TYPE, 400, 'BAD_REQUEST'],
    ['A3 a batch', [{ query: '{ __typename }' }, { query: '{ __typename }' }], JSON_TYPE, 400, 'BATCHING_NOT_SUPPORTED'],
    ['A4 101 KB', { query: `{ __typename } #${'x'.repeat(101_000)}` }, JSON_TYPE, 413, 'REQUEST_ENTITY_TOO_LARGE'],
    ['A5 a text', '{"query":"{__typename}"}', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['A5 a form', 'query={__typename}', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['A5 a form of many parts', '--x\r\n\r\n--x--', { 'content-type': 'multipart/form-data; boundary=x' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['A5 a bare document', '{ __typename }', { 'content-type': 'application/graphql' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      "A7 somebody's page with a cookie",
      { query: '{ __typename }' },
      { ...JSON_TYPE, origin: 'https://evil.example.org', 'sec-fetch-site': 'cross-site', cookie: 'session=x' },
      403,
      'CSRF_BLOCKED',
    ],
    ["A7 somebody's page that hides its origin", { query: '{ __typename }' }, { ...JSON_TYPE, origin: 'null' }, 403, 'CSRF_BLOCKED'],
    [
      'A7 a page on a neighbouring host',
      { query: '{ __typename }' },
      { ...JSON_TYPE, origin: 'https://x.example.org' },
      403,
      'CSRF_BLOCKED',
    ],
    [
      'A7 a page whose origin begins like an allowed one',
      { query: '{ __typename }' },
      { ...JSON_TYPE, origin: `${ORIGIN}.evil.example.org` },
      403,
      'CSRF_BLOCKED',
    ],
  ])('%s', async ([, body, headers, status, code]) => {
    for (const accept of ['application/json', 'application/graphql-response+json', 'text/event-stream']) {
      const answer = await post(body, { accept, ...headers })
      expect([answer.status, answer.code], answer.body).toEqual([status, code])
      expect(answer.body).not.toMatch(/originalError|position|Unexpected token/)
    }
  })

  test('A4 101 KB in pieces, of which nobody said how many they are', async () => {
    const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const request = httpRequest(
        `${neda.url}/graphql`,
        { method: 'POST', headers: { ...JSON_TYPE, 'transfer-encoding': 'chunked' } },
        (response) => {
          let body = ''
          response.on('data', (chunk: Buffer) => (body += chunk.toString()))
          response.on('end', () => resolve({ status: response.statusCode, body }))
        },
      )
      request.on('error', reject)
      for (let n = 0; n < 11; n++) request.write('x'.repeat(10_000))
      request.end()
    })
    expect(answer).toMatchObject({ status: 413 })
    expect(answer.body).toContain('REQUEST_ENTITY_TOO_LARGE')
  })

  test('A6 a link reads nothing and changes nothing', async () => {
    expect(await get('{ __typename }')).toMatchObject({ status: 403, code: 'CSRF_BLOCKED' })
    for (const header of ['x-neda-csrf', 'apollo-require-preflight'])
      expect(await get('{ __typename }', { [header]: '1' })).toMatchObject({ status: 200, code: undefined })
    expect(await get('{ __typename }', JSON_TYPE)).toMatchObject({ status: 200 })
    for (const headers of [{}, { 'x-neda-csrf': '1' }, JSON_TYPE]) {
      const answer = await get('mutation { logout { userErrors { code } } }', headers)
      expect(answer).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' })
      expect(answer.headers.get('allow')).toBe('POST')
    }
    const broken = await fetch(`${neda.url}/graphql?query={__typename}&variables={`, { headers: JSON_TYPE })
    expect(await answerOf(broken)).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
  })

  test('A7 an allowed page is answered, and so is who has no page at all', async () => {
    const allowed = await post({ query: '{ __typename }' }, { ...JSON_TYPE, origin: ORIGIN, 'sec-fetch-site': 'cross-site' })
    expect(allowed.status).toBe(200)
    expect(allowed.headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect((await post({ query: '{ __typename }' })).status).toBe(200)
  })

  test.for(['PUT', 'DELETE', 'PATCH', 'TRACE', 'HEAD'])('A8 %s is not for GraphQL', async (method) => {
    const { hostname, port } = new URL(neda.url)
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () =>
        socket.write(`${method} /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      )
      let text = ''
      socket.on('data', (chunk) => (text += chunk.toString()))
      socket.on('close', () => resolve(text))
      socket.on('error', reject)
    })
    expect(answer).toMatch(/^HTTP\/1.1 405 /)
    expect(answer.toLowerCase()).toContain('allow: get, post')
    if (method !== 'HEAD') expect(answer).toContain('METHOD_NOT_ALLOWED')
  })

  test('statuses are those of the codes where a client asks for them, and 200 where it does not', async () => {
    const cases = [
      ['{ me { id } }', 401, 'UNAUTHENTICATED'],
      ['{ me { ', 400, 'BAD_REQUEST'],
      ['{ nothing }', 400, 'GRAPHQL_VALIDATION_FAILED'],
      ['query ($id: ID!) { group(id: $id) { id } }', 400, 'BAD_USER_INPUT'],
    ] as const
    for (const [query, status, code] of cases) {
      expect(await post({ query }, GRAPHQL_JSON)).toMatchObject({ status, code })
      expect(await post({ query }, { ...JSON_TYPE, accept: 'application/json' })).toMatchObject({ status: 200, code })
    }
    const authorization = `Bearer ${neda.admin.accessToken}`
    const partly = await post({ query: '{ me { id } group(id: "x") { id } }' }, { ...GRAPHQL_JSON, authorization })
    expect(partly).toMatchObject({ status: 200, code: 'NOT_FOUND' })
    expect(partly.headers.get('content-type')).toBe('application/graphql-response+json; charset=utf-8')
    expect((await post('', GRAPHQL_JSON)).headers.get('content-type')).toBe('application/graphql-response+json; charset=utf-8')
  })

  test('whatever is answered is not kept, guessed at, framed or run, and does not say what made it', async () => {
    for (const path of ['/graphql', '/healthz', '/readyz', '/nowhere', '/%', '//']) {
      const { headers } = await fetch(`${neda.url}${path}`)
      expect(headers.get('x-content-type-options'), path).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toBe('no-store')
      expect([headers.get('x-powered-by'), headers.get('server')]).toEqual([null, null])
    }
    const page = await fetch(`${neda.url}/graphql`, { headers: { accept: 'text/html' } })
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  })

  test('A60 of one user eight streams are open at once, whatever device it is, and one that is closed makes room', async ({ expect }) => {
    const { groupId, ben, cleosWatch } = await createTeam(neda.admin)
    const devices = await Promise.all([ben.device(), ben.device()])
    const open = async (n: number, device = devices[n % 2] ?? devices[0]) => {
      const abort = new AbortController()
      const response = await fetch(`${neda.url}/graphql`, {
        method: 'POST',
        headers: { ...JSON_TYPE, accept: 'text/event-stream', authorization: `Bearer ${device.accessToken}` },
        body: JSON.stringify({ query: `subscription { speakerChanged(groupId: "${groupId}") { kind } }` }),
        signal: abort.signal,
      })
      let text = ''
      const reader = response.body?.getReader()
      while (!text.includes('data: {')) text += new TextDecoder().decode((await reader?.read())?.value)
      return { text, abort }
    }
    const streams = []
    for (let n = 0; n < 50; n++) streams.push(await open(n))
    expect(streams.slice(0, 8).filter(({ text }) => text.includes('SNAPSHOT'))).toHaveLength(8)
    expect(streams.slice(8).filter(({ text }) => text.includes('LIMIT_EXCEEDED'))).toHaveLength(42)
    expect((await open(0, cleosWatch)).text).toContain('SNAPSHOT')
    streams[3]?.abort.abort()
    await expect.poll(async () => (await open(0)).text, { timeout: 5_000 }).toContain('SNAPSHOT')
  })

  test('A60 a stream that nobody reads, or whose reader leaves before it begins, leaves nothing open', async ({ expect }) => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    const body = JSON.stringify({ query: `subscription { speakerChanged(groupId: "${groupId}") { kind } }` })
    const { hostname, port } = new URL(neda.url)
    // One answer has no place for events: it is 406.
    for (let n = 0; n < 10; n++) expect((await bensWatch.post(JSON.parse(body) as object)).status).toBe(400)
    for (let n = 0; n < 30; n++) {
      const socket = connect(Number(port), hostname)
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${bensWatch.accessToken}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        () => socket.destroy(),
      )
    }
    const watch = async () => {
      const response = await bensWatch.post(JSON.parse(body) as object, { accept: 'text/event-stream' })
      const reader = response.body?.getReader()
      let text = ''
      while (!text.includes('data: {')) text += new TextDecoder().decode((await reader?.read())?.value)
      return text
    }
    await expect.poll(watch, { timeout: 5_000 }).toContain('SNAPSHOT')
  })

  test.for(['access_token', 'token', 'authorization', 'Bearer', 'auth_token', 'jwt'])(
    'A60 a token in the address as %s is refused',
    async (name) => {
      const address = `${neda.url}/graphql?${new URLSearchParams({ [name]: neda.admin.accessToken ?? '', query: '{ me { id } }' })}`
      for (const init of [
        { headers: JSON_TYPE },
        { method: 'POST', headers: { ...JSON_TYPE, accept: 'text/event-stream' }, body: '{"query":"{ me { id } }"}' },
      ])
        expect(await answerOf(await fetch(address, init))).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
    },
  )
})

test('A58 who is not signed in asks fifty times a second, and those who are do not notice', async () => {
  // As it is when nothing is set.
  await using neda = await startWithAdmin({ REQUESTS_PER_ADDRESS: '' })
  const send = (headers: Record<string, string> = {}) =>
    fetch(`${neda.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ query: '{ __typename }' }),
    })
  const began = performance.now()
  const answers = await Promise.all(Array.from({ length: 500 }, () => send({ authorization: 'Bearer forged' })))
  const windows = Math.ceil((performance.now() - began) / 1_000) + 1
  const limited = answers.filter(({ status }) => status === 429)
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(50 * windows)
  expect(limited.length).toBe(500 - answers.filter(({ status }) => status === 200).length)
  expect(await limited[0]?.json()).toMatchObject({
    errors: [{ extensions: { code: 'RATE_LIMITED', retryable: true, retryAfterMs: expect.any(Number) } }],
  })
  expect(limited[0]?.headers.get('retry-after')).toBe('1')
  expect((await neda.admin.post({ query: '{ me { id } }' })).status).toBe(200)
  await using socket = await openRawSocket(neda.url, {})
  for (let n = 0; n < 100; n++) socket.send({ id: String(n), type: 'subscribe', payload: { query: '{ __typename }' } })
  const overSocket: string[] = []
  for (let n = 0; n < 100; n++) overSocket.push(JSON.stringify(await socket.next()))
  expect(overSocket.filter((message) => message.includes('RATE_LIMITED')).length).toBeGreaterThan(0)
})
