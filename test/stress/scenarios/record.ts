import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { LoginDocument, RefreshSessionDocument, RemoveGroupMemberDocument } from '../../generated/operations.ts'
import { Client } from '../../support/client.ts'
import { Stopwatch } from '../../support/machine.ts'
import { PASSWORD } from '../../support/people.ts'
import type { Device } from '../people.ts'
import { alone, busy } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { bursts, floorOf, outcomeOf, release, talk } from '../talk.ts'
import { until } from '../until.ts'

/** Talks and releases so many times at both instances; answers the bursts, newest first. */
async function talked(stage: Stage, device: Device, groupId: string, times: number): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < times; n++) {
    const requestId = `t${stage.random.between(0, 1e9)}`
    ids.unshift((await talk(device.at(stage.either), groupId, requestId)).id)
    await release(device.at(stage.either), groupId, requestId)
  }
  return ids
}

async function isRecorded(stage: Stage, device: Device, groupId: string, ids: readonly string[], withinMs: number): Promise<void> {
  const asExpected = ids.map((id) => `${id} RELEASED`).join()
  const recorded = async () => (await bursts(device.at(stage.a), groupId)).map(({ id, endReason }) => `${id} ${endReason}`).join()
  await until(`${ids.length} bursts in the record, each once`, async () => (await recorded()) === asExpected, withinMs)
}

/** PostgreSQL is far, slow or away: talking does not wait for it, and the record is whole. */
export const record = [
  // Alone: an instance that is cut off from PostgreSQL may have taken it to write.
  alone('a burst is released at A and the record is read at B in the same breath: it is in there, with its end', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    for (let round = 0; round < 10; round++) {
      const { id } = await talk(ben.at(stage.a), groupId, `r${round}`)
      await release(ben.at(stage.a), groupId, `r${round}`)
      expect((await bursts(maya.at(stage.b), groupId))[0]).toMatchObject({ id, endReason: 'RELEASED' })
    }
  }),

  busy('one refresh token is used at both instances at once: both give the same new one', async (stage) => {
    const [{ person }] = [await stage.newcomer()]
    const input = { username: person.username, password: PASSWORD }
    const { login } = await new Client(stage.a.url).get(LoginDocument, { input })
    let refreshToken = login.refreshToken ?? ''
    for (let round = 0; round < 5; round++) {
      const ask = ({ url }: { url: string }) => new Client(url).ask(RefreshSessionDocument, { input: { refreshToken } })
      const answers = await Promise.all([ask(stage.a), ask(stage.b)])
      const given = answers.flatMap(({ data }) => data?.refreshSession.refreshToken ?? [])
      expect(given).toHaveLength(2)
      expect(new Set(given).size).toBe(1)
      refreshToken = given[0] ?? ''
    }
  }),

  alone('B is cut off from PostgreSQL: people go on talking there, and are told who speaks by name', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const there = await stage.watch(stage.socket(maya, stage.b), groupId)
    stage.b.postgres.cut()
    await sleep(100)
    for (let n = 0; n < 5; n++) {
      const since = new Stopwatch()
      const burst = await talk(ben.at(stage.b), groupId, `r${n}`)
      since.expect(500)
      expect(burst.speaker.displayName).toBe(ben.person.displayName)
      expect((await there.next('TAKEN')).floor.burst).toMatchObject({ id: burst.id, speaker: { username: ben.person.username } })
      expect((await floorOf(maya.at(stage.b), groupId)).burst?.group.name).toBe('Night watch')
      await release(ben.at(stage.b), groupId, `r${n}`)
    }
  }),

  alone('B loses PostgreSQL amid bursts and has taken some of them to write: each is in the record once', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    const before = await talked(stage, ben, groupId, 10)
    stage.b.postgres.blackhole()
    const during = await talked(stage, ben, groupId, 20)
    stage.b.postgres.mend()
    const after = await talked(stage, ben, groupId, 10)
    await isRecorded(stage, maya, groupId, [...after, ...during, ...before], 10_000)
  }),

  alone('both instances lose PostgreSQL: people go on talking at both, and the backlog is written afterwards, in order', async (stage) => {
    const { groupId, maya, ben } = await stage.trio()
    for (const place of [stage.a, stage.b]) await floorOf(ben.at(place), groupId)
    for (const { postgres } of [stage.a, stage.b]) postgres.cut()
    const ids = await talked(stage, ben, groupId, 40)
    await sleep(500)
    for (const { postgres } of [stage.a, stage.b]) postgres.mend()
    await isRecorded(stage, maya, groupId, ids, 5_000)
  }),

  alone('PostgreSQL answers B half a second late: presses there are not', async (stage) => {
    const { groupId, ben } = await stage.trio()
    await floorOf(ben.at(stage.b), groupId)
    stage.b.postgres.delay({ up: 250, down: 250 })
    for (let n = 0; n < 20; n++) {
      const since = new Stopwatch()
      await talk(ben.at(stage.b), groupId, `r${n}`)
      since.expect(200)
      await release(ben.at(stage.b), groupId, `r${n}`)
    }
  }),

  alone('who signed in at A turns to B, which cannot ask PostgreSQL: it is told to try again, not that it is signed out', async (stage) => {
    const { groupId, ben } = await stage.trio()
    stage.b.postgres.cut()
    await sleep(100)
    const device = await ben.other()
    expect(await outcomeOf(device.at(stage.b), groupId, 'r')).toBe('SERVICE_UNAVAILABLE')
    expect(await outcomeOf(device.at(stage.a), groupId, 'r')).toBe('GRANTED')
    stage.b.postgres.mend()
    await until('known at B', async () => (await outcomeOf(device.at(stage.b), groupId, 'r')) === 'GRANTED', 3_000)
  }),

  alone(
    'a member is removed at A while B cannot ask PostgreSQL: its burst ends at once, its stream at B after the mending',
    async (stage) => {
      const { groupId, maya, ben } = await stage.trio()
      const floor = await stage.watch(maya.at(stage.a), groupId)
      const here = await stage.watch(stage.socket(ben, stage.b), groupId)
      await talk(ben.at(stage.b), groupId, 'b')
      stage.b.postgres.cut()
      await stage.adminAt(stage.a).get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.userId } })
      expect((await floor.next('IDLE', 1_000)).previous?.endReason).toBe('MEMBER_REMOVED')
      await sleep(500)
      stage.b.postgres.mend()
      expect(await here.ended(1_500)).toBe('ACCESS_REVOKED')
    },
  ),
]
