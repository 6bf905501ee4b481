import { defineConfig } from 'vitest/config'
import { hasLiveKit } from './livekit-server.ts'

const isThere = hasLiveKit()
const message =
  'There is no LiveKit to test with: LEFT OUT is all of test:voice. Put livekit-server in PATH, say where it is (LIVEKIT_SERVER=/path/to/it), ' +
  'or where one runs (LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET).'
if (!isThere && process.env.CI) throw new Error(`${message} In CI it must be there.`)
if (!isThere) console.warn(message)

export default defineConfig({
  test: {
    include: isThere ? ['test/**/*.voice.ts'] : [],
    passWithNoTests: !isThere,
    // Else LiveKit's client for Node prints what it does.
    env: { NODE_ENV: 'production' },
    experimental: { viteModuleRunner: false },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Sound is measured in real time: nothing else may run meanwhile.
    maxWorkers: 1,
    fileParallelism: false,
  },
})
