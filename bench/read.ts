import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { pino } from 'pino'
import { openDatabase } from '../src/database/client.ts'
import { openEmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import { migrate } from '../src/database/migrations.ts'
import { hashPassword } from '../src/domains/auth/passwords.ts'
import { newId } from '../src/ids.ts'
import { cpuMicros, median, ms, quantile } from './statistics.ts'
import { graphql, start, temporaryFolder } from './support.ts'

/**
 * An admin reads a group with its 50 members: through NEDA over HTTP, and the same rows through `pg` alone, one join, in a process of its own.
 * Rounds of the two alternate, so that what else the machine does hits both.
 */
const MEMBERS = 50
const ROUNDS = 6
const READS = 200
const WARM_UP = 400
const PASSWORD = 'a long enough password'

const QUERY = `query ($id: ID!) { group(id: $id) { id name description
  members(first: ${MEMBERS}) { edges { node { id role canTalk priority user { id username displayName } } } } } }`
const JOIN = `SELECT "Group".id AS "groupId", name, description, "GroupMember".id, role, "canTalk", priority, "User".id AS "userId", username, "displayName"
  FROM "Group" JOIN "GroupMember" ON "groupId" = "Group".id JOIN "User" ON "User".id = "userId"
  WHERE "Group".id = $1 AND "Group"."deletedAt" IS NULL AND "GroupMember"."deletedAt" IS NULL ORDER BY "GroupMember".id LIMIT ${MEMBERS}`

interface Row {
  readonly groupId: string
  readonly name: string
  readonly description: string | null
  readonly id: string
  readonly role: string
  readonly canTalk: boolean
  readonly priority: string
  readonly userId: string
  readonly username: string
  readonly displayName: string
}

interface Group {
  readonly members: { readonly edges: readonly { readonly node: { readonly user: { readonly username: string } } }[] }
}

interface Reader {
  readonly name: string
  readonly pid: number
  /** Reads so many times, one after the other; resolves with how long each took. */
  readonly read: (times: number) => Promise<number[]>
}

const [role, url = '', groupId = ''] = process.argv.slice(2)
if (role === 'pg') await readByRequest(url, groupId)
else await bench()

/** The peer: reads as often as its parent says, and tells how long each took. */
async function readByRequest(database: string, id: string): Promise<void> {
  const client = new pg.Client(database)
  await client.connect()
  process.on('message', (times: number) => void readTimes(client, id, times).then((took) => process.send?.(took)))
  process.on('disconnect', () => void client.end())
  process.send?.('ready')
}

async function readTimes(client: pg.Client, id: string, times: number): Promise<number[]> {
  return timed(times, async () => {
    const { rows } = await client.query<Row>(JOIN, [id])
    const [first] = rows
    const edges = rows.map(({ id, role, canTalk, priority, userId, username, displayName }) => ({
      node: { id, role, canTalk, priority, user: { id: userId, username, displayName } },
    }))
    const group = { id: first?.groupId, name: first?.name, description: first?.description, members: { edges } }
    check(JSON.parse(JSON.stringify(group)) as Group)
  })
}

async function timed(times: number, work: () => Promise<void>): Promise<number[]> {
  const took: number[] = []
  for (let n = 0; n < times; n++) {
    const began = performance.now()
    await work()
    took.push(performance.now() - began)
  }
  return took
}

function check({ members }: Group): void {
  const usernames = new Set(members.edges.map(({ node }) => node.user.username))
  if (usernames.size !== MEMBERS) throw new Error(`${usernames.size} members were read instead of ${MEMBERS}`)
}

async function bench(): Promise<void> {
  using folder = temporaryFolder()
  const log = pino({ level: 'silent' })
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log })
  await migrate(postgres.url, { log })
  const id = await fill(postgres.url, log)
  const env = { NEDA_DATA_DIR: folder.path, DATABASE_URL: postgres.url, PORT: '0' }
  await using server = await start('node', ['src/main.ts'], env, /NEDA is ready at (\S+)/)
  const peer = fork(fileURLToPath(import.meta.url), ['pg', postgres.url, id])
  try {
    await once(peer, 'message')
    const readers = [await throughNeda(server.url, server.process.pid ?? 0, id), throughPg(peer)]
    report(readers, await measure(readers))
  } finally {
    const ended = once(peer, 'exit')
    peer.disconnect()
    await ended
  }
}

async function fill(database: string, log: pino.Logger): Promise<string> {
  await using opened = openDatabase(database, log)
  const { db } = opened
  const passwordHash = await hashPassword(PASSWORD)
  const person = (username: string) => ({ id: newId(), username, displayName: `The person ${username}`, passwordHash })
  const people = Array.from({ length: MEMBERS }, (_, n) => person(`member-${n}`))
  const group = { id: newId(), name: 'Channel 1', description: 'As large as groups are.' }
  await db.user.createMany({ data: [{ ...person('admin'), systemRole: 'ADMIN' }, ...people] })
  await db.group.create({ data: group })
  const members = people.map(
    (user, n) => ({ id: newId(), groupId: group.id, userId: user.id, role: n === 0 ? 'GROUP_MANAGER' : 'MEMBER' }) as const,
  )
  await db.groupMember.createMany({ data: members })
  return group.id
}

async function throughNeda(origin: string, pid: number, id: string): Promise<Reader> {
  const { login } = await graphql<{ login: { accessToken: string } }>(
    origin,
    `mutation { login(input: { username: "admin", password: "${PASSWORD}" }) { accessToken } }`,
    {},
  )
  const variables = { id: Buffer.from(`Group:${id}`).toString('base64') }
  const readOnce = async () => check((await graphql<{ group: Group }>(origin, QUERY, variables, login.accessToken)).group)
  return { name: 'NEDA', pid, read: (times) => timed(times, readOnce) }
}

function throughPg(peer: ChildProcess): Reader {
  const read = async (times: number) => {
    peer.send(times)
    const [took] = (await once(peer, 'message')) as [number[]]
    return took
  }
  return { name: 'pg alone', pid: peer.pid ?? 0, read }
}

interface Figures {
  readonly took: number[]
  cpu: number
}

async function measure(readers: readonly Reader[]): Promise<Map<Reader, Figures>> {
  const figures = new Map<Reader, Figures>(readers.map((reader) => [reader, { took: [], cpu: 0 }]))
  for (const reader of readers) await reader.read(WARM_UP)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [reader, own] of figures) {
      const cpu = cpuMicros(reader.pid)
      own.took.push(...(await reader.read(READS)))
      own.cpu += cpuMicros(reader.pid) - cpu
    }
  }
  return figures
}

function report(readers: readonly Reader[], figures: ReadonlyMap<Reader, Figures>): void {
  console.log(`a group with ${MEMBERS} members, ${ROUNDS} rounds of ${READS} reads, one after the other`)
  const rows = readers.map((reader) => {
    const { took, cpu } = figures.get(reader) ?? { took: [], cpu: Number.NaN }
    return { name: reader.name, p50: median(took), p95: quantile(took, 0.95), cpu: cpu / took.length }
  })
  for (const { name, p50, p95, cpu } of rows)
    console.log(`  ${name.padEnd(9)} p50 ${ms(p50)}  p95 ${ms(p95)}   CPU of its process ${cpu.toFixed(0)} µs per read`)
  const [ours, peer] = rows
  if (!ours || !peer) return
  const ratio = (part: 'p50' | 'p95' | 'cpu') => `${(ours[part] / peer[part]).toFixed(1)}×`
  console.log(`  NEDA / pg alone: p50 ${ratio('p50')}, p95 ${ratio('p95')}, CPU ${ratio('cpu')}`)
}
