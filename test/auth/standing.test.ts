import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { type GroupId, newId, type SessionId } from '../../src/ids.ts'
import { dataFolder } from '../support/data-folder.ts'
import { Stopwatch } from '../support/machine.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { CLIENT, createPerson, createTeam, type Instance, openInstance, press, sharedEngine, silent, speaker } from './instances.ts'

const stack = new AsyncDisposableStack()
let url: string
let engine: ReturnType<typeof sharedEngine>
let a: Instance
/** Never looks by itself for what changed. */
let deaf: Instance

beforeAll(async () => {
  const folder = stack.use(await dataFolder())
  url = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: silent })).url
  await migrate(url, { log: silent })
  engine = stack.use(sharedEngine())
  a = stack.use(await openInstance(url, { ...engine, looks: false }))
  deaf = stack.use(await openInstance(url, { ...engine, looks: false }))
})
afterAll(() => stack.disposeAsync())

/** It has looked in vain several times by then. */
const LONGER_THAN_A_TURN_MS = 1_300

const codeOf = async (refused: unknown) => Promise.resolve(refused).then(String, ({ code }: { code?: string }) => code)

/** How many statements are sent meanwhile. */
async function statementsDuring<Result>(work: () => Promise<Result>) {
  const query = vi.spyOn(pg.Client.prototype, 'query')
  try {
    return { result: await work(), statements: query.mock.calls.length }
  } finally {
    query.mockRestore()
  }
}

describe('what was changed at one instance a moment ago counts at another', () => {
  test('who signed in', async () => {
    const ben = await createPerson(a)
    const { accessToken, sessionId } = await ben.signIn(a)
    expect(await deaf.auth.viewer(accessToken)).toMatchObject({ id: ben.id, sessionId })
  })

  test('who is signed in for longer', async () => {
    const ben = await createPerson(a)
    const { accessToken, refreshToken, sessionId } = await ben.signIn(a)
    await a.db.session.update({ where: { id: sessionId }, data: { expiresAt: new Date(Date.now() + 1_500) } })
    await using late = await openInstance(url, { ...engine, looks: false })
    await late.auth.viewer(accessToken)
    await a.auth.refreshSession(refreshToken, CLIENT)
    await expect.poll(() => late.standing.sessionUser(sessionId), { timeout: 2_000 }).toBeUndefined()
    expect(await late.auth.viewer(accessToken)).toMatchObject({ sessionId })
  })

  test('who has been made a member, and who has the say', async () => {
    const { groupId, ben, bensWatch } = await createTeam(a)
    const cleo = await createPerson(a)
    const cleosWatch = await deaf.auth.viewer((await cleo.signIn(a)).accessToken)
    expect(await codeOf(deaf.presence.joinGroup(cleosWatch, null, groupId))).toBe('NOT_FOUND')
    await a.groups.addGroupMember(null, { groupId, userId: cleo.id })
    await deaf.presence.joinGroup(cleosWatch, null, groupId)
    const { burst } = await press(deaf, cleosWatch, groupId)
    expect(await codeOf(deaf.floor.revokeTalk(cleosWatch, groupId, newId()))).toBe('FORBIDDEN')
    await a.groups.assignGroupManager(null, { groupId, userId: cleo.id })
    const dan = await createPerson(a)
    await a.groups.addGroupMember(null, { groupId, userId: dan.id })
    expect((await deaf.floor.muteMember(cleosWatch, groupId, dan.id, 1_000)).done).toBe(dan.id)
    await a.groups.assignGroupManager(null, { groupId, userId: ben.id })
    expect((await deaf.floor.revokeTalk(bensWatch, groupId, burst?.id ?? newId())).revoked).toBe(true)
  })

  test('who became an admin, and an admin who became a member', async () => {
    const { groupId } = await createTeam(a)
    const ada = await createPerson(a)
    const desk = await deaf.auth.viewer((await ada.signIn(a)).accessToken)
    expect(await codeOf(deaf.floor.floor(desk, groupId))).toBe('NOT_FOUND')
    await a.users.updateUser(null, { userId: ada.id, systemRole: 'ADMIN' })
    expect((await deaf.floor.floor(desk, groupId)).state).toBe('IDLE')
    expect(await codeOf(deaf.presence.joinGroup(desk, null, groupId))).toBe('FORBIDDEN')
    await a.groups.addGroupMember(null, { groupId, userId: ada.id })
    await deaf.presence.joinGroup(desk, null, groupId)
  })
})

test('what could not be read is read the next time', async () => {
  const { groupId } = await createTeam(a)
  await deaf.standing.catchUp()
  await a.groups.updateGroup(null, { groupId, settings: { talkLimitMs: 7_000 } })
  const spy = vi.spyOn(deaf.db.group, 'findMany').mockRejectedValueOnce(new Error('away'))
  await expect(deaf.standing.catchUp()).rejects.toThrow('away')
  spy.mockRestore()
  expect(deaf.standing.group(groupId)?.talkLimitMs).toBe(30_000)
  await deaf.standing.catchUp()
  expect(deaf.standing.group(groupId)?.talkLimitMs).toBe(7_000)
})

