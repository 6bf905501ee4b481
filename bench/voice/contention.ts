import { setTimeout as sleep } from 'node:timers/promises'
import { allHear } from './burst.ts'
import type { Team } from './sides.ts'
import type { DeviceKind } from './voice-device.ts'

/** What came of presses while somebody talked. */
export interface Contention {
  /** Press to DENIED. */
  readonly denied: number
  /** Press to QUEUED. */
  readonly queued: number
  /** From the release of who talked until each listener heard the next. */
  readonly turnToAudible: readonly number[]
}

const TALK_MS = 300
const SETTLE_MS = 600

/** Ben talks; Cleo presses and is denied, presses and waits, and talks when Ben has released. Maya, whose rank is higher, only listens. */
export async function contention({ now }: DeviceKind, { ben, cleo, maya }: Team): Promise<Contention> {
  await ben.device.hold()
  await cleo.device.hold()
  try {
    const pressedAt = now()
    await expectOutcome('GRANTED', ben.press())
    await allHear([cleo.device, maya.device], ben.device.identity, pressedAt)
    const denied = await timed(() => expectOutcome('DENIED', cleo.press()))
    const queued = await timed(() => expectOutcome('QUEUED', cleo.press({ queue: true })))
    await sleep(TALK_MS)
    const releasedAt = now()
    const [, , heardAt] = await Promise.all([
      ben.release(),
      cleo.turn(),
      allHear([ben.device, maya.device], cleo.device.identity, releasedAt),
    ])
    await sleep(TALK_MS)
    return { denied, queued, turnToAudible: heardAt.map((at) => at - releasedAt) }
  } finally {
    await Promise.all([ben.release(), cleo.release()])
    await Promise.all([ben.device.letGo(), cleo.device.letGo()])
    await sleep(SETTLE_MS)
  }
}

async function expectOutcome(expected: string, pressed: Promise<{ readonly outcome: string }>): Promise<void> {
  const { outcome } = await pressed
  if (outcome !== expected) throw new Error(`a press was answered ${outcome} instead of ${expected}`)
}

async function timed(act: () => Promise<void>): Promise<number> {
  const began = performance.now()
  await act()
  return performance.now() - began
}
