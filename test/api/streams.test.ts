import { CombinedProtocolErrors } from '@apollo/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  PresenceDocument,
  RemoveGroupMemberDocument,
  RevokeOtherSessionsDocument,
  SpeakerChangedDocument,
  type SpeakerChangedSubscription,
  TypedDocumentString,
} from '../generated/operations.ts'
import { type Answer, Client } from '../support/client.ts'
import { lasting } from '../support/forged-tokens.ts'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { CLIENTS, OVER_HTTP, type Subscribed, subscribeWith } from '../support/subscribers.ts'
import { press, release } from '../support/talk.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

const SECRET_KEY = 'only for tests, and long enough for one'

describe.concurrent('with the clients that people use', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  beforeAll(async () => {
    neda = await startWithAdmin({ SECRET_KEY })
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  /** The code with which the server ended it, as its last word and no fault of the client. */
  const lastCode = async ({ received, faults }: Subscribed<unknown>) => {
    await received.ended()
    expect(faults).toEqual([])
    return received.items.at(-1)?.errors?.[0]?.extensions?.code
  }

  test.for(CLIENTS)('%s: how things stand, then every event, in order', async (name) => {
    const { groupId, ben, bensWatch, cleosWatch } = await createTeam(neda.admin)
    await using heard = subscribeWith(name, cleosWatch, SpeakerChangedDocument, { groupId })
    expect((await heard.received.next()).data?.speakerChanged).toMatchObject({ kind: 'SNAPSHOT', gap: false })
    for (const requestId of ['one', 'two', 'three']) {
      await press(bensWatch, groupId, requestId)
      const { data } = await heard.received.next()
      expect(data?.speakerChanged).toMatchObject({ kind: 'TAKEN', floor: { burst: { speaker: { id: ben.id } } } })
      await release(bensWatch, groupId, requestId)
      expect((await heard.received.next()).data?.speakerChanged).toMatchObject({ kind: 'IDLE', previous: { endReason: 'RELEASED' } })
    }
    expect(heard.faults).toEqual([])
  })

  test.for(CLIENTS)('%s: what is refused is told once, with its code, and not asked again', async (name) => {
    const { bensWatch, groupId } = await createTeam(neda.admin)
    const nobody = new Client(neda.url)
    const wrong = new TypedDocumentString('subscription { nothing }') as unknown as typeof SpeakerChangedDocument
    for (const [device, document, id, code] of [
      [nobody, SpeakerChangedDocument, groupId, 'UNAUTHENTICATED'],
      [bensWatch, SpeakerChangedDocument, 'R3JvdXA6eA==', 'NOT_FOUND'],
      [bensWatch, wrong, groupId, 'GRAPHQL_VALIDATION_FAILED'],
    ] as const) {
      await using refused = subscribeWith(name, device, document, { groupId: id })
      expect(await lastCode(refused)).toBe(code)
      expect(refused.received.items).toHaveLength(1)
    }
  })

  test.for(CLIENTS)('%s: who loses the right to listen is told which, and it ends', async (name) => {
    const { groupId, ben, bensWatch, cleosWatch } = await createTeam(neda.admin)
    const other = await ben.device()
    await using floor = subscribeWith(name, bensWatch, SpeakerChangedDocument, { groupId })
    await using presence = subscribeWith(name, other, PresenceDocument, { groupId })
    await using cleos = subscribeWith(name, cleosWatch, SpeakerChangedDocument, { groupId })
    for (const { received } of [floor, presence, cleos]) await received.next()
    await bensWatch.get(RevokeOtherSessionsDocument, {})
    expect(await lastCode(presence)).toBe('SESSION_REVOKED')
    await neda.admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: ben.id } })
    expect(await lastCode(floor)).toBe('ACCESS_REVOKED')
    await press(cleosWatch, groupId, 'on')
    expect((await cleos.received.next()).data?.speakerChanged.kind).toBe('TAKEN')
  })

  test.for(CLIENTS)('%s: what was watched ends with the token', async (name) => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    const brief = new Client(neda.url, await lasting(bensWatch.accessToken ?? '', 1_500, SECRET_KEY))
    await using heard = subscribeWith(name, brief, SpeakerChangedDocument, { groupId })
    expect((await heard.received.next()).data?.speakerChanged.kind).toBe('SNAPSHOT')
    await heard.received.find(({ errors }) => errors?.[0]?.extensions?.code === 'UNAUTHENTICATED')
  })

  test.for(OVER_HTTP)('%s: of one user eight streams are open at once, and one that is left makes room', async (name, { expect }) => {
    const { groupId, bensWatch } = await createTeam(neda.admin)
    await using stack = new AsyncDisposableStack()
    const open = () => stack.use(subscribeWith(name, bensWatch, SpeakerChangedDocument, { groupId }))
    const streams = Array.from({ length: 8 }, open)
    for (const { received } of streams) expect((await received.next()).data?.speakerChanged.kind).toBe('SNAPSHOT')
    expect(await lastCode(open())).toBe('LIMIT_EXCEEDED')
    await streams[0]?.[Symbol.asyncDispose]()
    const opened = async () => (await open().received.next()).data?.speakerChanged.kind
    await expect.poll(opened, { timeout: 5_000 }).toBe('SNAPSHOT')
  })

  test.for(CLIENTS)('%s: cut off in the middle, it comes back by its cursor: nothing is missed, nothing comes twice', async (name) => {
    const { groupId, bensWatch, cleosWatch } = await createTeam(neda.admin)
    await using proxy = await tcpProxy(Number(new URL(neda.url).port))
    const behind = new Client(`http://127.0.0.1:${proxy.port}`, cleosWatch.accessToken)
    const told: Told[] = []
    for (let round = 0; round < 4; round++) {
      await using heard = subscribeWith(name, behind, SpeakerChangedDocument, { groupId, after: told.at(-1)?.cursor ?? null })
      told.push(...(await untilSnapshot(heard)))
      await press(bensWatch, groupId, `heard-${round}`)
      told.push(toldBy(await heard.received.next()))
      proxy.cut()
      await heard.received.ended()
      await release(bensWatch, groupId, `heard-${round}`)
      await press(bensWatch, groupId, `missed-${round}`)
      await release(bensWatch, groupId, `missed-${round}`)
      proxy.mend()
    }
    const kinds = Array.from({ length: 4 }, () => ['TAKEN', 'IDLE', 'TAKEN', 'IDLE']).flat()
    expect(told.map(({ kind }) => kind)).toEqual(kinds.slice(0, told.length))
    expect(told).toHaveLength(13)
    expect(new Set(told.map(({ cursor }) => cursor)).size).toBe(13)
  })
})

