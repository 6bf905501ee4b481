import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DeleteUserDocument,
  DisableUserDocument,
  SpeakerChangedDocument,
  UpdateUserDocument,
  UsersDocument,
} from '../generated/operations.ts'
import type { Client } from '../support/client.ts'
import { createPerson, createTeam, outcomeOf, type Person, startWithAdmin } from '../support/people.ts'
import { press } from '../support/talk.ts'

/** Each story leaves one admin: Ada, at her desk, whoever that is by then. */
describe('somebody is always left to administer', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let ada: Person
  let desk: Client

  beforeAll(async () => {
    neda = await startWithAdmin()
    ada = await createPerson(neda.admin, 'Ada', 'ADMIN')
    desk = await ada.device()
    const { users } = await desk.get(UsersDocument, { filter: { systemRole: 'ADMIN' }, first: 100 })
    for (const { node } of users.edges)
      if (node.id !== ada.id) await desk.get(UpdateUserDocument, { input: { userId: node.id, systemRole: 'USER' } })
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const ways = [
    (client: Client, userId: string) => client.ask(UpdateUserDocument, { input: { userId, systemRole: 'USER' } }),
    (client: Client, userId: string) => client.ask(DisableUserDocument, { input: { userId } }),
    (client: Client, userId: string) => client.ask(DeleteUserDocument, { input: { userId } }),
  ]

  test('the last admin stays, whatever is tried, and keeps what it watches; a disabled one does not count', async () => {
    const { groupId, bensWatch } = await createTeam(desk)
    await using watched = await desk.subscribeSse(SpeakerChangedDocument, { groupId })
    await watched.received.next()
    const disabled = await createPerson(desk, 'Away', 'ADMIN')
    await desk.get(DisableUserDocument, { input: { userId: disabled.id } })
    for (const way of ways) expect(outcomeOf(await way(desk, ada.id))).toBe('LAST_ADMIN')
    await press(bensWatch, groupId, 'b1')
    expect((await watched.received.next()).data?.speakerChanged.kind).toBe('TAKEN')
    for (const way of ways) expect(outcomeOf(await way(desk, disabled.id))).not.toBe('LAST_ADMIN')
  })

  test('of two admins who demote, disable or delete each other or themselves at once, one is left', async () => {
    let bob = await createPerson(desk, 'Bob', 'ADMIN')
    for (let round = 0; round < 27; round++) {
      const bobsDesk = await bob.device()
      const [one, other] = [ways[round % 3], ways[Math.floor(round / 3) % 3]]
      // Each the other, or each itself.
      const targets: readonly [Person, Person] = round % 2 === 0 ? [bob, ada] : [ada, bob]
      const outcomes = (await Promise.all([one?.(desk, targets[0].id), other?.(bobsDesk, targets[1].id)])).map((answer) =>
        outcomeOf(answer ?? {}),
      )
      expect(outcomes).toContain('done')
      for (const outcome of outcomes) expect(['done', 'LAST_ADMIN', 'FORBIDDEN', 'SESSION_REVOKED', 'NOT_FOUND']).toContain(outcome)
      if (await desk.refusal(UsersDocument, {})) [ada, desk] = [bob, bobsDesk]
      const left = await desk.get(UsersDocument, { filter: { systemRole: 'ADMIN', disabled: false } })
      expect([round, left.users.edges.map(({ node }) => node.id)]).toEqual([round, [ada.id]])
      bob = await createPerson(desk, 'Bob', 'ADMIN')
    }
  })
})
