/**
 * npm run seed -- --groups 200 --users 2000 --random 1
 * Fills a database with so many more groups and users: the one of DATABASE_URL, or the embedded one in NEDA_DATA_DIR while no NEDA runs on it.
 * The same number after --random makes the same people, groups and memberships.
 */
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { batches, between, madeUpHistory, pick, randomNumbers, writeHistories } from '../prisma/seed.ts'
import { createApp } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import { type Database, openDatabase } from '../src/database/client.ts'
import { openEmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import { holdDatabase } from '../src/database/single-instance.ts'
import { DEMO_PASSWORD } from '../src/domains/auth/password-login.ts'
import { hashPassword } from '../src/domains/auth/passwords.ts'
import { type GroupId, newId, type UserId } from '../src/ids.ts'
import { searchTextOf } from '../src/search.ts'

interface Wish {
  readonly groups: number
  readonly users: number
  readonly random: number
}

interface Person {
  readonly id: UserId
  readonly username: string
  readonly displayName: string
}

/** Given and family names of people who might meet: as they write them, and as they would sign in. */
const NAMES: readonly (readonly [given: Readonly<Record<string, string>>, family: Readonly<Record<string, string>>])[] = [
  [
    { amara: 'Amara', kwame: 'Kwame', chidi: 'Chidi', zola: 'Zola', emeka: 'Emeka', nia: 'Nia' },
    { okafor: 'Okafor', mensah: 'Mensah', adeyemi: 'Adeyemi', nkosi: 'Nkosi', diallo: 'Diallo', banda: 'Banda' },
  ],
  [
    { zoe: 'Zoë', jose: 'José', lucia: 'Lucía', andre: 'André', ines: 'Inês', bjorn: 'Björn' },
    { garcia: 'García', muller: 'Müller', nunez: 'Núñez', jonsson: 'Jónsson', horvath: 'Horváth', dvorak: 'Dvořák' },
  ],
  [
    { olha: 'Ольга', dmytro: 'Дмитро', iryna: 'Ірина', pavel: 'Павел', yulia: 'Юлия', stoyan: 'Стоян' },
    { shevchenko: 'Шевченко', koval: 'Коваль', ivanov: 'Иванов', petrov: 'Петров', bondar: 'Бондар', lysenko: 'Лисенко' },
  ],
  [
    { darya: 'دریا', reza: 'رضا', shirin: 'شیرین', omid: 'امید', layla: 'ليلى', karim: 'كريم' },
    { rostami: 'رستمی', ahmadi: 'احمدی', haddad: 'حداد', karimi: 'کریمی', moradi: 'مرادی', nasser: 'ناصر' },
  ],
  [
    { wei: '伟', xiuying: '秀英', yuki: '由紀', haruto: '陽翔', minjun: '민준', seoyeon: '서연' },
    { wang: '王', chen: '陈', sato: '佐藤', tanaka: '田中', kim: '김', park: '박' },
  ],
  [
    { priya: 'प्रिया', arjun: 'अर्जुन', ananya: 'अनन्या', rohan: 'रोहन', kavya: 'काव्या', vikram: 'विक्रम' },
    { sharma: 'शर्मा', patel: 'पटेल', gupta: 'गुप्ता', singh: 'सिंह', verma: 'वर्मा', nair: 'नायर' },
  ],
]

const WHERE = ['North', 'South', 'East', 'West', 'Harbour', 'Airport', 'Festival', 'Arena', 'Old town', 'Campus', 'Depot', 'Hotel']
const WHO = ['gate', 'patrol', 'stage crew', 'ward', 'kitchen', 'loading dock', 'first aid', 'dispatch', 'night watch', 'lifts', 'parking']
const MOST_MEMBERS = 40
const ALONE = { shared: false, waitMs: 0 }
const VOICE_SESSIONS = 4
const MILLION = 1_000_000

await run().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})

async function run(): Promise<void> {
  const wish = readWish()
  const config = readConfig(process.env)
  if (config.environment === 'production') throw new Error('NODE_ENV is production: made-up people have no business there.')
  const log = pino({ level: 'warn' })
  await using stack = new AsyncDisposableStack()
  const url = await takeDatabase(config, log, stack)
  const { db } = stack.use(openDatabase(url, log))
  const began = performance.now()
  const { example, ...made } = await fill(db, wish)
  // So that the first searches are planned for what is there now.
  await db.$executeRaw`ANALYZE`
  const seconds = ((performance.now() - began) / 1_000).toFixed(1)
  const counts = Object.entries(made).map(([what, number]) => `${number} ${what}`)
  console.log(`Made ${counts.join(', ')} in ${seconds} s.`)
  if (example) console.log(`Each of these people signs in with the password ${DEMO_PASSWORD}, for example ${example.username}.`)
}

