import { createApp } from './app.ts'
import { banner } from './banner.ts'
import { readConfig } from './config.ts'

const started = performance.now()
const stop = new AbortController()
const stopped = new Promise<void>((resolve) => stop.signal.addEventListener('abort', () => resolve()))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Somebody who asks twice does not want to wait; the next start mends what this leaves.
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
  })
}

try {
  const config = readConfig(process.env)
  await using app = await createApp(config)
  console.log(banner(config, app, performance.now() - started))
  await Promise.race([stopped, app.lost])
  console.log('NEDA stops.')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
