import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Documents } from '../../src/graphql/documents.ts'
import { schema } from '../../src/graphql/schema.ts'
import { signIn } from '../support/client.ts'
import { PASSWORD, startWithAdmin } from '../support/people.ts'
import { type Asked, askOver, WAYS } from '../support/raw-requests.ts'

const repeat = (times: number, text: (n: number) => string) => Array.from({ length: times }, (_, n) => text(n)).join(' ')

/** `depth` fields, one in the other. */
const nested = (depth: number) => `{ group(id: "x") { ${DOWN.slice(0, depth - 1).join(' { ')} ${'}'.repeat(depth - 1)} }`
const DOWN = ['members', 'edges', 'node', 'user', 'a', 'b', 'c', 'd', 'e', 'f', 'g']

const cycle = 'query { me { ...A } } fragment A on User { id ...B } fragment B on User { username ...A }'
const overlapping = (times: number) => `{ me { ${repeat(times, () => '... on User { id }')} } }`
const pages = (size: string) =>
  `{ groups(first: ${size}) { edges { node { members(first: ${size}) { edges { node { user { id username displayName } } } } } } } }`

/** What is sent, and the code with which it is refused. */
const REFUSED: [attack: string, asked: Asked, code: string][] = [
  ['A9 a depth of 11', { query: nested(11) }, 'QUERY_TOO_DEEP'],
  [
    'A9 the same depth in fragments',
    { query: `query { group(id: "x") { ...A } } fragment A on Group { ${DOWN.join(' { ')} ${'}'.repeat(11)}` },
    'QUERY_TOO_DEEP',
  ],
  ['A10 16 aliases', { query: `{ ${repeat(16, (n) => `a${n}: __typename`)} }` }, 'TOO_MANY_ALIASES'],
  ['A10 101 aliases', { query: `{ ${repeat(101, (n) => `a${n}: __typename`)} }` }, 'TOO_MANY_ALIASES'],
  [
    'A10 aliases in a fragment that is used twice',
    { query: `{ me { ...A groups: id ...A } } fragment A on User { ${repeat(8, (n) => `a${n}: id`)} }` },
    'TOO_MANY_ALIASES',
  ],
  [
    'A11 ten logins',
    {
      query: `mutation ($i: LoginInput!) { ${repeat(10, (n) => `a${n}: login(input: $i) { accessToken }`)} }`,
      variables: { i: { username: 'root', password: 'wrong password' } },
    },
    'MUTATION_REPEATED',
  ],
  [
    'A11 a login beside two refreshes',
    {
      query: `mutation ($i: RefreshSessionInput!, $l: LoginInput!) { login(input: $l) { accessToken } ...R
        b: refreshSession(input: $i) { accessToken } } fragment R on Mutation { refreshSession(input: $i) { accessToken } }`,
      variables: { i: { refreshToken: 'x' }, l: { username: 'root', password: 'wrong password' } },
    },
    'MUTATION_REPEATED',
  ],
  ['A12 a directive ten times', { query: `query { __typename ${'@aa'.repeat(10)} }` }, 'TOO_MANY_DIRECTIVES'],
  ['A12 six @include', { query: `{ ${repeat(6, () => '... @include(if: true) { __typename }')} }` }, 'TOO_MANY_DIRECTIVES'],
  ['A12 directives on variables', { query: `query ($a: Int ${'@aa'.repeat(6)}) { __typename }` }, 'TOO_MANY_DIRECTIVES'],
  ['A13 2,001 tokens', { query: `{ ${repeat(1_999, () => '__typename')} }` }, 'QUERY_TOO_LARGE'],
  ['A13 a field 10,000 times', { query: `{ me { ${'id '.repeat(10_000)} } }` }, 'QUERY_TOO_LARGE'],
  ['A13 a comment bomb', { query: `{ __typename ${'#\n'.repeat(5_000)} }` }, 'QUERY_TOO_LARGE'],
  ['A13 a comment bomb of one line', { query: `{ __typename } #${'x'.repeat(50_000)}` }, 'QUERY_TOO_LARGE'],
  ['A14 a cycle of fragments', { query: cycle }, 'GRAPHQL_VALIDATION_FAILED'],
  ['A14 300 fragments on the same field', { query: overlapping(300) }, 'QUERY_TOO_LARGE'],
  ['A15 a cost by variables', { query: `query ($n: Int) ${pages('$n')}`, variables: { n: 100_000 } }, 'QUERY_TOO_COMPLEX'],
  ['A15 a cost by literals', { query: pages('100') }, 'QUERY_TOO_COMPLEX'],
  ['A15 a cost by the default of a variable', { query: `query ($n: Int = 100) ${pages('$n')}` }, 'QUERY_TOO_COMPLEX'],
  [
    'A15 a cost by many ids',
    {
      query: 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Group { members(first: 100) { edges { node { user { id } } } } } } }',
      variables: { ids: Array.from({ length: 100 }, () => 'x') },
    },
    'QUERY_TOO_COMPLEX',
  ],
  ['A15 too many fields at the top', { query: `{ ${repeat(16, () => '__typename')} }` }, 'QUERY_TOO_COMPLEX'],
  ['A20 two operations without a name', { query: 'query A { me { id } } query B { me { id } }' }, 'OPERATION_RESOLUTION_FAILURE'],
  ['A20 an unknown name', { query: 'query A { me { id } }', operationName: 'C' }, 'OPERATION_RESOLUTION_FAILURE'],
  ['A20 no operation at all', { query: 'fragment A on User { id }' }, 'GRAPHQL_VALIDATION_FAILED'],
]

