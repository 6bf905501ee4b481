import { ChromiumDevices } from '../../test/voice/chromium-device.ts'
import type { DeviceKind } from './voice-device.ts'

export async function chromiumDevices(): Promise<DeviceKind> {
  const devices = await ChromiumDevices.start()
  return {
    name: 'livekit-client in Chromium',
    audibleWithinMs: 150,
    now: Date.now,
    open: () => devices.open(),
    [Symbol.asyncDispose]: () => devices[Symbol.asyncDispose](),
  }
}
