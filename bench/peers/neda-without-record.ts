import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { newId } from '../../src/ids.ts'
import { createLogger } from '../../src/logger.ts'
import type { RealtimeEngine } from '../../src/realtime/engine.ts'
import { openRedisEngine } from '../../src/realtime/redis/open-redis-engine.ts'

/**
 * NEDA, but nobody writes down who spoke: to tell what a press costs from what its record costs, which a bare server does not keep. The engine is
 * handed in from outside, because NEDA itself has no such choice.
 */
const { REDIS_URL: url = '', ...env } = process.env
const config = readConfig(env)
const log = createLogger(config)
const onError = (err: unknown) => log.error({ err }, 'the real-time engine failed')
const stopped = Promise.withResolvers<void>()
process.once('SIGTERM', () => stopped.resolve())

await using opened = await openRedisEngine({
  url,
  production: false,
  pressRate: config.pressRate,
  instance: newId(),
  fencingToken: 0n,
  failAt: null,
  log,
  onError,
})
const engine = new Proxy<RealtimeEngine>(opened.engine, {
  get: (target, name) => {
    if (name === 'record') return () => () => {}
    const value: unknown = Reflect.get(target, name, target)
    return typeof value === 'function' ? value.bind(target) : value
  },
})
await using app = await createApp(config, { engine, log })
console.log(`NEDA is ready at ${app.url}`)
await stopped.promise