describe.concurrent('documents', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  beforeAll(async () => {
    neda = await startWithAdmin()
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const errorsOf = async (way: (typeof WAYS)[number], asked: Asked) =>
    (await askOver(way, neda.url, asked, neda.admin.accessToken)).errors ?? []

  for (const way of WAYS) {
    test.for(REFUSED)(`%s is refused over ${way}`, async ([, asked, code]) => {
      const errors = await errorsOf(way, asked)
      expect(errors[0]?.extensions?.code).toBe(code)
      expect(errors.length).toBeLessThanOrEqual(5)
      expect(JSON.stringify(errors)).not.toMatch(/Did you mean|node_modules/)
    })
  }

  test('A10 A9 A15 what stays below the limits is executed', async () => {
    for (const query of [
      `{ ${repeat(15, (n) => `a${n}: __typename`)} }`,
      '{ groups { edges { node { manager { user { id } } members { edges { node { user { username } } } } } } } }',
      'query A { me { id } } query B { me { id } }',
    ]) {
      const answer = await askOver(
        'POST',
        neda.url,
        { query, ...(query.startsWith('query A') ? { operationName: 'B' } : {}) },
        neda.admin.accessToken,
      )
      expect(answer.errors).toBeUndefined()
    }
  })

  test('A11 not one password is looked at', async () => {
    const attack = REFUSED.find(([name]) => name.startsWith('A11'))?.[1] ?? {}
    for (let n = 0; n < 10; n++) await errorsOf('POST', attack)
    // Five wrong ones would have locked it.
    expect((await signIn(neda.url, 'root', PASSWORD)).accessToken).toBeTruthy()
  })

  test.for([
    ['A13', 20, `{ ${repeat(1_999, () => '__typename')} }`],
    ['A13', 20, `{ me { ${'id '.repeat(6_000)} } }`],
    ['A14', 50, overlapping(300)],
    ['A14', 50, overlapping(100)],
    ['A14', 50, `{ me { ${repeat(4, (k) => `... on User { ${repeat(99, (n) => (n % 2 ? 'id' : `a${k}: id`))} }`)} } }`],
    ['A14', 50, `{ me { ${repeat(99, (n) => `... on User { a: ${n % 2 ? 'id' : 'username'} }`)} } }`],
    ['A14', 50, cycle],
  ] as const)('%s costs less than %d ms of CPU', ([, limit, query]) => {
    const documents = new Documents(schema)
    // The document is another each time, or it would be remembered; the cheapest of some, as the first ones warm the code.
    const micros = Array.from({ length: 7 }, (_, n) => {
      const before = process.cpuUsage()
      documents.prepare(`${query} #${n}`)
      const { user, system } = process.cpuUsage(before)
      return user + system
    })
    expect(Math.min(...micros)).toBeLessThan(limit * 1_000)
  })
})
