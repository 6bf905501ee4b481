import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { JoinGroupDocument, LogoutDocument, RemoveGroupMemberDocument } from '../generated/operations.ts'
import { until } from '../stress/until.ts'
import type { MediaStage, Scene } from './media-stage.ts'
import type { Radio } from './radio.ts'

/** What the second instance tells a device. */
async function stateAtSecond(stage: MediaStage, { client, groupId }: Radio): Promise<string | undefined> {
  return (await stage.at(1, client).get(JoinGroupDocument, { input: { groupId } })).joinGroup.media?.state
}

/** Two instances; the media server reports to the first alone. */
export function instanceScenes(scene: Scene) {
  scene('both know who is in the room, although one alone is told', async (stage) => {
    const { ben } = await stage.team({ inRoom: false })
    expect(await stateAtSecond(stage, ben)).toBe('JOIN_REQUIRED')
    await ben.enter()
    await until('the second knows it', async () => (await stateAtSecond(stage, ben)) === 'READY')
    expect((await ben.press({ client: stage.at(1, ben.client) })).media.state).toBe('READY')
    await ben.device.leave()
    await until('the second knows it', async () => (await stateAtSecond(stage, ben)) === 'JOIN_REQUIRED')
  })

  scene('pressed at one and released at the other, 50 times: the permission is that of the floor', async (stage) => {
    const { room, ben } = await stage.team()
    const clients = [ben.client, stage.at(1, ben.client)]
    const at = (n: number) => clients[n % 2] ?? ben.client
    for (let round = 0; round < 50; round++) {
      await ben.press({ client: at(round) })
      await ben.release(at(round + 1))
    }
    await stage.untilTalkers(room, [], 1_000)
    for (let round = 0; round < 50; round++) {
      await ben.press({ client: at(round) })
      if (round < 49) await ben.release(at(round + 1))
    }
    using _talking = ben.keepTalking()
    await stage.untilTalkers(room, [ben], 1_000)
    await sleep(500)
    expect(await stage.talkers(room)).toEqual([ben.identity])
  })

  scene('the floor goes from a device at one instance to a device at the other, 25 times', async (stage) => {
    const { room, ben, cleo } = await stage.team()
    const second = stage.at(1, cleo.client)
    for (let round = 0; round < 25; round++) {
      await ben.press()
      await ben.release()
      await cleo.press({ client: second })
      if (round < 24) await cleo.release(second)
    }
    using _talking = cleo.keepTalking()
    await stage.untilTalkers(room, [cleo], 1_000)
    await sleep(500)
    expect(await stage.talkers(room)).toEqual([cleo.identity])
  })

  scene('who loses its rights at the second instance is put out, and put out again by the first', async (stage) => {
    const { groupId, room, maya, ben, cleo, bensUserId: userId } = await stage.team({ areStrangers: true })
    const { media } = await ben.press()
    await stage.untilTalkers(room, [ben])
    await ben.device.publish()
    await stage.at(1, stage.admin).get(RemoveGroupMemberDocument, { input: { groupId, userId } })
    await stage.untilPresent(room, [maya, cleo], 1_000)
    await stage.at(1, cleo.client).get(LogoutDocument, {})
    await stage.untilPresent(room, [maya], 1_500)
    const again = await ben.enter(media.token)
    await until('it is put out again', () => again.wasPutOut(), 1_500)
  })

  scene('a burst whose lease ends while nobody asks is silent, whichever instance notices', async (stage) => {
    const teams = await Promise.all(Array.from({ length: 4 }, () => stage.team()))
    for (const [n, { ben }] of teams.entries()) await ben.press({ client: stage.at(n % 2, ben.client) })
    for (const { room, ben } of teams) await stage.untilTalkers(room, [ben])
    for (const { room } of teams) await stage.untilTalkers(room, [], 6_000)
  })
}
