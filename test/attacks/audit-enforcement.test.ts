import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { AuditNote } from '../../src/database/audit-log.ts'
import { mediaIdentity, RoomNames } from '../../src/domains/media/media-identity.ts'
import { Watchdog, type WatchdogDeps } from '../../src/domains/media/watchdog.ts'
import { type GroupId, newId, type SessionId, type UserId } from '../../src/ids.ts'
import type { RoomParticipant } from '../../src/integrations/livekit/media-server.ts'

const groupId = newId<GroupId>()
const userId = newId<UserId>()
const sessionId = newId<SessionId>()
const identity = mediaIdentity(userId, sessionId)

interface Situation {
  readonly mayHear: boolean
  readonly holds: boolean
  readonly isThere?: boolean
  /** Still, when its permission has been withdrawn. */
  readonly publishes?: boolean
}

/** A watchdog with one who is in a room, and published there. */
function watching({ mayHear, holds, isThere = true, publishes = true }: Situation, name = identity) {
  const noted: AuditNote[] = []
  const record = { isWritten: true, moves: false, sequence: 0, last: null as { endedAt: Date } | null }
  const one = { identity: name, canPublish: false, publishes, stay: 'PA_1', joinedAt: Date.now() } as RoomParticipant
  const deps = {
    rooms: {
      participants: async () => [one],
      remove: async () => isThere,
      close: async () => undefined,
    },
    names: new RoomNames('test'),
    roster: { note: () => undefined, replace: () => undefined },
    reconciler: { follow: async () => undefined },
    groups: { exists: async () => true, mayHear: async () => mayHear },
    recorded: async () => record.isWritten,
    db: { speakerHistory: { findFirst: async () => record.last } },
    floor: async () => ({
      burst: holds ? { speaker: { id: userId }, sessionId } : null,
      sequence: ++record.sequence * (record.moves ? 1 : 0),
    }),
    audit: { addCounted: (done: AuditNote) => noted.push(done) },
    log: pino({ level: 'silent' }),
  }
  return { watchdog: new Watchdog(deps as unknown as WatchdogDeps), noted, record }
}

const published = { kind: 'PUBLISHED', identity, stay: 'PA_1' } as const
const target = { kind: 'SESSION', id: sessionId }

test('who publishes without the floor is noted, and that it was put out', async () => {
  const { watchdog, noted } = watching({ mayHear: true, holds: false })
  await watchdog.look(groupId, published)
  expect(noted).toEqual([
    { action: 'PUBLISHED_WITHOUT_FLOOR', actor: null, target, details: { groupId, userId } },
    { action: 'PUT_OUT_OF_ROOM', actor: null, target, details: { groupId, userId, reason: 'PUBLISHED_WITHOUT_FLOOR' } },
  ])
})

test('while the record is late it is silent, looked at again, noted once, and put out when the record is there', async () => {
  const { watchdog, noted, record } = watching({ mayHear: true, holds: false, publishes: false })
  record.isWritten = false
  expect(await watchdog.look(groupId, published)).toBe(false)
  expect(await watchdog.look(groupId, published, 1)).toBe(false)
  record.isWritten = true
  expect(await watchdog.look(groupId, published, 1)).toBe(true)
  expect(noted.map(({ action }) => action)).toEqual(['PUBLISHED_WITHOUT_FLOOR', 'PUT_OUT_OF_ROOM'])
})

test('who pressed and published anew meanwhile, and has just let go, stays', async () => {
  const { watchdog, noted, record } = watching({ mayHear: true, holds: false })
  record.moves = true
  record.last = { endedAt: new Date(Date.now() + 1_000) }
  expect(await watchdog.look(groupId, published)).toBe(true)
  expect(noted.map(({ action }) => action)).toEqual(['PUBLISHED_WITHOUT_FLOOR'])
})

test('who has the floor is not', async () => {
  const { watchdog, noted } = watching({ mayHear: true, holds: true })
  await watchdog.look(groupId, published)
  await watchdog.inspect(groupId)
  expect(noted).toEqual([])
})

test.each([true, false])('who may not hear the group is noted when it was put out: %s', async (isThere) => {
  const { watchdog, noted } = watching({ mayHear: false, holds: false, isThere })
  await watchdog.look(groupId, published)
  const expected = { action: 'PUT_OUT_OF_ROOM', actor: null, target, details: { groupId, userId, reason: 'MAY_NOT_HEAR' } }
  expect(noted).toEqual(isThere ? [expected] : [])
})

test('an identity that is none of ours is not written down', async () => {
  const { watchdog, noted } = watching({ mayHear: true, holds: false }, 'Eve <script>')
  await watchdog.look(groupId, { kind: 'PUBLISHED', identity: 'Eve <script>', stay: 'PA_1' })
  expect(noted).toMatchObject([{ action: 'PUT_OUT_OF_ROOM', target: { kind: 'GROUP', id: groupId }, details: { groupId, userId: null } }])
  expect(JSON.stringify(noted)).not.toContain('Eve')
})
