import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { append } from '../../src/database/change-log.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { Rights } from '../../src/domains/auth/rights.ts'
import { newId, type UserId } from '../../src/ids.ts'
import { dataFolder } from '../support/data-folder.ts'
import {
  at,
  createPerson,
  createTeam,
  type Instance,
  openInstance,
  press,
  sharedEngine,
  silent,
  speaker,
  toldBy,
  until,
} from './instances.ts'

/**
 * Instances that share a database and a floor. What one changes is announced to one other; the third finds out by itself, at its next look. That
 * looks come often enough for a second is said with a clock of our own, at the end: here nothing fails because a machine is busy.
 */

const PATIENCE_MS = 15_000
const TWO_LOOKS_MS = 1_000

const stack = new AsyncDisposableStack()
let url: string
let engine: ReturnType<typeof sharedEngine>
let a: Instance
let told: Instance
let b: Instance

beforeAll(async () => {
  const folder = stack.use(await dataFolder())
  url = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: silent })).url
  await migrate(url, { log: silent })
  engine = stack.use(sharedEngine())
  b = stack.use(await openInstance(url, engine))
  told = stack.use(await openInstance(url, { ...engine, looks: false }))
  a = stack.use(await openInstance(url, { ...engine, announce: () => told.rights.wake() }))
})
afterAll(() => stack.disposeAsync())

type Team = Awaited<ReturnType<typeof createTeam>>

/** What is changed at one instance, and what is seen of it at another. */
interface Case {
  readonly change: (team: Team) => Promise<unknown>
  readonly reached: (team: Team, instance: Instance) => boolean
}

const codeOf = async (refused: Promise<unknown>) => refused.then(String, ({ code }: { code?: string }) => code)
const knows = ({ bensSession }: Team, { standing }: Instance) => standing.sessionUser(bensSession) !== undefined

const cases: Record<string, Case> = {
  'a member is added': {
    change: async ({ groupId }) => a.groups.addGroupMember(null, { groupId, userId: (await createPerson(a)).id }),
    reached: ({ groupId }, { standing }) => standing.group(groupId)?.members.size === 3,
  },
  'a member is removed': {
    change: ({ groupId, ben }) => a.groups.removeGroupMember(null, { groupId, userId: ben.id }),
    reached: ({ groupId, ben }, { standing }) => standing.group(groupId)?.members.has(ben.id) === false,
  },
  'a member may only listen': {
    change: ({ groupId, ben }) => a.groups.updateGroupMember(null, { groupId, userId: ben.id, canTalk: false }),
    reached: ({ groupId, ben }, { standing }) => standing.group(groupId)?.members.get(ben.id)?.canTalk === false,
  },
  'the manager changes': {
    change: ({ groupId, ben }) => a.groups.assignGroupManager(null, { groupId, userId: ben.id }),
    reached: ({ groupId, maya, ben }, { standing }) =>
      ['MEMBER', 'GROUP_MANAGER'].every((role, n) => standing.group(groupId)?.members.get([maya, ben][n]?.id ?? ben.id)?.role === role),
  },
  'a group gets other limits': {
    change: ({ groupId }) => a.groups.updateGroup(null, { groupId, settings: { talkLimitMs: 7_000 } }),
    reached: ({ groupId }, { standing }) => standing.group(groupId)?.talkLimitMs === 7_000,
  },
  'a group is deleted': {
    change: ({ groupId }) => a.groups.deleteGroup(null, groupId),
    reached: ({ groupId }, { standing }) => standing.group(groupId) === undefined,
  },
  'a device signs out': {
    change: ({ bensWatch }) => a.auth.revokeSession(at(bensWatch), bensWatch.sessionId),
    reached: (team, there) => !knows(team, there),
  },
  'a device is signed out by another': {
    change: async ({ ben }) => a.auth.revokeOtherSessions(at(await a.auth.viewer((await ben.signIn(a)).accessToken))),
    reached: (team, there) => !knows(team, there),
  },
  'a password is changed': {
    change: async ({ ben }) =>
      a.auth.changePassword(at(await a.auth.viewer((await ben.signIn(a)).accessToken)), 'a long enough password', 'another long password'),
    reached: (team, there) => !knows(team, there),
  },
  'a password is replaced': {
    change: ({ ben }) => a.users.resetUserPassword(null, ben.id, 'another long password'),
    reached: (team, there) => !knows(team, there),
  },
  'a user is disabled': {
    change: ({ ben }) => a.users.disableUser(null, ben.id),
    reached: (team, there) => !knows(team, there) && there.standing.user(team.ben.id) === undefined,
  },
  'a user is deleted': {
    change: ({ ben }) => a.users.deleteUser(null, ben.id),
    reached: (team, there) => !knows(team, there) && there.standing.group(team.groupId)?.members.has(team.ben.id) === false,
  },
  'a user becomes an admin': {
    change: ({ ben }) => a.users.updateUser(null, { userId: ben.id, systemRole: 'ADMIN' }),
    reached: ({ ben }, { standing }) => standing.user(ben.id)?.systemRole === 'ADMIN',
  },
}

