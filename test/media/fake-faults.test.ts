import { AccessToken } from 'livekit-server-sdk'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { Random } from '../stress/random.ts'
import { until } from '../stress/until.ts'
import { hasRedis } from '../support/redis-server.ts'
import { instanceScenes } from './contract-instances.ts'
import { openFakeWorld } from './fake-world.ts'
import { MediaStage } from './media-stage.ts'
import { troubledGroups, type Weather } from './random-faults.ts'

/** `SEED=… npm test` repeats what a seed led to, as far as the times of a machine can be repeated. */
const SEED = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))

const STAGES: readonly { readonly name: string; readonly instances: number }[] = [
  { name: 'one instance', instances: 1 },
  ...(hasRedis() ? [{ name: 'two instances', instances: 2 }] : []),
]

describe('calls that are lost, late and overtaken', () => {
  for (const { name, instances } of STAGES) {
    const random = new Random(SEED, name)
    const weather = random.one<Weather>(['MILD', 'WILD'])
    test.concurrent(`${name}, ${weather} weather, seed ${SEED}`, async () => {
      await using stage = await MediaStage.open(openFakeWorld({ storeLagMs: 20 }), { instances })
      await troubledGroups(stage, random, { weather, instances })
    })
  }
})

describe('a LiveKit whose servers hear of a joining a moment later', () => {
  let stage: MediaStage

  beforeAll(async () => {
    stage = await MediaStage.open(openFakeWorld({ storeLagMs: 250 }))
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())

  test('who holds the floor is permitted, and who may not hear is put out, once they are found', async () => {
    await stage.play(async (playing) => {
      const { room, ben } = await playing.team({ inRoom: false })
      await ben.press()
      await ben.enter()
      await playing.untilTalkers(room, [ben])
      const { world } = playing
      const token = new AccessToken(world.apiKey, world.apiSecret, { identity: 'a stranger' })
      token.addGrant({ roomJoin: true, room })
      const stranger = await world.join(await token.toJwt())
      await until('the stranger is put out', () => stranger.wasPutOut())
    })
  })
})

describe.skipIf(!hasRedis())('two instances at work', () => {
  let stage: MediaStage

  beforeAll(async () => {
    stage = await MediaStage.open(openFakeWorld(), { instances: 2 })
  })
  afterAll(() => stage?.[Symbol.asyncDispose]())

  instanceScenes((title, play) => test(title, () => stage.play(play)))
})
