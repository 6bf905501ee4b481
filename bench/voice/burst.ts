import { setTimeout as sleep } from 'node:timers/promises'
import type { Ending, Side } from './sides.ts'
import type { DeviceKind, VoiceDevice } from './voice-device.ts'

/** What is measured of one burst. Of what takes place in a room there is one figure a listener. */
export interface Burst {
  readonly ending: Ending
  readonly toAnswer: number
  /** Until the talker has the answer and may publish. */
  readonly toTalk: number
  readonly toAudible: readonly number[]
  /** From the end of the burst, while the microphone goes on. */
  readonly toSilence: readonly number[]
  /** Steady. */
  readonly mouthToEar: readonly number[]
}

export interface Plan {
  readonly ending: Ending
  /** So many pauses are made by which the way from mouth to ear is measured. */
  readonly pauses: number
}

const HEARD_WITHIN_MS = 3_000
const LOOK_EVERY_MS = 5
/** Said before the end. */
const TALK_MS = 300
/** Longer than the way to the ear: before the tone sounds again at the mouth, it has ceased at the ear. */
const PAUSE_MS = 250
/** Sound and permissions have settled. */
const SETTLE_MS = 300

/**
 * A burst from the press until all is quiet. Rejects if it is not granted, or not heard by everybody. The device publishes when it hears that it
 * may; had it not had its answer then, it would have waited for that too, which is added.
 */
export async function burst(kind: DeviceKind, side: Side, plan: Plan): Promise<Burst> {
  const { talker } = side
  await talker.hold()
  try {
    return await pressed(kind, side, plan)
  } catch (error) {
    // Whatever came of it, the next begins without the floor.
    await side.end('RELEASE')
    throw error
  } finally {
    await talker.letGo()
    await sleep(SETTLE_MS)
  }
}

async function pressed({ now }: DeviceKind, side: Side, { ending, pauses }: Plan): Promise<Burst> {
  const { talker, listeners } = side
  const { identity } = talker
  const pressedAt = now()
  const began = performance.now()
  await side.press()
  const toAnswer = performance.now() - began
  const heardAt = await allHear(listeners, identity, pressedAt)
  const permittedAt = talker.permittedSince(pressedAt)
  if (permittedAt === null) throw new Error('heard without having been permitted by this press')
  const toPermission = permittedAt - pressedAt
  const tooEarly = Math.max(0, toAnswer - toPermission)
  await sleep(TALK_MS)
  const mouthToEar = await passed(talker, listeners, pauses)
  const endedAt = now()
  await side.end(ending)
  await sleep(SETTLE_MS)
  const lastAt = listeners.map((listener) => listener.lastHeardSince(identity, pressedAt) ?? Number.NaN)
  return {
    ending,
    toAnswer,
    toTalk: Math.max(toAnswer, toPermission),
    toAudible: heardAt.map((at) => at - pressedAt + tooEarly),
    toSilence: lastAt.map((at) => Math.max(0, at - endedAt)),
    mouthToEar,
  }
}

/** When each listener first heard the speaker since then. */
export async function allHear(listeners: readonly VoiceDevice[], identity: string, since: number): Promise<number[]> {
  for (const deadline = performance.now() + HEARD_WITHIN_MS; performance.now() < deadline; await sleep(LOOK_EVERY_MS)) {
    const heard = listeners.map((listener) => listener.firstHeardSince(identity, since)).filter((at) => at !== null)
    if (heard.length === listeners.length) return heard
  }
  throw new Error(`not heard by everybody within ${HEARD_WITHIN_MS} ms`)
}

/** From the mouth to each ear, by what follows each pause. */
async function passed(talker: VoiceDevice, listeners: readonly VoiceDevice[], pauses: number): Promise<number[]> {
  const took: number[] = []
  for (let n = 0; n < pauses; n++) {
    const soundedAt = await talker.pause(PAUSE_MS)
    took.push(...(await allHear(listeners, talker.identity, soundedAt)).map((at) => at - soundedAt))
    await sleep(PAUSE_MS)
  }
  return took
}
