import { describe, test } from 'vitest'
import { closingRules } from './contract-closing.ts'
import { deliveryRules } from './contract-delivery.ts'
import { floorRules } from './contract-floor.ts'
import { invariants } from './contract-invariants.ts'
import { presenceRules } from './contract-presence.ts'
import { priorityRules } from './contract-priority.ts'
import { queueRules } from './contract-queue.ts'
import { requestRules } from './contract-requests.ts'
import { rightsRules } from './contract-rights.ts'
import { type CreateEngine, type Scene, Stage } from './contract-stage.ts'
import { streamRules } from './contract-streams.ts'

/**
 * What every engine does, whatever it is built of. A test's name begins with the number of its statement in src/realtime/SPEC.md.
 */
export function engineContract(name: string, create: CreateEngine) {
  const scene: Scene = (title, play) =>
    test(title, async () => {
      await using stage = await Stage.open(create)
      await play(stage)
    })
  describe(`engine contract: ${name}`, () => {
    for (const rules of [
      floorRules,
      requestRules,
      priorityRules,
      queueRules,
      rightsRules,
      closingRules,
      presenceRules,
      streamRules,
      deliveryRules,
    ])
      rules(scene)
    invariants(create)
  })
}
