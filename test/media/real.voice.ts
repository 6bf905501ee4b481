import { afterAll } from 'vitest'
import { disposeRtc } from '../voice/rtc-device.ts'
import { mediaContract } from './contract.ts'
import { openRealWorld } from './real-world.ts'

// After all devices: their native threads keep the process alive.
afterAll(disposeRtc)

mediaContract('livekit-server', openRealWorld, { atOnce: false })
