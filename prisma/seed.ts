import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import type { Database } from '../src/database/client.ts'
import { DEMO_PASSWORD } from '../src/domains/auth/password-login.ts'
import { hashPassword } from '../src/domains/auth/passwords.ts'
import type { GroupsService } from '../src/domains/groups/groups.service.ts'
import type { Outcome } from '../src/domains/outcome.ts'
import type { UsersService } from '../src/domains/users/users.service.ts'
import { type GroupId, newId, type UserId } from '../src/ids.ts'
import { searchTextOf } from '../src/search.ts'
import type { Prisma } from './generated/client/client.ts'

export const DEMO_GROUP = 'Night watch'

const ADMIN = 'admin'

/** By username: the name shown to others. */
const PEOPLE = {
  [ADMIN]: 'Ada Admin',
  maya: 'Maya (manager)',
  ben: 'Ben',
  cleo: 'Cleo',
  amina: 'Amina Okafor',
  dariush: 'داریوش رستمی',
  giorgi: 'გიორგი ბერიძე',
  kofi: 'Kofi Mensah',
  layla: 'ليلى حداد',
  mateo: 'Mateo Peña',
  minjun: '김 민준',
  nikos: 'Νίκος Παπαδάκης',
  noa: 'נועה לוי',
  olha: 'Ольга Ковальчук',
  priya: 'प्रिया शर्मा',
  soren: 'Søren Åkesson',
  thanh: 'Nguyễn Thanh',
  wei: '王 伟',
  yuki: '佐藤 由紀',
  zeynep: 'Zeynep Çelik',
} as const

type Username = keyof typeof PEOPLE

interface DemoGroup {
  readonly name: string
  readonly description: string
  readonly settings: { readonly talkLimitMs: number; readonly queueCapacity: number; readonly preemptGraceMs: number }
  readonly manager: Username
  readonly members: readonly Username[]
  readonly listeners: readonly Username[]
  readonly ranks: Readonly<Partial<Record<Username, 'LOW' | 'HIGH'>>>
  readonly voiceSessions: number
}

/** The first is for trying things, so its record is empty; the others have been in use for days. */
const GROUPS: readonly DemoGroup[] = [
  {
    name: DEMO_GROUP,
    description: 'A demo group: press, talk, release.',
    settings: { talkLimitMs: 30_000, queueCapacity: 10, preemptGraceMs: 500 },
    manager: 'maya',
    members: ['ben', 'cleo', 'kofi', 'olha'],
    listeners: ['nikos'],
    ranks: {},
    voiceSessions: 0,
  },
  {
    name: 'Stage crew',
    description: 'Light, sound, fly and props of the main house. Short calls; the show caller comes first.',
    settings: { talkLimitMs: 15_000, queueCapacity: 5, preemptGraceMs: 0 },
    manager: 'soren',
    members: ['zeynep', 'mateo', 'noa', 'yuki', 'kofi', 'amina'],
    listeners: ['thanh'],
    ranks: { zeynep: 'HIGH' },
    voiceSessions: 14,
  },
  {
    name: 'Ward 7',
    description: 'Nurses and doctors of the surgical ward, day and night.',
    settings: { talkLimitMs: 60_000, queueCapacity: 20, preemptGraceMs: 1_000 },
    manager: 'layla',
    members: ['priya', 'dariush', 'wei', 'minjun', 'giorgi', 'amina'],
    listeners: ['nikos'],
    ranks: { priya: 'HIGH', giorgi: 'LOW' },
    voiceSessions: 22,
  },
]

const HOUR = 60 * 60_000
const DAY = 24 * HOUR

interface Services {
  readonly db: Database
  readonly users: UsersService
  readonly groups: GroupsService
}

/** People, groups and a record to try things with: made once, in a database that never had a group, and not again when they were deleted. */
export async function seedDemo({ db, users, groups }: Services): Promise<void> {
  if ((await db.group.count()) > 0) return
  const since = new Date(Date.now() - 30 * DAY)
  const ids = await createPeople(db, users, since)
  const idOf = (username: Username) => {
    const id = ids.get(username)
    if (!id) throw new Error(`the demo could not be made: there is no ${username}`)
    return id
  }
  const random = randomNumbers(7)
  const histories: History[] = []
  for (const group of GROUPS) {
    const groupId = await createGroup(groups, group, idOf)
    const asMember = (username: Username): Speaker => ({ userId: idOf(username), priority: group.ranks[username] ?? 'NORMAL' })
    const talking = { groupId, ...group.settings, managerId: idOf(group.manager), speakers: group.members.map(asMember) }
    histories.push(madeUpHistory(talking, { voiceSessions: group.voiceSessions, random }))
  }
  await db.group.updateMany({ data: { createdAt: since } })
  await db.groupMember.updateMany({ data: { createdAt: since } })
  await writeHistories(db, histories)
}