const others: Record<string, () => Instance> = {
  'when it is announced, an instance that never looks by itself': () => told,
  'with its next look, an instance that hears no announcement': () => b,
}

describe.concurrent.each(Object.entries(others))('%s learns', (_, instance) => {
  test.each(Object.entries(cases))('that %s', async (_, { change, reached }) => {
    const there = instance()
    const team = await createTeam(a)
    await until(() => knows(team, there))
    expect(reached(team, there)).toBe(false)
    await change(team)
    await until(() => reached(team, there))
  })
})

/** What Ben has open at the other instance, while he speaks there. */
async function openAtB({ bensWatch, bensToken, groupId }: Team) {
  await b.auth.viewer(bensToken)
  expect((await press(b, bensWatch, groupId)).outcome).toBe('GRANTED')
  const floor = toldBy(await b.floor.watch(bensWatch, groupId, undefined))
  const presence = toldBy(await b.presence.watch(bensWatch, groupId, undefined))
  const messages = toldBy(await b.floor.hearMessages(bensWatch, groupId))
  return { floor, presence, messages, all: Promise.all([floor, presence, messages]) }
}

const inTime = <T>(promise: Promise<T>) =>
  Promise.race([promise, sleep(PATIENCE_MS, undefined, { ref: false }).then(() => Promise.reject(new Error('it never came')))])

describe.concurrent('at an instance that hears no announcement', () => {
  test.each([
    ['ACCESS_REVOKED', 'removed', ({ groupId, ben }: Team) => a.groups.removeGroupMember(null, { groupId, userId: ben.id })],
    ['SESSION_REVOKED', 'signed out', ({ bensWatch }: Team) => a.auth.revokeSession(at(bensWatch), bensWatch.sessionId)],
    ['SESSION_REVOKED', 'disabled', ({ ben }: Team) => a.users.disableUser(null, ben.id)],
    ['SESSION_REVOKED', 'deleted', ({ ben }: Team) => a.users.deleteUser(null, ben.id)],
  ] as const)('%s ends all streams of who is %s, and the burst', async (code, _, change) => {
    const team = await createTeam(a)
    const open = await openAtB(team)
    await change(team)
    expect(await speaker(a, team.groupId), 'when the change is answered').toBeNull()
    for (const told of await inTime(open.all)) expect(told.at(-1)).toBe(code)
  })

  test('a deleted group says so to who watches, and everybody hears what ended by it', async () => {
    const team = await createTeam(a)
    const open = await openAtB(team)
    await a.groups.deleteGroup(null, team.groupId)
    const [floor, presence, messages] = await inTime(open.all)
    expect(floor).toEqual(['SNAPSHOT', 'CLOSED', 'GROUP_CLOSED'])
    expect(presence).toEqual(['SNAPSHOT', 'LEFT', 'GROUP_CLOSED'])
    expect(messages).toEqual(['REVOKED', 'GROUP_CLOSED'])
  })

  test('a former admin watches its own groups only', async () => {
    const { groupId } = await createTeam(a)
    const [ada] = await Promise.all([createPerson(a, 'ADMIN'), createPerson(a, 'ADMIN')])
    const desk = await b.auth.viewer((await ada.signIn(a)).accessToken)
    const watched = toldBy(await b.floor.watch(desk, groupId, undefined))
    expect((await a.users.updateUser(null, { userId: ada.id, systemRole: 'USER' })).userErrors).toEqual([])
    expect((await inTime(watched)).at(-1)).toBe('ACCESS_REVOKED')
  })

  test('the former manager has no say after a look, the new one has it at once', async () => {
    const { groupId, maya, ben, bensToken } = await createTeam(a)
    const bensWatch = await b.auth.viewer(bensToken)
    const mayasWatch = await b.auth.viewer((await maya.signIn(a)).accessToken)
    const mute = (viewer: typeof bensWatch) => b.floor.muteMember(viewer, groupId, ben.id, 1_000)
    expect((await mute(mayasWatch)).done).toBe(ben.id)
    await a.groups.assignGroupManager(null, { groupId, userId: ben.id })
    expect((await mute(bensWatch)).done).toBe(ben.id)
    await until(async () => (await codeOf(mute(mayasWatch))) === 'FORBIDDEN')
  })
})

