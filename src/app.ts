import type { Redis } from 'ioredis'
import { demoGroupId, seedDemo } from '../prisma/seed.ts'
import type { Config } from './config.ts'
import { atStart } from './database/at-start.ts'
import { AuditAnchors } from './database/audit-anchors.ts'
import { AuditTrail } from './database/audit-trail.ts'
import { type Database, openDatabase } from './database/client.ts'
import { migrate } from './database/migrations.ts'
import { oneAtATime } from './database/one-at-a-time.ts'
import { holdDatabase } from './database/single-instance.ts'
import { AccessTokens } from './domains/auth/access-tokens.ts'
import { AuthService } from './domains/auth/auth.service.ts'
import { Limits } from './domains/auth/limits.ts'
import { PairingService } from './domains/auth/pairing.service.ts'
import { DEMO_PASSWORD, PasswordLogin } from './domains/auth/password-login.ts'
import { PasswordRules } from './domains/auth/password-rules.ts'
import { RefreshTokens } from './domains/auth/refresh-tokens.ts'
import { Rights } from './domains/auth/rights.ts'
import { derivedKey, Seals } from './domains/auth/sealed.ts'
import { SecondFactorService } from './domains/auth/second-factor.service.ts'
import { SecondFactor } from './domains/auth/second-factor.ts'
import { Sessions } from './domains/auth/sessions.ts'
import { Standing } from './domains/auth/standing.ts'
import { FloorService } from './domains/floor/floor.service.ts'
import { GroupsService } from './domains/groups/groups.service.ts'
import { HistoryService } from './domains/history/history.service.ts'
import { Recorder } from './domains/history/recorder.ts'
import { closeWhatIsOpen, lastFencingToken } from './domains/history/recovery.ts'
import { Breaker } from './domains/media/breaker.ts'
import { Enforcement, type EnforcementDeps } from './domains/media/enforcement.ts'
import { MediaService } from './domains/media/media.service.ts'
import { RoomNames } from './domains/media/media-identity.ts'
import { Roster } from './domains/media/roster.ts'
import { Joined } from './domains/presence/joined.ts'
import { PresenceService } from './domains/presence/presence.service.ts'
import { UsersService } from './domains/users/users.service.ts'
import type { Services } from './graphql/context.ts'
import { startServer } from './graphql/server.ts'
import { type GroupId, newId } from './ids.ts'
import { liveKit, noMediaServer } from './integrations/livekit/livekit.ts'
import type { MediaServer } from './integrations/livekit/media-server.ts'
import { createWebhook } from './integrations/livekit/webhook.ts'
import { createLogger, type Logger, seldom } from './logger.ts'
import { systemClock } from './realtime/clock.ts'
import type { RealtimeEngine } from './realtime/engine.ts'
import { failClosed } from './realtime/fail-closed.ts'
import { MemoryEngine } from './realtime/memory/memory-engine.ts'
import { type Neighbours, noNeighbours } from './realtime/neighbours.ts'
import { OpenStreams } from './realtime/open-streams.ts'
import { keptSecret } from './secrets.ts'

export interface App extends AsyncDisposable {
  readonly url: string
  /** What runs and what does not, a line each, for who operates it. */
  readonly summary: readonly (readonly [what: string, how: string])[]
  /** Rejects when this instance must not go on; never resolves. */
  readonly lost: Promise<never>
}

export interface Overrides {
  readonly engine?: RealtimeEngine
  readonly log?: Logger
}

/** How long who talks may go on when this instance stops and others take over. */
const LAST_WORDS_MS = 10_000