/** Past the service, which would hash the one password twenty times. Who was there already stays as it is. */
async function createPeople(db: Database, users: UsersService, createdAt: Date): Promise<ReadonlyMap<string, UserId>> {
  const passwordHash = await hashPassword(DEMO_PASSWORD)
  const data = Object.entries(PEOPLE).map(([username, displayName]) => ({
    id: newId<UserId>(),
    username,
    displayName,
    searchText: searchTextOf(username, displayName),
    passwordHash,
    systemRole: username === ADMIN ? ('ADMIN' as const) : ('USER' as const),
    createdAt,
  }))
  const created = await db.user.createManyAndReturn({ data, skipDuplicates: true, select: { id: true } })
  // The service knows of people what it changed itself: a change of nothing tells it.
  await Promise.all(created.map(({ id }) => users.updateUser(null, { userId: id as UserId })))
  const named = { in: Object.keys(PEOPLE), mode: 'insensitive' as const }
  const known = await db.user.findMany({ where: { username: named, deletedAt: null }, select: { id: true, username: true } })
  return new Map(known.map(({ id, username }) => [username.toLowerCase(), id as UserId]))
}

async function createGroup(groups: GroupsService, group: DemoGroup, idOf: (username: Username) => UserId): Promise<GroupId> {
  const { name, description, settings, manager, members, listeners, ranks } = group
  const memberIds = [...members, ...listeners].map(idOf)
  const groupId = done(await groups.createGroup(null, { name, description, managerId: idOf(manager), memberIds, settings }))
  for (const username of listeners) done(await groups.updateGroupMember(null, { groupId, userId: idOf(username), canTalk: false }))
  for (const [username, priority] of Object.entries(ranks))
    done(await groups.updateGroupMember(null, { groupId, userId: idOf(username as Username), priority }))
  return groupId
}

function done<Done>({ done: result, userErrors }: Outcome<Done>): Done {
  if (result === null) throw new Error(`the demo could not be made: ${userErrors.map(({ message }) => message).join(' ')}`)
  return result
}

/** The group of that name that is oldest, unless somebody deleted or renamed it. */
export async function demoGroupId(db: Database): Promise<GroupId | null> {
  const group = await db.group.findFirst({
    where: { name: DEMO_GROUP, deletedAt: null },
    orderBy: { createdAt: 'asc' },
    select: { id: true },
  })
  return group && (group.id as GroupId)
}

/** Numbers from 0 to below 1 that look random and are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A group as far as its record shows it. */
interface TalkingGroup {
  readonly groupId: GroupId
  readonly talkLimitMs: number
  readonly managerId: UserId
  readonly speakers: readonly Speaker[]
}

interface Speaker {
  readonly userId: UserId
  readonly priority: 'LOW' | 'NORMAL' | 'HIGH'
}

interface History {
  readonly sessions: Prisma.SessionCreateManyInput[]
  readonly voiceSessions: Prisma.GroupVoiceSessionCreateManyInput[]
  readonly bursts: Prisma.SpeakerHistoryCreateManyInput[]
}

/** What is known of a burst before it has a place in time. */
interface Utterance extends Speaker {
  readonly beginsAfterMs: number
  readonly lastsMs: number
  readonly endReason: NonNullable<Prisma.SpeakerHistoryCreateManyInput['endReason']>
}