describe('what that costs', () => {
  test('nothing for known people of known groups', async () => {
    const { groupId, bensToken } = await createTeam(a)
    const viewer = await deaf.auth.viewer(bensToken)
    await deaf.floor.floor(viewer, groupId)
    const { statements } = await statementsDuring(async () => {
      await deaf.auth.viewer(bensToken)
      expect(deaf.auth.viewerOfSession(viewer.sessionId)).not.toBeInstanceOf(Promise)
      const { outcome, burst } = await press(deaf, viewer, groupId, 'one')
      expect(outcome).toBe('GRANTED')
      await deaf.floor.renewTalk(viewer, null, groupId, burst?.id ?? newId())
      await deaf.floor.releaseTalk(viewer, null, groupId, 'one')
      await deaf.presence.leaveGroup(viewer, groupId)
    })
    expect(statements).toBe(0)
  })

  test('one statement for what changed, and one for each kind of it, however much it is; it is told once', async () => {
    for (let n = 0; n < 3; n++) await createTeam(a)
    const told = vi.fn()
    const unfollow = deaf.standing.follow(told)
    expect((await statementsDuring(() => deaf.standing.catchUp())).statements).toBe(4)
    expect(told).toHaveBeenCalledTimes(1)
    expect((await statementsDuring(() => deaf.standing.catchUp())).statements).toBe(1)
    expect(told).toHaveBeenCalledTimes(1)
    unfollow()
  })

  test('the same for a group that exists and for one that does not, and few readings for a flood', async () => {
    const { groupId } = await createTeam(a)
    const stranger = await deaf.auth.viewer((await (await createPerson(a)).signIn(a)).accessToken)
    await deaf.standing.catchUp()
    for (const id of [groupId, newId<GroupId>()])
      expect(await statementsDuring(() => codeOf(deaf.floor.floor(stranger, id)))).toEqual({ result: 'NOT_FOUND', statements: 1 })
    const { result, statements } = await statementsDuring(() =>
      Promise.all([
        ...Array.from({ length: 1_000 }, () => codeOf(deaf.floor.floor(stranger, newId<GroupId>()))),
        ...Array.from({ length: 1_000 }, () => codeOf(deaf.auth.viewerOfSession(newId<SessionId>()))),
      ]),
    )
    expect(new Set(result)).toEqual(new Set(['NOT_FOUND', 'SESSION_REVOKED']))
    expect(statements).toBeLessThanOrEqual(2)
  })
})

describe('an instance that cannot reach the database', () => {
  let proxy: TcpProxy
  let cut: Instance
  const said: string[] = []
  beforeAll(async () => {
    const { port } = new URL(url)
    proxy = stack.use(await tcpProxy(Number(port)))
    const through = new URL(url)
    through.port = String(proxy.port)
    const log = pino({ level: 'info' }, { write: (line: string) => said.push((JSON.parse(line) as { msg: string }).msg) })
    cut = stack.use(await openInstance(through.href, { ...engine, log }))
  })

  test.each(['cut', 'blackhole'] as const)(
    'goes on with what it knows when it is %s, and tells nobody to forget the tokens',
    async (fault) => {
      const { groupId, ben, bensToken } = await createTeam(a)
      const viewer = await cut.auth.viewer(bensToken)
      await cut.floor.floor(viewer, groupId)
      said.length = 0
      proxy[fault]()
      const maya = await createPerson(a)
      const { accessToken } = await maya.signIn(a)
      const watch = new Stopwatch()
      expect((await press(cut, await cut.auth.viewer(bensToken), groupId)).outcome).toBe('GRANTED')
      watch.expect(500)
      expect(await codeOf(cut.auth.viewer(accessToken))).toBe('SERVICE_UNAVAILABLE')
      expect(await codeOf(cut.floor.floor(viewer, newId<GroupId>()))).toBe('NOT_FOUND')
      watch.expect(6_000)
      await a.groups.removeGroupMember(null, { groupId, userId: ben.id })
      expect((await press(cut, viewer, groupId)).outcome, 'it does not know').toBe('GRANTED')
      await sleep(LONGER_THAN_A_TURN_MS)
      proxy.mend()
      await expect.poll(() => codeOf(cut.auth.viewer(accessToken)), { timeout: 10_000 }).not.toBe('SERVICE_UNAVAILABLE')
      expect(await cut.auth.viewer(accessToken)).toMatchObject({ id: maya.id })
      await expect.poll(() => speaker(a, groupId), { timeout: 2_000 }).toBeNull()
      const about = (end: RegExp) => said.flatMap((line) => (end.test(line) ? [line.replace(end, '')] : [])).toSorted()
      const [failing, working] = [/ fails, and is tried again until it works$/, / works again$/]
      await expect.poll(() => about(working).join(), { timeout: 2_000 }).toBe(about(failing).join())
      expect(new Set(said).size, 'nothing is said twice').toBe(said.length)
      // What hung may be over before it failed.
      if (fault === 'cut') expect(about(failing)).toEqual(['making up for what was not done', 'reading what changed'])
    },
  )

  test('for so long that the log of changes is gone, reads everything; what it admitted meanwhile ends', async () => {
    const { groupId, ben, bensToken } = await createTeam(a)
    await using own = sharedEngine()
    await using late = await openInstance(url, own)
    const { db } = late
    let clock = 0
    const raw = db.$queryRaw.bind(db) as (...args: unknown[]) => Promise<unknown>
    let isAway = false
    // The database's clock is what tells how long it was.
    const spy = vi.spyOn(db, '$queryRaw').mockImplementation((async (...args: unknown[]) => {
      if (isAway) throw new Error('away')
      const rows = (await raw(...args)) as { at?: Date }[]
      return rows.map((row) => (row.at ? { ...row, at: new Date(row.at.getTime() + clock) } : row))
    }) as unknown as typeof db.$queryRaw)
    const viewer = await late.auth.viewer(bensToken)
    isAway = true
    await a.groups.removeGroupMember(null, { groupId, userId: ben.id })
    await a.db.change.deleteMany()
    expect((await press(late, viewer, groupId)).outcome).toBe('GRANTED')
    clock = 31 * 60_000
    isAway = false
    await expect.poll(() => speaker(late, groupId), { timeout: 1_000 }).toBeNull()
    expect(late.standing.group(groupId)?.members.size).toBe(1)
    spy.mockRestore()
  })
})
