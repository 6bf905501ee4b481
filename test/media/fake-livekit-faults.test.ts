import { describe, expect, test } from 'vitest'
import { until } from '../stress/until.ts'
import { failure, LISTEN, openFake, ROOM, TALK } from './fake-asked.ts'

describe.concurrent('faults of the fake', () => {
  const permit = (it: Awaited<ReturnType<typeof openFake>>, permission: typeof TALK | typeof LISTEN) =>
    failure(it.rooms.updateParticipant(ROOM, 'ben', { permission }))
  const hastilyPermit = (it: Awaited<ReturnType<typeof openFake>>, permission: typeof TALK | typeof LISTEN) =>
    failure(it.hasty.updateParticipant(ROOM, 'ben', { permission }))

  test('dropped: nothing happens, and nobody answers', async () => {
    await using it = await openFake()
    const ben = await it.fake.join(await it.token('ben'))
    it.fake.faults.drop(({ canPublish }) => canPublish === true)
    expect(await hastilyPermit(it, TALK)).toMatchObject({ name: 'TimeoutError' })
    expect(await permit(it, LISTEN)).toBeNull()
    await it.fake.mend()
    expect([ben.permission.canPublish, await permit(it, TALK), ben.permission.canPublish]).toEqual([false, null, true])
  })

  test('the answer lost: it happens, and nobody answers', async () => {
    await using it = await openFake()
    const ben = await it.fake.join(await it.token('ben'))
    it.fake.faults.loseAnswers()
    expect(await hastilyPermit(it, TALK)).toMatchObject({ name: 'TimeoutError' })
    await until('it has happened', () => ben.permission.canPublish)
  })

  test('delayed: it happens although who asked has given up', async () => {
    await using it = await openFake()
    const ben = await it.fake.join(await it.token('ben'))
    it.fake.faults.delay(2_000)
    expect(await hastilyPermit(it, TALK)).toMatchObject({ name: 'TimeoutError' })
    expect(ben.permission.canPublish).toBe(false)
    await it.fake.mend()
    expect(await permit(it, LISTEN)).toBeNull()
    await until('it is done', () => ben.permission.canPublish)
  })

  test('reordered: the second call is carried out first', async () => {
    await using it = await openFake()
    await it.fake.join(await it.token('ben'))
    it.fake.faults.reorder()
    expect(await Promise.all([permit(it, TALK), permit(it, LISTEN), permit(it, LISTEN), permit(it, TALK)])).toEqual([
      null,
      null,
      null,
      null,
    ])
    const done = it.fake.executed.map(({ canPublish }) => canPublish)
    expect([done.slice(0, 2), done.slice(2)]).toEqual([
      [false, true],
      [true, false],
    ])
  })

  test('refused by a proxy: its page', async () => {
    await using it = await openFake()
    await it.fake.join(await it.token('ben'))
    it.fake.faults.refuse(502)
    const error = await permit(it, TALK)
    expect(error).toMatchObject({ status: 502, message: '<html>Bad Gateway</html>' })
    expect(error?.code).toBeUndefined()
  })

  test('paused: what was asked is done when it goes on', async () => {
    await using it = await openFake()
    const ben = await it.fake.join(await it.token('ben'))
    it.fake.faults.pause()
    expect(await hastilyPermit(it, TALK)).toMatchObject({ name: 'TimeoutError' })
    expect(ben.permission.canPublish).toBe(false)
    await it.fake.mend()
    await until('it is done', () => ben.permission.canPublish)
  })

  test('cut: the connection is refused, until it is mended at the same address', async () => {
    await using it = await openFake()
    const ben = await it.fake.join(await it.token('ben'))
    expect(await permit(it, TALK)).toBeNull()
    await it.fake.cut()
    expect(await permit(it, LISTEN)).toMatchObject({ name: 'TypeError', cause: { code: 'ECONNREFUSED' } })
    expect(ben.isInRoom).toBe(true)
    await it.fake.mend()
    expect([await permit(it, LISTEN), ben.permission.canPublish]).toEqual([null, false])
  })
})