/** A record as talking would have left it: voice sessions some hours apart, all over an hour ago, on devices that have signed out since. */
export function madeUpHistory(group: TalkingGroup, made: { voiceSessions: number; random: () => number }): History {
  const { groupId, managerId } = group
  const history: History = { sessions: [], voiceSessions: [], bursts: [] }
  const devices = new Map<UserId, string>()
  let before = Date.now() - HOUR
  for (let n = 0; n < made.voiceSessions; n++) {
    const utterances = conversation(group, made.random)
    const length = utterances.reduce((sum, { beginsAfterMs, lastsMs }) => sum + beginsAfterMs + lastsMs, 60_000)
    const endedAt = before - between(made.random, HOUR / 2, 9 * HOUR)
    let clock = endedAt - length
    before = clock
    const voiceSessionId = idOfTime(clock)
    history.voiceSessions.push({ id: voiceSessionId, groupId, startedAt: new Date(clock), endedAt: new Date(endedAt) })
    for (const { userId, priority, beginsAfterMs, lastsMs, endReason } of utterances) {
      const startedAt = clock + beginsAfterMs
      clock = startedAt + lastsMs
      const sessionId = devices.get(userId) ?? signedOutDevice(history, userId)
      devices.set(userId, sessionId)
      const times = { startedAt: new Date(startedAt), expiresAt: new Date(startedAt + group.talkLimitMs), endedAt: new Date(clock) }
      const revokedById = endReason === 'REVOKED_BY_MANAGER' ? managerId : null
      const whose = { groupId, voiceSessionId, userId, sessionId, priority }
      // As the engine counts: microseconds of the grant.
      const fencingToken = BigInt(startedAt) * 1_000n
      history.bursts.push({ id: idOfTime(startedAt), ...whose, fencingToken, ...times, endReason, revokedById })
    }
  }
  return history
}

/** Two to nine bursts, most of them answers to each other. A pre-empted one is followed at once by the manager's. */
function conversation({ managerId, speakers, talkLimitMs }: TalkingGroup, random: () => number): Utterance[] {
  const manager: Speaker = { userId: managerId, priority: 'HIGH' }
  const utterances: Utterance[] = []
  const bursts = between(random, 2, 9)
  for (let n = 0; n < bursts; n++) {
    const last = utterances.at(-1)
    const speaker = last?.endReason === 'PREEMPTED' ? manager : (pick([manager, ...speakers], random) ?? manager)
    const endReason = endReasonOf(speaker, n === bursts - 1, random)
    const lastsMs = endReason === 'TALK_LIMIT' ? talkLimitMs : between(random, 1_200, Math.min(talkLimitMs, 20_000))
    const beginsAfterMs = !last || last.endReason === 'PREEMPTED' ? 0 : between(random, 800, 25_000)
    utterances.push({ ...speaker, beginsAfterMs, lastsMs, endReason })
  }
  return utterances
}

function endReasonOf({ priority }: Speaker, isLast: boolean, random: () => number): Utterance['endReason'] {
  const chance = random()
  if (chance < 0.04) return 'TALK_LIMIT'
  if (chance < 0.08) return 'CONNECTION_LOST'
  if (chance < 0.16 && priority !== 'HIGH') return isLast ? 'REVOKED_BY_MANAGER' : 'PREEMPTED'
  return 'RELEASED'
}

function signedOutDevice({ sessions }: History, userId: UserId): string {
  const now = new Date()
  const id = idOfTime(now.getTime() - 20 * DAY)
  const times = { createdAt: new Date(now.getTime() - 20 * DAY), lastUsedAt: now, expiresAt: now, revokedAt: now }
  // It has ended, and nobody has a token of it.
  sessions.push({ id, userId, deviceName: 'Watch', refreshSalt: randomBytes(32).toString('base64url'), ...times })
  return id
}

/** Few statements, none of them larger than PostgreSQL takes. */
export async function writeHistories(db: Database, histories: readonly History[]): Promise<void> {
  for (const data of batches(histories.flatMap(({ sessions }) => sessions))) await db.session.createMany({ data })
  for (const data of batches(histories.flatMap(({ voiceSessions }) => voiceSessions))) await db.groupVoiceSession.createMany({ data })
  for (const data of batches(histories.flatMap(({ bursts }) => bursts))) await db.speakerHistory.createMany({ data })
}

export function* batches<Row>(rows: readonly Row[], size = 2_000): Generator<Row[]> {
  for (let at = 0; at < rows.length; at += size) yield rows.slice(at, at + size)
}

/** A whole number, both ends included. */
export const between = (random: () => number, least: number, most: number) => least + Math.floor(random() * (most - least + 1))

export const pick = <T>(values: readonly T[], random: () => number): T | undefined => values[Math.floor(random() * values.length)]

const idOfTime = (ms: number) => uuidv7({ msecs: ms })