/** Builds every object once and says what depends on what. Everything is closed in reverse order, the database last. */
export async function createApp(config: Config, overrides: Overrides = {}): Promise<App> {
  await using stack = new AsyncDisposableStack()
  const log = overrides.log ?? createLogger(config)

  const database = await chooseDatabase(config, log, stack)
  const shared = config.realtime.kind === 'redis'
  const alone = stack.use(await atStart(log, () => holdDatabase(database.url, log, { shared })))
  await atStart(log, () => migrate(database.url, { log }))
  const { db, answers } = stack.use(openDatabase(database.url, log))
  stack.use(new AuditAnchors({ db, log, file: config.auditAnchors }))
  const audit = stack.use(new AuditTrail({ db, log }))
  const streams = new OpenStreams()
  const standing = new Standing({ db, adminsNeedTotp: config.adminTotp === 'required' })
  await atStart(log, () => standing.catchUp())
  stack.defer(standing.follow(() => streams.recheck()))

  if (!shared) await closeForgotten(db, log, stack)
  const recorder = stack.use(new Recorder({ db, log, answers }))
  const onError = seldom(log, 'the real-time engine failed')
  const realtime = await chooseEngine(config, db, log, onError, stack)
  const engine = failClosed(overrides.engine ?? realtime.engine, onError)
  stack.defer(engine.record((entry) => recorder.add(entry)))
  const recorded = recordOf(engine, recorder)
  const { neighbours } = realtime
  const rights = stack.use(new Rights({ db, log, standing, engine, announce: () => neighbours.tell('CHANGES', '') }))
  await neighbours.hear('CHANGES', () => rights.wake())
  const joined = new Joined(neighbours)
  await joined.open()
  const media = await openMedia(config, neighbours, log, stack)

  const secretKey = config.secretKey ?? (await keptSecret(config.dataFolder, 'secret-key'))
  const services = createServices({
    config,
    db,
    log,
    audit,
    standing,
    rights,
    recorded,
    engine,
    streams,
    joined,
    media,
    secretKey,
    redis: realtime.commands,
  })
  await atStart(log, () => oneAtATime(database.url, () => firstPeople(config, services)))
  if (config.previousSecretKey !== null) await atStart(log, () => services.secondFactor.sealAnew())
  const webhook = enforce({ config, db, log, audit, standing, engine, recorded, media, groups: services.groups }, stack)

  let stopping = false
  const server = stack.use(
    await startServer({
      config,
      services,
      streams,
      webhook,
      demo: config.demo ? { password: DEMO_PASSWORD, groupId: () => demoGroupId(db) } : null,
      log,
      patienceMs: shared ? LAST_WORDS_MS : 0,
      ready: async () => !stopping && (await (shared ? engine : { answers }).answers()),
    }),
  )
  stack.defer(() => {
    stopping = true
  })
  return {
    url: server.url,
    summary: [
      ['database', database.name],
      ['floor', engine.name],
      ['media', media.server?.name ?? 'none: devices get no way to be heard'],
    ],
    lost: alone.lost,
    [Symbol.asyncDispose]: (
      (owned) => () =>
        owned.disposeAsync()
    )(stack.move()),
  }
}

async function chooseDatabase({ database, dataFolder }: Config, log: Logger, stack: AsyncDisposableStack) {
  if (database.kind === 'url') return { url: database.url, name: 'PostgreSQL at DATABASE_URL' }
  const { openEmbeddedPostgres } = await import('./database/embedded-postgres.ts')
  const embedded = stack.use(await openEmbeddedPostgres({ folder: dataFolder, log }))
  return { url: embedded.url, name: `embedded PostgreSQL ${embedded.version} in ${dataFolder}` }
}

/** An engine in this process forgets when it ends: what the record shows as running is over, now and at the end. */
async function closeForgotten(db: Database, log: Logger, stack: AsyncDisposableStack) {
  await atStart(log, () => closeWhatIsOpen(db))
  stack.defer(() => closeWhatIsOpen(db).catch((err: unknown) => log.error({ err }, 'the record stays open until the next start')))
}

/** Resolves when all that happened in a group is in the record; false if that takes too long. */
type Recorded = (groupId: GroupId) => Promise<boolean>

/** How long who reads the record waits for what has just happened. */
const RECORDED_WITHIN_MS = 250

function recordOf(engine: RealtimeEngine, recorder: Recorder): Recorded {
  return async (groupId) => {
    const asked = performance.now()
    // What waits in a store that instances share, and what waits in this process alone.
    await Promise.all([engine.recorded(groupId, RECORDED_WITHIN_MS), recorder.settled(RECORDED_WITHIN_MS)])
    return performance.now() - asked < RECORDED_WITHIN_MS
  }
}

/** What keeps the floor, and who shares it. */
interface Realtime {
  readonly engine: RealtimeEngine
  readonly neighbours: Neighbours
  /** Null: nobody shares anything. */
  readonly commands: Redis | null
}

async function chooseEngine(
  { realtime, pressRate, environment, failAt }: Config,
  db: Database,
  log: Logger,
  onError: (error: unknown) => void,
  stack: AsyncDisposableStack,
): Promise<Realtime> {
  const fencingToken = await atStart(log, () => lastFencingToken(db))
  if (realtime.kind === 'memory') {
    const engine = stack.use(new MemoryEngine({ clock: systemClock, pressRate, epoch: newId(), fencingToken, onError }))
    return { engine, neighbours: noNeighbours, commands: null }
  }
  const { openRedisEngine } = await import('./realtime/redis/open-redis-engine.ts')
  const production = environment === 'production'
  const instance = newId()
  return stack.use(await openRedisEngine({ url: realtime.url, production, pressRate, instance, fencingToken, failAt, log, onError }))
}

