import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { CreateGroupDocument, CreateUserDocument, type SystemRole, TypedDocumentString } from '../generated/operations.ts'
import { type Client, signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import type { TemporaryFolder } from '../support/temporary-folder.ts'

/** Search as the API offers it, among the 2000 users and 200 groups of `npm run seed`. */

const PASSWORD = 'a long enough password'
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const log = pino({ level: 'silent' })

let folder: TemporaryFolder
let postgres: EmbeddedPostgres
let database: pg.Client
let app: App
let admin: Client

beforeAll(async () => {
  folder = await dataFolder()
  postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  const env = { PATH: process.env.PATH, NEDA_DATA_DIR: folder.path, DATABASE_URL: postgres.url }
  const args = ['scripts/seed.ts', '--users', '2000', '--groups', '200']
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, env })
  expect(stdout).toContain('Made 2000 users, 200 groups')
  database = new pg.Client(postgres.url)
  await database.connect()
  app = await createApp(readConfig({ NEDA_DATA_DIR: folder.path, DATABASE_URL: postgres.url, PORT: '0' }), { log })
  admin = await signIn(app.url, 'admin', 'push-to-talk')
})
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await database.end()
  await postgres[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

interface Page<Node> {
  readonly edges: readonly { readonly node: Node }[]
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
}
interface PageOf<Filter> {
  readonly first?: number
  readonly after?: string | null
  readonly filter?: Filter
}
interface UserFilter {
  readonly search?: string
  readonly systemRole?: SystemRole
  readonly disabled?: boolean
}
interface GroupFilter {
  readonly search?: string
  readonly memberId?: string
}

const Users = new TypedDocumentString<{ users: Page<{ username: string }> }, PageOf<UserFilter>>(`
  query ($first: Int, $after: String, $filter: UserFilter) { users(first: $first, after: $after, filter: $filter) {
    edges { node { username } } pageInfo { hasNextPage endCursor } } }`)
const Groups = new TypedDocumentString<{ groups: Page<{ name: string }> }, PageOf<GroupFilter>>(`
  query ($first: Int, $after: String, $filter: GroupFilter) { groups(first: $first, after: $after, filter: $filter) {
    edges { node { name } } pageInfo { hasNextPage endCursor } } }`)
const DisableUser = new TypedDocumentString<object, { id: string }>(
  'mutation ($id: ID!) { disableUser(input: { userId: $id }) { userErrors { code } } }',
)
const DeleteUser = new TypedDocumentString<object, { id: string }>(
  'mutation ($id: ID!) { deleteUser(input: { userId: $id }) { userErrors { code } } }',
)

async function usernames(filter: UserFilter, first = 100): Promise<string[]> {
  return (await admin.get(Users, { first, filter })).users.edges.map(({ node }) => node.username)
}
async function groupNames(filter: GroupFilter, client = admin): Promise<string[]> {
  return (await client.get(Groups, { first: 100, filter })).groups.edges.map(({ node }) => node.name)
}
async function createUser(username: string, displayName: string, systemRole: SystemRole = 'USER'): Promise<string> {
  const { createUser } = await admin.get(CreateUserDocument, { input: { username, displayName, systemRole, password: PASSWORD } })
  if (!createUser.user) throw new Error(JSON.stringify(createUser.userErrors))
  return createUser.user.id
}
async function createGroup(name: string, managerId: string, memberIds: string[] = []): Promise<void> {
  const { createGroup } = await admin.get(CreateGroupDocument, { input: { name, managerId, memberIds } })
  if (!createGroup.group) throw new Error(JSON.stringify(createGroup.userErrors))
}

/** Every page in order, with something done after the first. */
async function walk(search: string, first: number, afterFirst: () => Promise<unknown> = async () => undefined): Promise<string[][]> {
  const pages: string[][] = []
  for (let after: string | null = null; ; ) {
    const { users }: { users: Page<{ username: string }> } = await admin.get(Users, { first, after, filter: { search } })
    pages.push(users.edges.map(({ node }) => node.username))
    if (pages.length === 1) await afterFirst()
    if (!users.pageInfo.hasNextPage) return pages
    after = users.pageInfo.endCursor
  }
}

test('every word is the beginning of a word in username or display name, in any case, order and script', async () => {
  await createUser('quill-01', 'Quintus Vorenus-Gallus')
  await createUser('quill-02', 'Жанна Щедрина')
  await createUser('quill-03', 'گلناز ژاله\u200cپور')
  await createUser('quill-04', 'Ørjan Ångström')
  await createUser('quill-05', '100% Quartz_Relay')
  await createUser('quill-06', 'İpek Strauß')
  await createUser('quill-07', 'Ασπασία Παππάς')
  for (const [search, found] of [
    ['quintus', ['quill-01']],
    ['QUIN', ['quill-01']],
    ['vor quin', ['quill-01']],
    ['gall 01 quill', ['quill-01']],
    ['quill quin', ['quill-01']],
    ['  quintus ,; vorenus  ', ['quill-01']],
    ['intus', []],
    ['quintuss', []],
    ['quintus nobody', []],
    ['quintusvorenus', []],
    ['ЖАННА', ['quill-02']],
    ['щедр жан', ['quill-02']],
    ['анна щедрина', []],
    ['گلن', ['quill-03']],
    ['پور ژاله', ['quill-03']],
    ['ØRJAN ång', ['quill-04']],
    ['a\u030angstro\u0308m', ['quill-04']],
    ['angstrom', []],
    ['ＱＵＩＮ', ['quill-01']],
    ['ipek STRAUSS', ['quill-06']],
    ['İPEK', ['quill-06']],
    ['ασπασία παππάσ', ['quill-07']],
    ['ΑΣΠΑΣΊΑ ΠΑΠΠΆΣ', ['quill-07']],
  ] as const)
    expect([search, await usernames({ search })]).toEqual([search, found])
})

test('nothing in a search is a wildcard or an operator', async () => {
  for (const [search, found] of [
    ['quill 100% quartz_relay', ['quill-05']],
    ['quartz_', ['quill-05']],
    ['quint_s', []],
    ['q%z', []],
    ['qu_ll-01', []],
    ['quill-0_', ['quill-01', 'quill-02', 'quill-03', 'quill-04', 'quill-05', 'quill-06', 'quill-07']],
    ['quill 0\\', ['quill-01', 'quill-02', 'quill-03', 'quill-04', 'quill-05', 'quill-06', 'quill-07']],
    ["quill' OR '1'='1", []],
    ['quill | quintus', ['quill-01']],
  ] as const)
    expect([search, await usernames({ search })]).toEqual([search, found])
})

test('a search without a word finds all', async () => {
  const all = await usernames({})
  expect(all.length).toBe(100)
  for (const search of ['', '   ', '%', '_', '…']) expect(await usernames({ search })).toEqual(all)
})

test('of users, every combination of search, systemRole and disabled', async () => {
  await createUser('tern-admin-in', 'Sea tern', 'ADMIN')
  await createUser('tern-user-in', 'Sea tern')
  await admin.get(DisableUser, { id: await createUser('tern-admin-out', 'Sea tern', 'ADMIN') })
  await admin.get(DisableUser, { id: await createUser('tern-user-out', 'Sea tern') })
  await admin.get(DeleteUser, { id: await createUser('tern-deleted', 'Sea tern') })
  const all = ['tern-admin-in', 'tern-admin-out', 'tern-user-in', 'tern-user-out']
  for (const systemRole of [undefined, 'ADMIN', 'USER'] as const)
    for (const disabled of [undefined, true, false]) {
      const filter = { search: 'tern', ...(systemRole ? { systemRole } : {}), ...(disabled === undefined ? {} : { disabled }) }
      const expected = all
        .filter((username) => !systemRole || username.includes(systemRole.toLowerCase()))
        .filter((username) => disabled === undefined || username.endsWith(disabled ? 'out' : 'in'))
      expect([filter, await usernames(filter)]).toEqual([filter, expected])
    }
  expect(await usernames({ disabled: true })).toEqual(['tern-admin-out', 'tern-user-out'])
})

test('of groups, every combination of search and memberId, and only those one may see', async () => {
  const [ida, lev] = await Promise.all([createUser('plover-ida', 'Ida'), createUser('plover-lev', 'Lev')])
  await createGroup('Plover Nørd', ida)
  await createGroup('Plover South_100%', ida, [lev])
  await createGroup('Ward Plover', lev)
  await createGroup('Ворота', lev)
  for (const [filter, found] of [
    [{ search: 'plover' }, ['Plover Nørd', 'Plover South_100%', 'Ward Plover']],
    [{ search: 'PLOVER nør' }, ['Plover Nørd']],
    [{ search: 'plover ørd' }, []],
    [{ search: 'plover s%th' }, []],
    [{ search: 'plover 100' }, ['Plover South_100%']],
    [{ search: 'ВОР' }, ['Ворота']],
    [{ memberId: ida }, ['Plover Nørd', 'Plover South_100%']],
    [{ memberId: lev }, ['Plover South_100%', 'Ward Plover', 'Ворота']],
    [{ search: 'plover', memberId: lev }, ['Plover South_100%', 'Ward Plover']],
    [{ search: 'ward', memberId: ida }, []],
  ] as const)
    expect([filter, await groupNames(filter)]).toEqual([filter, found])
  const idas = await signIn(app.url, 'plover-ida', PASSWORD)
  expect(await groupNames({}, idas)).toEqual(['Plover Nørd', 'Plover South_100%'])
  expect(await groupNames({ search: 'plover', memberId: lev }, idas)).toEqual(['Plover South_100%'])
  expect(await groupNames({ search: 'ward' }, idas)).toEqual([])
})

test('the pages of a search are its results in order, each once, also while others are created', async () => {
  const { rows } = await database.query<{ username: string }>(`SELECT username FROM "User" WHERE username ~ '(^|[.])(karimi|karim)[.]'`)
  const all = rows.map(({ username }) => username).toSorted()
  expect(all.length).toBeGreaterThan(20)
  for (const size of [1 + Math.floor(all.length / 3), 7, 100]) expect((await walk('karim', size)).flat()).toEqual(all)
  const pages = await walk('karim', 7, () => Promise.all([createUser('aa.karim.before', 'Karim'), createUser('zz.karim.after', 'Karim')]))
  expect(pages.flat()).toEqual([...all, 'zz.karim.after'])
})

test('a page goes on after an entry that is gone since', async () => {
  for (const n of [1, 2, 3, 4, 5]) await createUser(`vanish.${n}`, 'Vanishing')
  const gone = async () => {
    await database.query(`UPDATE "User" SET "deletedAt" = now() WHERE username = 'vanish.2'`)
  }
  expect(await walk('vanishing', 2, gone)).toEqual([['vanish.1', 'vanish.2'], ['vanish.3', 'vanish.4'], ['vanish.5']])
})

test('a search has at most ten words', async () => {
  const search = Array.from({ length: 11 }, (_, n) => `w${n}`).join(' ')
  expect(await admin.refusal(Users, { first: 1, after: null, filter: { search } })).toBe('BAD_USER_INPUT')
})

/** The statement that a query sends for its page, and the plan that PostgreSQL makes for it. */
async function planOf(ask: () => Promise<unknown>, table: string): Promise<string> {
  const sent: pg.QueryConfig[] = []
  const send = pg.Client.prototype.query
  const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (this: pg.Client, ...args: unknown[]) {
    const [query, values] = args as [pg.QueryConfig, unknown[] | undefined]
    sent.push({ text: query.text, values: values ?? query.values ?? [] })
    return Reflect.apply(send, this, args) as never
  })
  try {
    await ask()
  } finally {
    spy.mockRestore()
  }
  const pages = sent.filter(({ text }) => text.startsWith('SELECT') && text.includes(`FROM "public"."${table}"`))
  expect(pages.length).toBe(1)
  const [page] = pages
  const { rows } = await database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${page?.text}`, page?.values)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

test('a selective search is answered from the trigram index, once there are enough rows for it to pay', async () => {
  // Of 2000 users PostgreSQL rightly reads the table, which is some sixty pages: so there are more of them.
  await database.query(`
    INSERT INTO "User" ("id", "username", "displayName", "searchText", "passwordHash", "updatedAt")
    SELECT gen_random_uuid(), 'crowd.' || n, 'Crowd ' || n, ' crowd ' || n || ' crowd ' || n, '', now() FROM generate_series(1, 30000) AS n`)
  await database.query(`
    INSERT INTO "Group" ("id", "name", "searchText", "updatedAt")
    SELECT gen_random_uuid(), 'Crowd ' || n, ' crowd ' || n, now() FROM generate_series(1, 30000) AS n`)
  await database.query('VACUUM ANALYZE "User", "Group"')
  const users = await planOf(() => usernames({ search: 'darya karimi 1000000' }), 'User')
  expect(users).toContain('Bitmap Index Scan on "User_searchText_idx"')
  const some = await planOf(() => usernames({ search: 'crowd 29999', systemRole: 'USER', disabled: false }), 'User')
  expect(some).toContain('Bitmap Index Scan on "User_searchText_idx"')
  const groups = await planOf(() => groupNames({ search: 'harbour kitchen' }), 'Group')
  expect(groups).toContain('Bitmap Index Scan on "Group_searchText_idx"')
})
