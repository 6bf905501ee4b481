import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { RemoveGroupMemberDocument } from '../../generated/operations.ts'
import { until } from '../../stress/until.ts'
import { readMembers, whenMemberIsRemoved } from '../record.ts'
import { keeping } from '../scenario.ts'
import type { CrashStage } from '../stage.ts'

const ENDED_WITHIN_MS = 3_000
const GROUPS = 8

/** A member of each of some groups talks at B, and is removed at A, which dies meanwhile. */
async function removedAtDeath(stage: CrashStage): Promise<void> {
  const [maya, ...members] = await stage.people(5)
  if (!maya) throw new Error('nobody manages')
  const talking = await Promise.all(
    Array.from({ length: GROUPS }, async (_, n) => {
      const member = members[n % members.length] ?? maya
      const groupId = await stage.group(maya, [member])
      const reader = await stage.roamer(maya, groupId, stage.from(stage.b))
      const device = await stage.roamer(member, groupId, stage.from(stage.b))
      await device.talk('r1')
      return { groupId, reader, device }
    }),
  )
  const groupIds = talking.map(({ groupId }) => groupId)
  await using committed = await whenMemberIsRemoved(stage.cluster.postgres.url, groupIds)
  const admin = stage.adminAt(stage.a)
  for (const { groupId, device } of talking) {
    // Its instance dies before it answers: that is the fault.
    admin.ask(RemoveGroupMemberDocument, { input: { groupId, userId: device.device.userId } }).catch(() => undefined)
    await sleep(stage.random.between(0, 4))
  }
  await committed.first()
  await sleep(stage.random.between(0, 10))
  await stage.a.kill()
  const remaining = await readMembers(stage.cluster.postgres.url, groupIds)
  const isMember = ({ groupId, device }: (typeof talking)[number]) => remaining.has(`${groupId} ${device.device.userId}`)
  const kept = talking.filter(isMember)
  const removed = talking.filter((each) => !isMember(each))
  const isOver = ({ reader, device }: (typeof talking)[number]) =>
    device.endCode === 'ACCESS_REVOKED' && reader.last?.previous?.endReason === 'MEMBER_REMOVED'
  await until(`streams and bursts of ${removed.length} are over`, () => removed.every(isOver), ENDED_WITHIN_MS)
  for (const { reader, device } of kept) {
    expect(reader.changes).toEqual(['TAKEN'])
    expect(device.endCode).toBeUndefined()
    expect(await device.release('r1')).toBe(true)
  }
}

export const rights = [
  keeping(
    'an instance is killed as it removes members: whoever is no member in PostgreSQL is silenced elsewhere within 3 s, the others talk on',
    async (stage, { instanceDeaths }) => {
      const busy = await stage.busyGroup()
      for (let n = 0; n < instanceDeaths; n++) {
        await removedAtDeath(stage)
        await stage.a.start()
      }
      await stage.settle([busy])
    },
  ),
]
