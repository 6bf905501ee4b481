import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { failureScenes } from './contract-failure.ts'
import { floorScenes } from './contract-floor.ts'
import { intruderScenes } from './contract-intruders.ts'
import { keyScenes, WRONG_KEYS } from './contract-keys.ts'
import { restartScenes } from './contract-restart.ts'
import { rightsScenes } from './contract-rights.ts'
import { stateScenes } from './contract-states.ts'
import { webhookScenes } from './contract-webhooks.ts'
import { MediaStage, type Scene } from './media-stage.ts'
import type { OpenWorld } from './world.ts'

type Scenes = (scene: Scene) => void

/** Groups do not meet: what happens in one changes nothing in another, so many play at once. */
const APART: readonly Scenes[] = [floorScenes, intruderScenes, rightsScenes, stateScenes, webhookScenes]
/** These change the whole. */
const ALONE: readonly Scenes[] = [restartScenes, failureScenes]

/**
 * What NEDA makes of every media server: whoever holds the floor can be heard, and nobody else, whatever token they kept. `atOnce`: its devices
 * are light, and many scenes play at once.
 */
export function mediaContract(name: string, open: OpenWorld, { atOnce }: { atOnce: boolean }) {
  describe(`enforcement: ${name}`, { concurrent: atOnce }, () => void playAll(open, APART))
  describe(`enforcement under trouble: ${name}`, () => {
    const stage = playAll(open, ALONE)
    afterEach(() => stage().world.mend())
  })
  describe(`enforcement with wrong keys: ${name}`, () => void playAll(open, [keyScenes], WRONG_KEYS))
}

function playAll(open: OpenWorld, all: readonly Scenes[], env: Readonly<Record<string, string>> = {}): () => MediaStage {
  let stage: MediaStage
  beforeAll(async () => {
    stage = await MediaStage.open(open, { env })
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())
  const scene: Scene = (title, play) => test(title, () => stage.play(play))
  for (const scenes of all) scenes(scene)
  return () => stage
}
