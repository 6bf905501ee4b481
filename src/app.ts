import { demoGroupId, seedDemo } from '../prisma/seed.ts'
import type { Config } from './config.ts'
import { type Database, openDatabase } from './database/client.ts'
import { migrate } from './database/migrations.ts'
import { oneAtATime } from './database/one-at-a-time.ts'
import { holdDatabase } from './database/single-instance.ts'
import { AccessTokens } from './domains/auth/access-tokens.ts'
import { AuthService, DEMO_PASSWORD } from './domains/auth/auth.service.ts'
import { Rights } from './domains/auth/rights.ts'
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
  const alone = stack.use(await holdDatabase(database.url, log, { shared }))
  await migrate(database.url, { log })
  const { db, answers } = stack.use(openDatabase(database.url, log))
  const streams = new OpenStreams()
  const standing = new Standing({ db })
  await standing.catchUp()
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
  const media = await openMedia(config, neighbours, log, stack)

  const secretKey = config.secretKey ?? (await keptSecret(config.dataFolder, 'secret-key'))
  const services = createServices({
    config,
    db,
    log,
    standing,
    rights,
    recorded,
    engine,
    streams,
    media,
    accessTokens: new AccessTokens(secretKey),
  })
  await oneAtATime(database.url, () => firstPeople(config, services))
  const webhook = enforce({ config, db, log, standing, engine, recorded, media, groups: services.groups }, stack)

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
  await closeWhatIsOpen(db)
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
}

async function chooseEngine(
  { realtime, pressRate, environment, failAt }: Config,
  db: Database,
  log: Logger,
  onError: (error: unknown) => void,
  stack: AsyncDisposableStack,
): Promise<Realtime> {
  const fencingToken = await lastFencingToken(db)
  if (realtime.kind === 'memory') {
    const engine = stack.use(new MemoryEngine({ clock: systemClock, pressRate, epoch: newId(), fencingToken, onError }))
    return { engine, neighbours: noNeighbours }
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
  readonly standing: Standing
  readonly rights: Rights
  readonly recorded: Recorded
  readonly engine: RealtimeEngine
  readonly streams: OpenStreams
  readonly media: Media
  readonly accessTokens: AccessTokens
}

function createServices({ config, db, log, standing, rights, recorded, engine, streams, media, accessTokens }: Parts): Services {
  const groups = new GroupsService({ standing, rights })
  return {
    db,
    auth: new AuthService({ db, standing, rights, accessTokens, demo: config.demo }),
    users: new UsersService({ rights }),
    groups,
    presence: new PresenceService({ engine, groups, streams, log }),
    floor: new FloorService({ engine, groups, streams }),
    media: new MediaService(media),
    history: new HistoryService({ db, groups, recorded }),
  }
}

async function firstPeople({ bootstrapAdmin, demo }: Config, services: Services) {
  if (bootstrapAdmin) await services.users.ensureAdmin(bootstrapAdmin)
  if (demo) await seedDemo(services)
}
