import { createApp } from './app.ts'
import { banner } from './banner.ts'
import { readConfig } from './config.ts'

const started = performance.now()
const stopped = Promise.withResolvers<number>()
let askedAt = Number.POSITIVE_INFINITY
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    askedAt = Math.min(askedAt, performance.now())
    stopped.resolve(askedAt)
    // npm hands on what the terminal sent us too. Who asks again later does not want to wait: the next start mends what this leaves.
    if (performance.now() - askedAt > 1_000) process.exit(1)
  })
}

try {
  const config = readConfig(process.env)
  await using app = await createApp(config)
  console.log(banner(config, app, performance.now() - started))
  await Promise.race([stopped.promise, app.lost])
  console.log('NEDA stops.')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
