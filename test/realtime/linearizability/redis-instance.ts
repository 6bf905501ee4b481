import { newId } from '../../../src/ids.ts'
import { createLogger } from '../../../src/logger.ts'
import { Bus } from '../../../src/realtime/redis/bus.ts'
import { Keys } from '../../../src/realtime/redis/keys.ts'
import { type Links, openLinks } from '../../../src/realtime/redis/links.ts'
import { RecordStream } from '../../../src/realtime/redis/record-stream.ts'
import { RedisEngine } from '../../../src/realtime/redis/redis-engine.ts'
import { readScripts, Scripts } from '../../../src/realtime/redis/scripts.ts'

export interface Instance extends AsyncDisposable {
  readonly engine: RedisEngine
  readonly links: Links
  readonly keys: Keys
}

export interface InstanceOptions {
  /** What instances that share it share, and others do not see. */
  readonly space: string
  /** Changes the text of a Lua file. */
  readonly mend?: (file: string, text: string) => string
  readonly pressRate?: number
  readonly onError?: (error: unknown) => void
}

/** A Redis engine with links of its own, as each process has one: in real time, with deadlines that fall by themselves. */
export async function openInstance(
  url: string,
  { space, mend, pressRate = 1_000_000, onError = fail }: InstanceOptions,
): Promise<Instance> {
  await using stack = new AsyncDisposableStack()
  const instance = newId()
  const log = createLogger({ environment: 'test' })
  // That Redis is away and back is what these tests bring about themselves.
  log.level = 'fatal'
  const keys = new Keys(space)
  const links = stack.use(openLinks(url, { log }))
  await links.opened
  const bus = stack.use(new Bus(links, onError))
  const recordStream = stack.use(new RecordStream({ links, keys, instance, onError, log }))
  const scripts = new Scripts(readScripts(mend))
  const options = { links, bus, keys, recordStream, instance, pressRate, fencingToken: 0n, onError, scripts }
  const engine = stack.use(new RedisEngine(options))
  const owned = stack.move()
  return { engine, links, keys, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function fail(error: unknown): never {
  throw error
}
