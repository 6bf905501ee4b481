import { setTimeout as sleep } from 'node:timers/promises'
import { FloorDocument } from '../generated/operations.ts'
import type { Random } from '../stress/random.ts'
import type { Fate } from '../support/fake-livekit-faults.ts'
import { machine } from '../support/machine.ts'
import type { MediaStage, Team } from './media-stage.ts'
import type { Radio } from './radio.ts'

/** How long people talk while calls get lost. */
const TROUBLE_MS = 4_000
/** A call may be carried out so much later. Its caller gave up after 1 s. */
const LATEST_MS = 1_600
/** How often what failed is looked at again, at the least, and a machine that is busy. */
const LOOKED_AT_AGAIN_MS = 2_000
/** When everything has been said again, or looked at. */
const RIGHT_WITHIN_MS = 12_000
const STAYS_RIGHT_MS = 2_500

/** Of so many calls in a hundred something goes wrong. */
export type Weather = 'MILD' | 'WILD'
const WRONG = { MILD: 0.15, WILD: 0.6 } as const

function fate(random: Random, weather: Weather): Fate {
  if (!random.chance(WRONG[weather])) return {}
  const kind = random.between(1, 10)
  if (kind <= 2) return { lost: 'CALL' }
  if (kind <= 4) return { lost: 'ANSWER' }
  if (kind <= 7) return { lateMs: random.between(20, LATEST_MS) }
  if (kind <= 9) return { overtaken: true }
  return { status: random.one([502, 503, 500]) }
}

/**
 * People press, release, come, go and try old tokens, at all instances, while calls to the media server get lost, are late and overtake each
 * other. Then the trouble ends: soon whoever holds the floor may be heard, nobody else, and so it stays.
 */
export async function troubledGroups(stage: MediaStage, random: Random, { weather, instances }: { weather: Weather; instances: number }) {
  const { fake } = stage.world
  if (!fake) throw new Error('a world without faults')
  const teams = await Promise.all(Array.from({ length: 4 }, () => stage.team()))
  fake.faults.fate = () => fate(random, weather)
  const end = performance.now() + TROUBLE_MS
  await Promise.all(teams.flatMap(({ ben, cleo, maya }) => [ben, cleo, maya].map((radio) => live(stage, radio, random, instances, end))))
  using talking = new DisposableStack()
  for (const team of teams) await lastWord(team, random, talking)
  await fake.mend()
  const waited = machine.count()
  // What is under way may still be carried out, after others were, and is looked at again.
  await sleep(LATEST_MS + LOOKED_AT_AGAIN_MS)
  await Promise.all(teams.map((team) => untilRight(stage, team, waited)))
  await staysRight(stage, teams)
}

/** What one device does, one thing after the other. */
async function live(stage: MediaStage, radio: Radio, random: Random, instances: number, end: number) {
  const kept: string[] = []
  while (performance.now() < end) {
    const client = stage.at(random.between(0, instances - 1), radio.client)
    const what = random.between(1, 10)
    if (what <= 4) {
      // Somebody else may have the floor.
      const granted = await radio.press({ client }).catch(() => null)
      if (granted) kept.push(granted.media.token)
    } else if (what <= 7) await radio.release(client)
    else if (what === 8) await radio.device.publish()
    else if (what === 9) await radio.enter(kept.length > 0 && random.chance(0.5) ? random.one(kept) : undefined)
    else kept.push(await radio.device.refreshedToken())
    await sleep(random.between(0, 60))
  }
}

/** At the end somebody talks, or nobody. */
async function lastWord({ ben, cleo, maya }: Team, random: Random, talking: DisposableStack) {
  for (const radio of [ben, cleo, maya]) await radio.release()
  if (random.chance(0.3)) return
  const last = random.one([ben, cleo, maya])
  await last.press()
  talking.use(last.keepTalking())
}

/** Who may publish and who holds the floor, as far as it is in the room. */
async function compared(stage: MediaStage, { groupId, room, maya }: Team) {
  const { floor } = await maya.client.get(FloorDocument, { groupId })
  const present = await stage.present(room)
  const holder = floor.burst?.mediaIdentity
  const expected = holder !== undefined && present.includes(holder) ? [holder] : []
  const talkers = await stage.talkers(room)
  const audible = await stage.audible(room)
  const isRight = JSON.stringify(talkers) === JSON.stringify(expected) && audible.every((identity) => expected.includes(identity))
  return { isRight, what: `may publish: [${talkers.join()}], heard: [${audible.join()}], holder: [${expected.join()}]` }
}

async function untilRight(stage: MediaStage, team: Team, waited: () => number) {
  const began = performance.now()
  for (;;) {
    const isLast = performance.now() - began > RIGHT_WITHIN_MS + waited()
    const { isRight, what } = await compared(stage, team)
    if (isRight) return
    if (isLast) throw new Error(`not right after ${RIGHT_WITHIN_MS} ms: ${what}`)
    await sleep(20)
  }
}

async function staysRight(stage: MediaStage, teams: readonly Team[]) {
  const end = performance.now() + STAYS_RIGHT_MS
  while (performance.now() < end) {
    for (const team of teams) {
      const { isRight, what } = await compared(stage, team)
      if (!isRight) throw new Error(`it was right, and is not any more: ${what}`)
    }
    await sleep(20)
  }
}
