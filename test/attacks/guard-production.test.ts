import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPerson, startWithAdmin } from '../support/people.ts'
import { type Asked, askOver, WAYS, type Way } from '../support/raw-requests.ts'

const PRODUCTION = { NODE_ENV: 'production', NEDA_EMBEDDED: 'allowed', ADMIN_TOTP: 'optional' }

/** Introspection that goes in circles. */
const CIRCULAR = `{ __schema { types { ${'fields { type { '.repeat(6)} name ${'} } '.repeat(6)} } } }`

const INTROSPECTION: [attack: string, asked: Asked][] = [
  ['__schema', { query: '{ __schema { queryType { name } } }' }],
  ['__type', { query: '{ __type(name: "User") { name } }' }],
  ['__type in a fragment', { query: '{ ...A } fragment A on Query { a: __type(name: "User") { name } }' }],
  [
    '__schema in the operation that is not meant',
    { query: 'query A { __typename } query B { __schema { queryType { name } } }', operationName: 'A' },
  ],
  ['circular introspection', { query: CIRCULAR }],
]

/** What a tool would try that rebuilds a schema from error messages: true names, names that are nearly true, and others. */
const WORDS = [
  'me',
  'm',
  'mee',
  'user',
  'usr',
  'users',
  'group',
  'grp',
  'groups',
  'floor',
  'flor',
  'login',
  'logn',
  'sessions',
  'auditLog',
  'secret',
  'node',
  'nodes',
  'talkBursts',
]

describe.concurrent('production', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let member: string | null

  beforeAll(async () => {
    neda = await startWithAdmin(PRODUCTION)
    member = (await (await createPerson(neda.admin, 'Ben')).device()).accessToken
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const codesOf = async (way: Way, asked: Asked, token: string | null) =>
    ((await askOver(way, neda.url, asked, token)).errors ?? []).map(({ extensions }) => extensions?.code)

  for (const way of WAYS) {
    test.for(INTROSPECTION)(`A17 %s is for admins alone over ${way}`, async ([name, asked]) => {
      expect(await codesOf(way, asked, null)).toEqual(['INTROSPECTION_DISABLED'])
      expect(await codesOf(way, asked, member)).toEqual(['INTROSPECTION_DISABLED'])
      const forAdmin = await codesOf(way, asked, neda.admin.accessToken)
      // How deep it may go is limited for everybody.
      expect(forAdmin).toEqual(name === 'circular introspection' ? ['GRAPHQL_VALIDATION_FAILED'] : [])
    })

    test(`A17 __typename tells nobody anything over ${way}`, async () => {
      expect(await codesOf(way, { query: '{ __typename }' }, null)).toEqual([])
    })

    test(`A59 a word list brings a stranger not one name, one type or one argument over ${way}`, async () => {
      const guesses = WORDS.flatMap((word) => [
        `{ ${word} }`,
        `{ ${word} { x } }`,
        `mutation { ${word} }`,
        `{ me { ${word} } }`,
        `{ groups(${word}: 1) { x } }`,
      ])
      const answers = await Promise.all(
        [...guesses, `{ ${WORDS.slice(0, 15).join(' ')} }`].map((query) => askOver(way, neda.url, { query })),
      )
      const told = new Set(answers.map((answer) => JSON.stringify(answer)))
      expect([...told]).toEqual([
        JSON.stringify({
          errors: [
            {
              message: 'The document is not valid for this schema.',
              extensions: { code: 'GRAPHQL_VALIDATION_FAILED', retryable: false },
            },
          ],
        }),
      ])
    })
  }

  test('a member is told what is wrong with a document, without a suggestion', async () => {
    const { errors } = await askOver('POST', neda.url, { query: '{ me { usernam } }' }, member)
    expect(errors?.[0]?.message).toBe('Cannot query field "usernam" on type "User".')
  })

  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${neda.url}${path}`, { headers, redirect: 'manual' })
  const post = (body: unknown, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    fetch(`${neda.url}/graphql`, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })

  /** The twelve checks of graphql-cop, each true when it would report a weakness. */
  const CHECKS: Record<string, () => Promise<boolean>> = {
    field_suggestions: async () => (await (await post({ query: 'query cop { __schema { directive } }' })).text()).includes('Did you mean'),
    introspection: async () =>
      (await (await post({ query: 'query cop { __schema { types { name fields { name } } } }' })).text()).includes('"types"'),
    detect_graphiql: async () => {
      const pages = await Promise.all(
        ['/', '/graphiql', '/playground', '/console', '/graphql'].map(async (path) => (await get(path, { accept: 'text/html' })).text()),
      )
      return pages.some((page) => /graphiql|graphql playground|<html/i.test(page))
    },
    get_method_support: async () => (await get(`/graphql?query=${encodeURIComponent('query cop{__typename}')}`)).ok,
    alias_overloading: async () =>
      (
        await (await post({ query: `query cop { ${Array.from({ length: 101 }, (_, n) => `alias${n}:__typename`).join(' ')} }` })).text()
      ).includes('alias100'),
    batch_query: async () =>
      Array.isArray(await (await post(Array.from({ length: 10 }, () => ({ query: 'query cop { __typename }' })))).json()),
    trace_mode: async () => (await (await post({ query: 'query cop { __typename }' })).text()).includes('tracing'),
    directive_overloading: async () => {
      const { errors } = (await (await post({ query: `query cop { __typename ${'@aa'.repeat(10)} }` })).json()) as { errors: unknown[] }
      return errors.length >= 10
    },
    circular_query_introspection: async () =>
      (
        await (
          await post({ query: 'query cop { __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }' })
        ).text()
      ).includes('"types"'),
    get_based_mutation: async () => (await get(`/graphql?query=${encodeURIComponent('mutation cop {__typename}')}`)).ok,
    post_based_csrf: async () =>
      (await post('query=query+cop+%7B__typename%7D', { 'content-type': 'application/x-www-form-urlencoded' })).ok,
    unhandled_error_detection: async () => /exception|stack/.test(await (await post({ query: 'queryy cop { __typename }' })).text()),
  }

  test.for(Object.keys(CHECKS))("graphql-cop's %s finds nothing", async (name) => {
    expect(await CHECKS[name]?.()).toBe(false)
  })

  test('GraphiQL is served where it is asked for', async () => {
    await using asked = await startWithAdmin({ ...PRODUCTION, GRAPHIQL: 'on' })
    const response = await fetch(`${asked.url}/graphql`, { headers: { accept: 'text/html' } })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  })
})