function readWish(): Wish {
  const number = { type: 'string' } as const
  const { values } = parseArgs({ options: { groups: number, users: number, random: number } })
  const wish = { groups: Number(values.groups ?? 20), users: Number(values.users ?? 200), random: Number(values.random ?? 1) }
  for (const [name, value] of Object.entries(wish)) {
    if (!Number.isInteger(value) || value < 0 || value >= MILLION) throw new Error(`--${name} is a whole number from 0 to ${MILLION - 1}.`)
  }
  if (wish.groups > 0 && wish.users === 0) throw new Error('--users must not be 0: a group has a manager.')
  return wish
}

/** Nobody else may use it: a NEDA that runs would not know these people. What a first start makes is made first, as by one. */
async function takeDatabase(config: Config, log: pino.Logger, stack: AsyncDisposableStack): Promise<string> {
  const { database, dataFolder } = config
  const isOwn = database.kind === 'embedded'
  const { url } = isOwn ? stack.use(await openEmbeddedPostgres({ folder: dataFolder, log, waitMs: 0 })) : database
  const alone = await holdDatabase(url, log, ALONE)
  await alone[Symbol.asyncDispose]()
  const app = await createApp({ ...config, port: 0, database: { kind: 'url', url }, realtime: { kind: 'memory' } }, { log })
  await app[Symbol.asyncDispose]()
  stack.use(await holdDatabase(url, log, ALONE))
  return url
}

async function fill(db: Database, wish: Wish) {
  const random = randomNumbers(wish.random)
  const people = Array.from({ length: wish.users }, (_, n) => person(wish.random * MILLION + n, random))
  const groups = Array.from({ length: wish.groups }, (_, n) => group(n, people, random))
  const [first] = people
  if (first && (await db.user.count({ where: { username: first.username, deletedAt: null } })) > 0)
    throw new Error(`The people of --random ${wish.random} are there already: take another number.`)
  const passwordHash = await hashPassword(DEMO_PASSWORD)
  const account = ({ username, displayName }: Person) => ({ passwordHash, searchText: searchTextOf(username, displayName) })
  for (const some of batches(people)) await db.user.createMany({ data: some.map((it) => ({ ...it, ...account(it) })) })
  for (const some of batches(groups)) await db.group.createMany({ data: some.map(({ row }) => row) })
  const members = groups.flatMap(({ members }) => members)
  for (const data of batches(members)) await db.groupMember.createMany({ data })
  const histories = groups.map((it) => madeUpHistory(it.talking, { voiceSessions: VOICE_SESSIONS, random }))
  await writeHistories(db, histories)
  const bursts = histories.reduce((sum, history) => sum + history.bursts.length, 0)
  return { users: people.length, groups: groups.length, memberships: members.length, bursts, example: first }
}

function person(number: number, random: () => number): Person {
  const [given = {}, family = {}] = pick(NAMES, random) ?? []
  const [name = '', asWritten = ''] = pick(Object.entries(given), random) ?? []
  const [familyName = '', familyAsWritten = ''] = pick(Object.entries(family), random) ?? []
  return { id: newId(), username: `${name}.${familyName}.${number}`, displayName: `${asWritten} ${familyAsWritten}` }
}

function group(n: number, people: readonly Person[], random: () => number) {
  const id = newId<GroupId>()
  const name = `${pick(WHERE, random)} ${pick(WHO, random)} ${n + 1}`
  const talkLimitMs = 5_000 * between(random, 2, 12)
  const row = { id, name, searchText: searchTextOf(name), talkLimitMs, queueCapacity: between(random, 0, 20) }
  const size = Math.min(people.length, between(random, 3, MOST_MEMBERS))
  const chosen = new Set<Person>()
  for (let from = between(random, 0, people.length - 1); chosen.size < size; from = (from + 1 + between(random, 0, 50)) % people.length) {
    const candidate = people[from]
    if (candidate) chosen.add(candidate)
  }
  const [manager, ...members] = [...chosen].map((user, place) => membership(id, user.id, place === 0, random))
  if (!manager) throw new Error('a group has a manager')
  const speakers = members.filter(({ canTalk }) => canTalk)
  return { row, members: [manager, ...members], talking: { groupId: id, talkLimitMs, managerId: manager.userId, speakers } }
}

function membership(groupId: GroupId, userId: UserId, isManager: boolean, random: () => number) {
  const chance = random()
  const priority = chance < 0.1 ? ('HIGH' as const) : chance < 0.2 ? ('LOW' as const) : ('NORMAL' as const)
  const canTalk = isManager || random() > 0.08
  return { id: newId(), groupId, userId, role: isManager ? ('GROUP_MANAGER' as const) : ('MEMBER' as const), canTalk, priority }
}
