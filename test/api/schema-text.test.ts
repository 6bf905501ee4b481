import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPerson, startWithAdmin } from '../support/people.ts'

const FILE = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')

let neda: Awaited<ReturnType<typeof startWithAdmin>>

const ask = (headers: Record<string, string> = {}, method = 'GET') => fetch(`${neda.url}/schema.graphql`, { method, headers })
const bearer = (token: string | null) => ({ authorization: `Bearer ${token}` })
const codeOf = async (response: Response) =>
  ((await response.json()) as { errors: [{ extensions: { code: string } }] }).errors[0].extensions.code

describe('the schema as a file', () => {
  beforeAll(async () => {
    neda = await startWithAdmin()
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  test('is schema.graphql, for anybody where introspection is', async () => {
    const response = await ask()
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await response.text()).toBe(FILE)
  })

  test('is sent again only when it has changed, also through a proxy that compresses', async () => {
    const etag = (await ask()).headers.get('etag') ?? ''
    for (const known of [etag, `W/${etag}`, `"another", ${etag}`]) {
      const response = await ask({ 'if-none-match': known })
      expect(response.status).toBe(304)
      expect(await response.text()).toBe('')
      expect(response.headers.get('etag')).toBe(etag)
    }
    expect((await ask({ 'if-none-match': '"another"' })).status).toBe(200)
  })

  test('tells its size to who asks for that alone', async () => {
    const response = await ask({}, 'HEAD')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(FILE)))
  })

  test('can be read, and nothing else', async () => {
    const response = await ask({}, 'POST')
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })

  test('is not for pages of somebody else', async () => {
    expect(await codeOf(await ask({ origin: 'https://elsewhere.example' }))).toBe('CSRF_BLOCKED')
    expect(await codeOf(await ask({ 'sec-fetch-site': 'cross-site' }))).toBe('CSRF_BLOCKED')
  })
})

describe('the schema as a file in production', () => {
  beforeAll(async () => {
    neda = await startWithAdmin({
      NODE_ENV: 'production',
      NEDA_EMBEDDED: 'allowed',
      ADMIN_TOTP: 'optional',
      REQUESTS_PER_ADDRESS: '20',
    })
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  test('is for admins alone', async () => {
    const member = await (await createPerson(neda.admin, 'Ben')).device()
    for (const headers of [{}, bearer(member.accessToken)]) {
      expect(await codeOf(await ask(headers))).toBe('INTROSPECTION_DISABLED')
    }
    expect(await (await ask(bearer(neda.admin.accessToken))).text()).toBe(FILE)
  })

  test('is refused also to who knows its ETag', async () => {
    const etag = (await ask(bearer(neda.admin.accessToken))).headers.get('etag') ?? ''
    expect(await codeOf(await ask({ 'if-none-match': etag }))).toBe('INTROSPECTION_DISABLED')
  })

  test('says to who sent a token that is not good that signing in is missing', async () => {
    expect(await codeOf(await ask(bearer('one.of.yesterday')))).toBe('UNAUTHENTICATED')
  })

  test('counts to what an address may ask for', async () => {
    const codes = await Promise.all(Array.from({ length: 40 }, async () => codeOf(await ask())))
    expect(new Set(codes)).toEqual(new Set(['INTROSPECTION_DISABLED', 'RATE_LIMITED']))
  })
})
