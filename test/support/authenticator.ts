import { setTimeout as sleep } from 'node:timers/promises'
import { URI } from 'otpauth'
import { ConfirmTotpDocument, StartTotpDocument } from '../generated/operations.ts'
import type { Client } from './client.ts'

const PERIOD_MS = 30_000
const CALM_MS = 8_000

/** The code of the time step that is so many steps from now. */
export type Authenticator = (stepsAway?: number) => string

/** What an authenticator app makes of the URI. */
export function authenticator(otpauthUri: string): Authenticator {
  const totp = URI.parse(otpauthUri)
  return (stepsAway = 0) => totp.generate({ timestamp: Date.now() + stepsAway * PERIOD_MS })
}

/** Waits until the time step does not end within the next seconds: what is "two steps ahead" stays so. */
export async function calmStep(): Promise<void> {
  const left = PERIOD_MS - (Date.now() % PERIOD_MS)
  if (left < CALM_MS) await sleep(left + 100)
}

/** A second factor for who is signed in here. With the code of the step before, so that the present one is good still. */
export async function setUpTotp(device: Client): Promise<{ code: Authenticator; recoveryCodes: readonly string[] }> {
  await calmStep()
  const { startTotp } = await device.get(StartTotpDocument, {})
  const code = authenticator(startTotp.otpauthUri ?? '')
  const { confirmTotp } = await device.get(ConfirmTotpDocument, { input: { code: code(-1) } })
  if (!confirmTotp.recoveryCodes) throw new Error(JSON.stringify(confirmTotp.userErrors))
  return { code, recoveryCodes: confirmTotp.recoveryCodes }
}
