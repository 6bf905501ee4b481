import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type GroupId, newId } from '../src/ids.ts'
import { bareDialect, type Dialect, graphqlDialect } from './dialects.ts'
import { type Listeners, openListeners } from './listeners.ts'
import { type Done, type Load, perform } from './load.ts'
import { graphql, type Server, start } from './support.ts'
import { openTalker } from './talker.ts'
import type { World } from './world.ts'

/** Where a load is brought to bear: so many groups with one talker each; only a single group has who watches it. */
export interface Scene {
  readonly groups: number
  readonly subscribers: number
}

/** What a load did: how long each act took to its answer, and to the last of the subscribers. */
export interface Outcome {
  readonly toAnswer: readonly number[]
  readonly toLast: readonly number[]
}

export interface Stage extends AsyncDisposable {
  readonly run: (load: Load) => Promise<Outcome>
}

export interface Contender extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly open: (scene: Scene) => Promise<Stage>
}

/** NEDA as it is run, with Redis and PostgreSQL; or without the record, from a file that leaves it out. */
export async function startNeda(name: string, world: World, main: string[], redisUrl: string): Promise<Contender> {
  const env = {
    NEDA_DATA_DIR: world.folder,
    DATABASE_URL: world.databaseUrl,
    REDIS_URL: redisUrl,
    PORT: '0',
    // A talker of this bench presses far more often than a person.
    PRESS_RATE: '1000',
    MESSAGES_PER_SOCKET: '1000000',
    REQUESTS_PER_ADDRESS: '1000000',
  }
  const server = await start(process.execPath, main, env, /NEDA is ready at (\S+)/)
  const { login } = await graphql<{ login: { accessToken: string } }>(
    server.url,
    'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }',
    { input: { username: world.username, password: world.password } },
  )
  const ids = world.groupIds.map((id) => Buffer.from(`Group:${id}`).toString('base64'))
  const url = `${server.url.replace('http', 'ws')}/graphql`
  return overSockets(name, server, url, ids, graphqlDialect(login.accessToken), login.accessToken)
}

export async function startBare(groups: number, redisUrl: string): Promise<Contender> {
  const server = await start(process.execPath, ['bench/peers/bare-floor.ts', redisUrl], {}, /ready at (\S+)/)
  return overSockets('bare ws', server, server.url, newGroups(groups), bareDialect(), null)
}

function overSockets(
  name: string,
  server: Server,
  url: string,
  groupIds: readonly string[],
  dialect: Dialect,
  accessToken: string | null,
): Contender {
  const open = async ({ groups, subscribers }: Scene): Promise<Stage> => {
    await using stack = new AsyncDisposableStack()
    const [groupId = ''] = groupIds
    const listeners = subscribers > 0 ? stack.use(await openListeners({ url, accessToken, groupId, sockets: subscribers })) : null
    const talkers = await Promise.all(groupIds.slice(0, groups).map((id) => openTalker(url, dialect, id)))
    for (const talker of talkers) stack.use(talker)
    const owned = stack.move()
    const acts = talkers.map((talker) => () => talker.act())
    return { run: (load) => run(load, acts, listeners), [Symbol.asyncDispose]: () => owned.disposeAsync() }
  }
  return { name, pid: server.process.pid ?? Number.NaN, open, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

async function run(load: Load, acts: readonly (() => Promise<void>)[], listeners: Listeners | null): Promise<Outcome> {
  const [done, lastAt] = await Promise.all([perform(load, acts), listeners?.heard(load.acts) ?? []])
  return {
    toAnswer: done.map(({ tookMs }) => tookMs),
    toLast: lastAt.map((at, n) => at - (done[n]?.sentAt ?? Number.NaN)),
  }
}

/** Of its own, for what is published is heard by all who use the same Redis, whatever the number of their database there. */
const newGroups = (count: number): GroupId[] => Array.from({ length: count }, () => newId<GroupId>())

/** The scripts alone, in a process that calls them and measures itself. */
export async function startRaw(groups: number, redisUrl: string): Promise<Contender> {
  const groupIds = newGroups(groups)
  const child = fork(fileURLToPath(new URL('peers/raw-scripts.ts', import.meta.url)), [redisUrl])
  await once(child, 'message')
  const open = async ({ groups }: Scene): Promise<Stage> => ({
    run: async (load) => {
      child.send({ load, groupIds: groupIds.slice(0, groups) })
      const [done] = (await once(child, 'message')) as [Done[]]
      return { toAnswer: done.map(({ tookMs }) => tookMs), toLast: [] }
    },
    [Symbol.asyncDispose]: async () => {},
  })
  return {
    name: 'script',
    pid: child.pid ?? Number.NaN,
    open,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
