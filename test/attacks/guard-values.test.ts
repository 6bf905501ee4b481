import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { type Asked, askOver, WAYS, type Way } from '../support/raw-requests.ts'

const CANARY = 'canary-7f3a'
const GROUPS = 'query ($first: Int, $after: String) { groups(first: $first, after: $after) { edges { node { id } } } }'
const CREATE = 'mutation ($i: CreateUserInput!) { createUser(input: $i) { user { id } userErrors { code } } }'
const LOGIN = 'mutation ($i: LoginInput!) { login(input: $i) { accessToken userErrors { code } } }'
const NODE = 'query ($id: ID!) { node(id: $id) { id } }'
const GROUP = 'query ($id: ID!) { group(id: $id) { id } }'

const idOf = (type: string, id: string) => Buffer.from(`${type}:${id}`).toString('base64')
const RANDOM = '01890a5d-ac96-774b-bcce-b302099a8057'

const create = (displayName: string): Asked => ({
  query: CREATE,
  variables: { i: { username: `u${Math.random()}`, displayName, password: 'a long enough password' } },
})

/** What is sent, the code with which it is refused, and the input that is named. */
const REFUSED: [attack: string, asked: Asked, code: string, field?: string][] = [
  ...[-1, 0, 101, 2_147_483_648, 1e9, 1.5].flatMap((first): [string, Asked, string, string][] => [
    [`A16 first ${first} in a variable`, { query: GROUPS, variables: { first } }, 'BAD_USER_INPUT', 'first'],
    [`A16 first ${first} in the text`, { query: `{ groups(first: ${first}) { edges { node { id } } } }` }, 'BAD_USER_INPUT', 'first'],
  ]),
  ['A16 a page of 1e9 by its default', { query: GROUPS.replace('$first: Int', '$first: Int = 1000') }, 'BAD_USER_INPUT', 'first'],
  ['A18 a wrong field', { query: '{ me { usernam } }' }, 'GRAPHQL_VALIDATION_FAILED'],
  ['A18 a wrong argument', { query: '{ groups(frist: 1) { edges { cursor } } }' }, 'GRAPHQL_VALIDATION_FAILED'],
  ['A18 a wrong type', { query: 'query ($i: LoginInpt!) { me { id } }' }, 'GRAPHQL_VALIDATION_FAILED'],
  ['A18 a wrong enum value', { query: '{ users(filter: { systemRole: ADMN }) { edges { cursor } } }' }, 'GRAPHQL_VALIDATION_FAILED'],
  ['A18 a wrong input field', { query: '{ users(filter: { serch: "x" }) { edges { cursor } } }' }, 'GRAPHQL_VALIDATION_FAILED'],
  ['A18 no selection', { query: '{ me }' }, 'GRAPHQL_VALIDATION_FAILED'],
  ['A18 a wrong fragment', { query: '{ me { ...Abc } } fragment Abd on User { id }' }, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'A18 a wrong enum value in a variable',
    { query: 'query ($f: UserFilter) { users(filter: $f) { edges { cursor } } }', variables: { f: { systemRole: 'ADMN' } } },
    'BAD_USER_INPUT',
  ],
  [
    'A18 a wrong input field in a variable',
    { query: 'query ($f: UserFilter) { users(filter: $f) { edges { cursor } } }', variables: { f: { systemRol: 'ADMIN' } } },
    'BAD_USER_INPUT',
  ],
  ['A19 a list for a text', { query: LOGIN, variables: { i: { username: CANARY, password: [CANARY] } } }, 'BAD_USER_INPUT'],
  [
    'A19 a literal list for a text',
    { query: `mutation { login(input: { username: "x", password: ["${CANARY}"] }) { accessToken } }` },
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['A19 a broken text', { query: `mutation { login(input: { username "${CANARY}" }) { accessToken } }` }, 'BAD_REQUEST'],
  ['A19 a text without end', { query: `mutation { login(input: { password: "${CANARY}` }, 'BAD_REQUEST'],
  [
    'A19 too many errors in one variable',
    {
      query: 'mutation ($i: HeartbeatInput!) { heartbeat(input: $i) { presentIn } }',
      variables: { i: { groupIds: Array.from({ length: 200 }, () => ({ [CANARY]: CANARY })) } },
    },
    'BAD_USER_INPUT',
  ],
  ['A21 NUL in a variable', create('a\u0000b'), 'BAD_USER_INPUT', 'variables'],
  ['A21 NUL in an id', { query: NODE, variables: { id: 'a\u0000b' } }, 'BAD_USER_INPUT', 'variables'],
  ['A21 NUL in a search', { query: '{ users(filter: { search: "a\\u0000b" }) { edges { cursor } } }' }, 'BAD_USER_INPUT'],
  ['A21 NUL in the text itself', { query: '{ me { id } } #\u0000' }, 'BAD_USER_INPUT'],
  ['A22 half a character in a variable', create('a\ud800b'), 'BAD_USER_INPUT', 'variables'],
  ['A22 half a character in the text', { query: '{ users(filter: { search: "a\ud800b" }) { edges { cursor } } }' }, 'BAD_USER_INPUT'],
  ['A22 half a character, escaped', { query: '{ users(filter: { search: "a\\ud800b" }) { edges { cursor } } }' }, 'BAD_USER_INPUT'],
  ['A22 a name of 60 KB', create('x'.repeat(60_000)), 'BAD_USER_INPUT', 'input'],
  ['A22 a name that turns the direction around it', create('a\u202eb'), 'BAD_USER_INPUT', 'input'],
  ['A22 a name that nobody sees', create('\u200b\u200b'), 'BAD_USER_INPUT', 'input'],
  [
    'A23 __proto__ in an input',
    { query: LOGIN, variables: { i: JSON.parse('{"username":"x","password":"y","__proto__":{"x":1}}') } },
    'BAD_USER_INPUT',
  ],
  [
    'A23 constructor in an input',
    { query: LOGIN, variables: { i: { username: 'x', password: 'y', constructor: { prototype: { x: 1 } } } } },
    'BAD_USER_INPUT',
  ],
  [
    'A23 variables without end',
    { query: NODE, variables: { id: JSON.parse(`${'['.repeat(3_000)}${']'.repeat(3_000)}`) } },
    'BAD_USER_INPUT',
  ],
  ...["' OR 1=1--", '${jndi:ldap://x}', '../../etc/passwd', '', '%00', idOf('Group', "' OR 1=1--"), idOf('User', '../..')].flatMap(
    (id): [string, Asked, string][] => [
      [`A24 ${id} as the id of a node`, { query: NODE, variables: { id } }, 'NOT_FOUND'],
      [`A24 ${id} as the id of a group`, { query: GROUP, variables: { id } }, 'NOT_FOUND'],
    ],
  ),
  ['A24 an object as an id', { query: GROUP, variables: { id: { $ne: null } } }, 'BAD_USER_INPUT'],
  ...['x', '', 'R1BDOlM6eA==', idOf('Group', RANDOM), Buffer.from('GPC:N:1').toString('base64'), 'a\u00e9'].map(
    (after): [string, Asked, string] => [`A25 the cursor ${after}`, { query: GROUPS, variables: { after } }, 'BAD_USER_INPUT'],
  ),
]

describe.concurrent('values', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let team: Awaited<ReturnType<typeof createTeam>>

  beforeAll(async () => {
    neda = await startWithAdmin()
    team = await createTeam(neda.admin)
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const ask = (way: Way, asked: Asked) => askOver(way, neda.url, asked, neda.admin.accessToken)

  for (const way of WAYS) {
    test.for(REFUSED)(`%s is refused over ${way}`, async ([, asked, code, field]) => {
      const answer = await ask(way, asked)
      const text = JSON.stringify(answer)
      expect(answer.errors?.[0]?.extensions?.code, text).toBe(code)
      if (field) expect(answer.errors?.[0]?.extensions?.field).toContain(field)
      expect(text).not.toMatch(/Did you mean|node_modules|[Pp]risma|SELECT|canary/)
    })

    test(`A25 a cursor of another list is refused over ${way}`, async () => {
      const query = 'query ($groupId: ID!, $after: String) { talkBursts(groupId: $groupId, after: $after) { edges { cursor } } }'
      const groups = (await ask(way, { query: '{ groups { edges { cursor } } }' })) as { data: { groups: { edges: { cursor: string }[] } } }
      const after = groups.data.groups.edges[0]?.cursor
      const answer = await ask(way, { query, variables: { groupId: team.groupId, after } })
      expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: ['after'] })
      const stream = 'subscription ($groupId: ID!, $after: EventCursor) { speakerChanged(groupId: $groupId, after: $after) { kind } }'
      const events = await ask(way === 'multipart' ? 'SSE' : way, { query: stream, variables: { groupId: team.groupId, after } })
      if (way !== 'POST') expect(events.errors?.[0]?.extensions?.code).toBe('BAD_USER_INPUT')
    })

    test(`A26 malformed, unknown and deleted ids answer the same bytes over ${way}`, async () => {
      const { groupId: deleted } = await createTeam(neda.admin)
      await ask(way, {
        query: 'mutation ($id: ID!) { deleteGroup(input: { groupId: $id }) { userErrors { code } } }',
        variables: { id: deleted },
      })
      const answers = await Promise.all(
        ['nonsense', idOf('Group', 'nonsense'), idOf('Group', RANDOM), idOf('User', RANDOM), deleted].map(async (id) =>
          JSON.stringify(await ask(way, { query: GROUP, variables: { id } })),
        ),
      )
      expect(new Set(answers).size).toBe(1)
      expect(answers[0]).toContain('NOT_FOUND')
    })
  }

  test('A19 nothing of what was sent is in the log', () => {
    expect(neda.printed()).not.toContain(CANARY)
  })

  test('A23 nothing was poisoned', async () => {
    const answer = await ask('POST', { query: '{ me { id } }', variables: JSON.parse('{"__proto__":{"x":1},"constructor":{"x":1}}') })
    expect(answer.errors).toBeUndefined()
    expect(({} as { x?: number }).x).toBeUndefined()
  })
})