interface Told {
  readonly kind: string
  readonly cursor: string
}

const toldBy = ({ data }: Answer<SpeakerChangedSubscription>): Told => {
  expect(data?.speakerChanged.gap).toBe(false)
  return { kind: data?.speakerChanged.kind ?? '', cursor: data?.speakerChanged.cursor ?? '' }
}

/** What was missed. */
async function untilSnapshot({ received }: Subscribed<SpeakerChangedSubscription>): Promise<Told[]> {
  const missed: Told[] = []
  for (;;) {
    const told = toldBy(await received.next())
    if (told.kind === 'SNAPSHOT') return missed
    missed.push(told)
  }
}

test('a server that stops says so, and what the clients see is no end of the subscription', async () => {
  await using neda = await startWithAdmin()
  const { groupId, cleosWatch } = await createTeam(neda.admin)
  await using stack = new AsyncDisposableStack()
  const heard = CLIENTS.map((name) => stack.use(subscribeWith(name, cleosWatch, SpeakerChangedDocument, { groupId })))
  for (const { received } of heard) await received.next()
  await neda[Symbol.asyncDispose]()
  for (const { received } of heard) await received.ended()
  const [overHttp, overSocket, sse, socket] = heard.map(({ faults }) => faults[0])
  expect(CombinedProtocolErrors.is(overHttp) && overHttp.errors).toMatchObject([
    { extensions: { code: 'SERVICE_UNAVAILABLE', retryable: true } },
  ])
  expect(String(overSocket)).toContain('1012')
  expect(sse).toMatchObject({ name: 'NetworkError' })
  expect(socket).toMatchObject({ code: 1012 })
  expect(neda.printed()).not.toMatch(/error|incomplete/i)
})
