import { freePort } from '../src/database/embedded/server.ts'
import { hasLiveKit, startLiveKit, webhookUrl } from '../test/voice/livekit-server.ts'
import { start, temporaryFolder } from './support.ts'
import { chromiumDevices } from './voice/chromium.ts'
import { contest } from './voice/contest.ts'
import { report } from './voice/report.ts'

/**
 * From the press to the ear, with a real LiveKit and real clients, as MCPTT measures it. Beside NEDA stands what cannot be had for less: the same
 * permission given and taken by the same calls to the same LiveKit without a floor. With `--short` it is a smoke test of itself.
 */
const size = process.argv.includes('--short') ? { bursts: 5, contentions: 1 } : { bursts: 50, contentions: 10 }
/** With `--profile <folder>` NEDA writes its CPU profile there. */
const profileAt = process.argv.indexOf('--profile')
const profile = profileAt > 0 ? ['--cpu-prof', `--cpu-prof-dir=${process.argv[profileAt + 1]}`] : []

if (!hasLiveKit())
  throw new Error('There is no LiveKit to measure with: put livekit-server in PATH, or say where it is (LIVEKIT_SERVER=/path/to/it).')

using folder = temporaryFolder()
const port = await freePort()
await using liveKit = await startLiveKit({ webhookUrl: webhookUrl(port) })
const env = { NEDA_DATA_DIR: folder.path, PORT: String(port), ...liveKit.env }
await using neda = await start(process.execPath, [...profile, 'src/main.ts'], env, /NEDA is ready at (\S+)/)

// LiveKit's client for Node tells all that it does, except here; it looks once.
process.env.NODE_ENV = 'production'
const { rtcDevices } = await import('./voice/rtc.ts')

for (const open of [chromiumDevices, rtcDevices]) {
  await using kind = await open()
  report(await contest(kind, neda, liveKit, size))
}