describe.concurrent('an instance that dies, or does not know yet', () => {
  /** A change whose instance died after the commit: nobody was told, and the engine was not asked. */
  const removedByTheDead = ({ groupId, ben }: Team) =>
    a.db.$transaction(async (tx) => {
      await tx.groupMember.updateMany({ where: { groupId, userId: ben.id, deletedAt: null }, data: { deletedAt: new Date() } })
      await append(tx, [{ kind: 'MEMBER', groupId, userId: ben.id }], { owed: true })
    })
  const owed = (userId: UserId) => a.db.change.count({ where: { userId, doneAt: null } })
  const present = async ({ groupId }: Team) => (await engine.engine.presenceLog.read(groupId)).snapshot.everyone.length

  test('what it left undone is done by another, and noted when all must know', async () => {
    const team = await createTeam(a)
    const open = await openAtB(team)
    await removedByTheDead(team)
    await until(async () => (await speaker(b, team.groupId)) === null)
    for (const told of await inTime(open.all)) expect(told.at(-1)).toBe('ACCESS_REVOKED')
    expect(await owed(team.ben.id)).toBe(1)
    await until(async () => (await owed(team.ben.id)) === 0)
  })

  test('a group that it deleted says so to who watches, when another closes it', async () => {
    const { groupId, bensToken } = await createTeam(a)
    const floor = toldBy(await b.floor.watch(await b.auth.viewer(bensToken), groupId, undefined))
    await a.db.$transaction(async (tx) => {
      await tx.group.update({ where: { id: groupId }, data: { deletedAt: new Date() } })
      await append(tx, [{ kind: 'GROUP', groupId }], { owed: true })
    })
    expect(await inTime(floor)).toEqual(['SNAPSHOT', 'CLOSED', 'GROUP_CLOSED'])
  })

  test('who begins to watch a floor that was closed elsewhere a moment ago is not left watching', async () => {
    const { groupId, bensToken } = await createTeam(a)
    const bensWatch = await b.auth.viewer(bensToken)
    await engine.engine.closeGroup(groupId)
    const floor = toldBy(await b.floor.watch(bensWatch, groupId, undefined))
    await a.groups.deleteGroup(null, groupId)
    expect(await inTime(floor)).toEqual(['SNAPSHOT', 'GROUP_CLOSED'])
  })

  test('what nobody was there to do is done by who starts later', async () => {
    const deserted = `deserted_${process.pid}`
    await a.db.$executeRawUnsafe(`CREATE DATABASE ${deserted}`)
    const place = url.replace(/neda$/, deserted)
    await migrate(place, { log: silent })
    await using own = sharedEngine()
    await using dead = await openInstance(place, { ...own, looks: false })
    const { groupId, ben, bensWatch } = await createTeam(dead)
    await dead.presence.joinGroup(bensWatch, null, groupId)
    await dead.groups.removeGroupMember(null, { groupId, userId: ben.id })
    const everyone = async () => (await own.engine.presenceLog.read(groupId)).snapshot.everyone.length
    expect(await everyone()).toBe(1)
    await using _late = await openInstance(place, own)
    await until(async () => (await everyone()) === 0)
  })

  test('whom it admitted because it did not know yet is out with its next look', async () => {
    const team = await createTeam(a)
    await b.auth.viewer(team.bensToken)
    await a.groups.removeGroupMember(null, { groupId: team.groupId, userId: team.ben.id })
    // Taken from the floor by now, but the other has not looked yet, unless its turn came just then.
    const admitted = await codeOf(press(b, team.bensWatch, team.groupId))
    expect(await speaker(a, team.groupId)).toBe(admitted === 'NOT_FOUND' ? null : team.ben.id)
    await until(async () => (await present(team)) === 0)
    expect(await speaker(a, team.groupId)).toBeNull()
  })

  test('whom it admitted and died before it knew is out when it is done once more', async () => {
    const team = await createTeam(a)
    await a.groups.removeGroupMember(null, { groupId: team.groupId, userId: team.ben.id })
    await sleep(TWO_LOOKS_MS)
    await engine.engine.joinGroup({ person: team.bensWatch, sessionId: team.bensSession, connectionId: null, groupId: team.groupId })
    expect(await present(team)).toBe(1)
    await until(async () => (await present(team)) === 0)
  })

  test('who was removed and is back keeps the floor', async () => {
    const team = await createTeam(a)
    const { groupId, ben } = team
    await openAtB(team)
    await a.db.$transaction(async (tx) => {
      await tx.groupMember.updateMany({ where: { groupId, userId: ben.id }, data: { deletedAt: new Date() } })
      await append(tx, [{ kind: 'MEMBER', groupId, userId: ben.id }], { owed: true })
      await tx.groupMember.create({ data: { id: newId(), groupId, userId: ben.id } })
      await append(tx, [{ kind: 'MEMBER', groupId, userId: ben.id }], { owed: false })
    })
    await until(async () => (await owed(ben.id)) === 0)
    expect(await speaker(b, groupId)).toBe(ben.id)
  })
})