/** The media server, and what is known of it. */
interface Media {
  readonly server: MediaServer | null
  readonly names: RoomNames
  readonly roster: Roster
  /** Null: there is no media server to ask. */
  readonly breaker: Breaker | null
}

async function openMedia(config: Config, neighbours: Neighbours, log: Logger, stack: AsyncDisposableStack): Promise<Media> {
  const server = chooseMedia(config)
  const roster = new Roster(neighbours)
  if (server?.rooms) await roster.open(log)
  const breaker = server?.rooms ? stack.use(new Breaker(server.rooms, log)) : null
  return { server, names: new RoomNames(config.environment), roster, breaker }
}

function chooseMedia({ media, environment }: Config): MediaServer | null {
  if (media.kind === 'livekit') return liveKit(media)
  return environment === 'production' ? null : noMediaServer()
}

/** Makes the media server obey. What it reports comes by the webhook. */
function enforce(
  { config, media, ...deps }: Omit<EnforcementDeps, keyof Media | 'isAlone'> & { config: Config; media: Media },
  stack: AsyncDisposableStack,
) {
  if (config.media.kind === 'none' || !media.breaker) return null
  const { names, roster, breaker } = media
  const enforcement = stack.use(new Enforcement({ ...deps, names, roster, breaker, isAlone: config.realtime.kind === 'memory' }))
  return createWebhook({ ...config.media, log: deps.log, heard: (event) => enforcement.heard(event) })
}

interface Parts {
  readonly config: Config
  readonly db: Database
  readonly log: Logger
  readonly audit: AuditTrail
  readonly standing: Standing
  readonly rights: Rights
  readonly recorded: Recorded
  readonly engine: RealtimeEngine
  readonly streams: OpenStreams
  readonly joined: Joined
  readonly media: Media
  readonly secretKey: string
  /** What all instances share; null: this is the only one. */
  readonly redis: Redis | null
}

function createServices({
  config,
  db,
  log,
  audit,
  standing,
  rights,
  recorded,
  engine,
  streams,
  joined,
  media,
  ...secrets
}: Parts): Services {
  const passwordRules = new PasswordRules({ shortest: config.passwordMinLength })
  const groups = new GroupsService({ standing, rights })
  return {
    db,
    audit,
    ...createIdentity({ config, db, audit, standing, rights, passwordRules, ...secrets }),
    users: new UsersService({ rights, passwordRules }),
    groups,
    presence: new PresenceService({ engine, groups, streams, joined, log }),
    floor: new FloorService({ engine, groups, streams, joined }),
    media: new MediaService(media),
    history: new HistoryService({ db, groups, recorded }),
  }
}

type IdentityParts = Pick<Parts, 'config' | 'db' | 'audit' | 'standing' | 'rights' | 'secretKey' | 'redis'> & {
  readonly passwordRules: PasswordRules
}

/** Everything by which people and devices prove who they are. Each use of the secret key has a key of its own made from it. */
function createIdentity(parts: IdentityParts): Pick<Services, 'auth' | 'secondFactor' | 'pairing'> {
  const { config, db, audit, standing, rights, passwordRules, secretKey, redis } = parts
  const { previousSecretKey } = config
  const limits = new Limits({ settings: config.attemptLimits, redis })
  const accessTokens = new AccessTokens(secretKey, previousSecretKey)
  const refreshTokens = new RefreshTokens(secretKey, previousSecretKey)
  const seals = new Seals(secretKey, previousSecretKey)
  const sessions = new Sessions({ db, rights, accessTokens, refreshTokens })
  const secondFactor = new SecondFactor({ db, seals, limits })
  const passwordLogin = new PasswordLogin({ db, audit, rights, sessions, secondFactor, limits, demo: config.demo })
  const adminsNeedIt = config.adminTotp === 'required'
  const userCodeKey = derivedKey(secretKey, 'user codes')
  return {
    auth: new AuthService({ db, standing, rights, accessTokens, sessions, passwordLogin, limits, passwordRules }),
    secondFactor: new SecondFactorService({ db, audit, rights, seals, limits, secondFactor, adminsNeedIt }),
    pairing: new PairingService({ db, audit, rights, sessions, limits, userCodeKey, verificationUri: config.pairingUrl }),
  }
}

async function firstPeople({ bootstrapAdmin, demo }: Config, services: Services) {
  if (bootstrapAdmin) await services.users.ensureAdmin(bootstrapAdmin)
  if (demo) await seedDemo(services)
}
