import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import type { Client } from '../../src/client.ts'
import { readConfig } from '../../src/config.ts'
import { AuditTrail } from '../../src/database/audit-trail.ts'
import { openDatabase } from '../../src/database/client.ts'
import { AccessTokens } from '../../src/domains/auth/access-tokens.ts'
import { AuthService, type Viewer } from '../../src/domains/auth/auth.service.ts'
import { type LimitSettings, Limits } from '../../src/domains/auth/limits.ts'
import { PasswordLogin } from '../../src/domains/auth/password-login.ts'
import { PasswordRules } from '../../src/domains/auth/password-rules.ts'
import { RefreshTokens } from '../../src/domains/auth/refresh-tokens.ts'
import { Rights } from '../../src/domains/auth/rights.ts'
import { Seals } from '../../src/domains/auth/sealed.ts'
import { SecondFactor } from '../../src/domains/auth/second-factor.ts'
import { Sessions } from '../../src/domains/auth/sessions.ts'
import { Standing } from '../../src/domains/auth/standing.ts'
import { FloorService } from '../../src/domains/floor/floor.service.ts'
import { GroupsService } from '../../src/domains/groups/groups.service.ts'
import { Joined } from '../../src/domains/presence/joined.ts'
import { PresenceService } from '../../src/domains/presence/presence.service.ts'
import { UsersService } from '../../src/domains/users/users.service.ts'
import { type BurstId, type GroupId, newId, type UserId } from '../../src/ids.ts'
import type { Logger } from '../../src/logger.ts'
import { systemClock } from '../../src/realtime/clock.ts'
import type { RealtimeEngine } from '../../src/realtime/engine.ts'
import { failClosed } from '../../src/realtime/fail-closed.ts'
import { MemoryEngine } from '../../src/realtime/memory/memory-engine.ts'
import { noNeighbours } from '../../src/realtime/neighbours.ts'
import { OpenStreams } from '../../src/realtime/open-streams.ts'

export const silent: Logger = pino({ level: 'silent' })
const PASSWORD = 'a long enough password'
export const SECRET_KEY = 'one key for all instances of this test'
export const CLIENT: Client = { address: '192.0.2.1', userAgent: 'a test' }

/** The floor that all instances share, and that can go away. */
export function sharedEngine() {
  const inner = new MemoryEngine({ clock: systemClock, pressRate: 1_000, epoch: newId(), fencingToken: 0n, onError: () => undefined })
  let fault: (() => Promise<never>) | null = null
  const failing = new Proxy(inner, {
    get: (engine, name) => {
      const value: unknown = Reflect.get(engine, name)
      if (typeof value !== 'function' || typeof name === 'symbol') return value
      return (...args: unknown[]) => (fault ? fault() : (Reflect.apply(value, engine, args) as unknown))
    },
  })
  return {
    engine: failClosed(failing, () => undefined),
    goAway: () => (fault = () => Promise.reject(new Error('the engine is away'))),
    hang: () => (fault = () => new Promise<never>(() => undefined)),
    comeBack: () => (fault = null),
    [Symbol.asyncDispose]: () => inner[Symbol.asyncDispose](),
  }
}

interface Options {
  readonly engine: RealtimeEngine
  readonly announce?: () => void
  /** False: it never looks by itself for what changed elsewhere. */
  readonly looks?: boolean
  readonly log?: Logger
  readonly limits?: Partial<LimitSettings>
}

/** All that one instance has between the database and the engine, but no server. */
export async function openInstance(
  url: string,
  { engine, announce = () => {}, looks = true, log = silent, limits: limitsOfTest = {} }: Options,
) {
  await using stack = new AsyncDisposableStack()
  const { db } = stack.use(openDatabase(url, silent))
  const streams = new OpenStreams()
  const standing = new Standing({ db, adminsNeedTotp: false })
  await standing.catchUp()
  stack.defer(standing.follow(() => streams.recheck()))
  const rights = new Rights({ db, log, standing, engine, announce })
  if (looks) stack.use(rights)
  else await rights[Symbol.asyncDispose]()
  const groups = new GroupsService({ standing, rights })
  const passwordRules = new PasswordRules({ shortest: 15 })
  const audit = stack.use(new AuditTrail({ db, log }))
  const limits = new Limits({ settings: { ...readConfig({}).attemptLimits, ...limitsOfTest }, redis: null })
  const accessTokens = new AccessTokens(SECRET_KEY, null)
  const sessions = new Sessions({ db, rights, accessTokens, refreshTokens: new RefreshTokens(SECRET_KEY, null) })
  const secondFactor = new SecondFactor({ db, limits, seals: new Seals(SECRET_KEY, null) })
  const passwordLogin = new PasswordLogin({ db, audit, rights, sessions, secondFactor, limits, demo: false })
  const auth = new AuthService({ db, standing, rights, accessTokens, sessions, passwordLogin, limits, passwordRules })
  const joined = new Joined(noNeighbours)
  const owned = stack.move()
  return {
    db,
    standing,
    rights,
    groups,
    users: new UsersService({ rights, passwordRules }),
    auth,
    sessions,
    floor: new FloorService({ engine, groups, streams, joined }),
    presence: new PresenceService({ engine, groups, streams, joined, log }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export type Instance = Awaited<ReturnType<typeof openInstance>>

let people = 0

/** Somebody who may sign in. */
export async function createPerson({ users }: Instance, systemRole: 'ADMIN' | 'USER' = 'USER') {
  const username = `person-${++people}`
  const { done: id } = await users.createUser(null, { username, displayName: null, password: PASSWORD, systemRole })
  if (!id) throw new Error('not created')
  return {
    id,
    signIn: ({ auth }: Instance) =>
      auth.login({ username, password: PASSWORD, deviceName: null, totpCode: null }, { viewer: null, client: CLIENT }),
  }
}

/** A device as it asks. */
export const at = (viewer: Viewer) => ({ viewer, client: CLIENT })

/** A group with a manager and one member, who is signed in on one device. */
export async function createTeam(instance: Instance) {
  const [maya, ben] = await Promise.all([createPerson(instance), createPerson(instance)])
  const input = { name: 'Night watch', description: null, managerId: maya.id, memberIds: [ben.id], settings: {} }
  const { done: groupId } = await instance.groups.createGroup(null, input)
  if (!groupId) throw new Error('not created')
  const { accessToken, sessionId } = await ben.signIn(instance)
  return { groupId, maya, ben, bensToken: accessToken, bensSession: sessionId, bensWatch: await instance.auth.viewer(accessToken) }
}

export const press = ({ floor }: Pick<Instance, 'floor'>, viewer: Viewer, groupId: GroupId, requestId: string = newId<BurstId>()) =>
  floor.requestTalk(viewer, null, { groupId, requestId, queue: false, priority: null })

/** Who has the floor. */
export async function speaker({ floor }: Pick<Instance, 'floor'>, groupId: GroupId): Promise<UserId | null> {
  return (await floor.floorOf(groupId)).burst?.speaker.id ?? null
}

/** Everything that a stream tells, with the code by which the server ended it at the end. */
export async function toldBy(stream: AsyncIterable<{ readonly kind: string }>): Promise<string[]> {
  const told: string[] = []
  for await (const item of stream) told.push('code' in item ? String(item.code) : item.kind)
  return told
}

/** Looks again and again until it is so, with more patience than a busy machine needs. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('it never came to be so')
    await sleep(10)
  }
}