describe('an engine that does not answer', () => {
  let own: ReturnType<typeof sharedEngine>
  let c: Instance
  beforeAll(async () => {
    own = stack.use(sharedEngine())
    c = stack.use(await openInstance(url, own))
  })

  test.each([
    ['removed', ({ groupId, ben }: Team) => c.groups.removeGroupMember(null, { groupId, userId: ben.id })],
    ['only to listen', ({ groupId, ben }: Team) => c.groups.updateGroupMember(null, { groupId, userId: ben.id, canTalk: false })],
    ['signed out', ({ bensWatch }: Team) => c.auth.revokeSession(at(bensWatch), bensWatch.sessionId)],
  ] as const)('who is %s is so at once; the burst ends when the engine is back', async (_, change) => {
    const team = await createTeam(c)
    expect((await press(c, team.bensWatch, team.groupId)).outcome).toBe('GRANTED')
    own.goAway()
    await change(team)
    await sleep(900)
    own.comeBack()
    expect(await speaker(c, team.groupId), 'until then').toBe(team.ben.id)
    await until(async () => (await speaker(c, team.groupId)) === null)
  })

  test('a deleted group is gone at once, and closed when the engine is back', async () => {
    const team = await createTeam(c)
    const floor = toldBy(await c.floor.watch(team.bensWatch, team.groupId, undefined))
    own.goAway()
    expect((await c.groups.deleteGroup(null, team.groupId)).done).toBe(team.groupId)
    expect(await codeOf(c.floor.floor(team.bensWatch, team.groupId))).toBe('NOT_FOUND')
    await sleep(600)
    own.comeBack()
    expect(await inTime(floor)).toEqual(['SNAPSHOT', 'CLOSED', 'GROUP_CLOSED'])
  })

  test('it is waited for, but not for long', async () => {
    const team = await createTeam(c)
    await press(c, team.bensWatch, team.groupId)
    own.hang()
    const began = performance.now()
    await c.groups.removeGroupMember(null, { groupId: team.groupId, userId: team.ben.id })
    const waited = performance.now() - began
    expect(waited).toBeGreaterThan(400)
    own.comeBack()
    await until(async () => (await speaker(c, team.groupId)) === null)
  })
})

test('an instance looks at least twice a second, and no more once it is stopped', async () => {
  onTestFinished(() => void vi.useRealTimers())
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  await using lonely = sharedEngine()
  const rights = new Rights({ db: a.db, log: silent, standing: a.standing, engine: lonely.engine, announce: () => {} })
  const looks = vi.spyOn(rights, 'wake')
  vi.advanceTimersByTime(TWO_LOOKS_MS)
  expect(looks.mock.calls.length).toBeGreaterThanOrEqual(2)
  await rights[Symbol.asyncDispose]()
  looks.mockClear()
  vi.advanceTimersByTime(TWO_LOOKS_MS)
  expect(looks).not.toHaveBeenCalled()
})
