import { readFileSync } from 'node:fs'
import { buildSchema } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Answer } from '../support/client.ts'
import { startWithAdmin } from '../support/people.ts'
import { WITHOUT_LIMITS } from '../support/without-limits.ts'
import { play } from './cell.ts'
import { describeInputs } from './inputs.ts'
import { type Data, documentFor, open, operation, TRANSPORTS, type Transport, verdict } from './play.ts'
import { REQUESTS } from './requests.ts'
import { fieldOf, rowsOf } from './rows.ts'
import { KINDS, type Kind, type Objects, type Stage, setStage } from './stage.ts'
import { OPERATIONS } from './table.ts'
import { describeTimes } from './times.ts'
import { unknownId, worldsWithout } from './worlds.ts'

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))
const rows = rowsOf<Kind>(OPERATIONS)
const hidden = rows.filter(({ answers }) => Object.values(answers).includes('NOT_FOUND'))

/** For admins everything exists that was not deleted. Of these an unknown id is an answer, or none is asked for. */
const NOT_FOUND_IS_NO_ANSWER = ['Query.groups (those of a member)', 'Mutation.heartbeat']

describe('what is not yours is as if it were not there', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let stage: Stage
  let without: Readonly<Record<string, Objects>>

  beforeAll(async () => {
    neda = await startWithAdmin(WITHOUT_LIMITS)
    stage = await setStage(neda.url, neda.admin)
    without = await worldsWithout(stage)
  })
  afterAll(async () => {
    await stage[Symbol.asyncDispose]()
    await neda[Symbol.asyncDispose]()
  })

  /** The whole answer as text. */
  async function answerOf(name: string, kind: Kind, transport: Transport, objects: Objects, expected?: string): Promise<Answer<Data>> {
    const request = REQUESTS[name] ?? {}
    const document = documentFor(schema, fieldOf(name), request.part)
    if (!name.startsWith('Subscription.')) return play({ stage, kind, transport, request, document, expected, objects })
    await using stream = await open(transport, stage.device(kind), document, { groupId: objects.groupId })
    const answer = await stream.received.next()
    await stream.received.ended()
    return answer
  }

  test.each(hidden)('A26 A27 $name: the same bytes as for what does not exist', async ({ name, answers }) => {
    const whoMayNot = KINDS.filter((kind) => answers[kind] === 'NOT_FOUND')
    for (const transport of REQUESTS[name]?.over ?? TRANSPORTS) {
      for (const kind of whoMayNot) {
        const theirs = await answerOf(name, kind, transport, stage.objects)
        expect(theirs.errors?.map(({ extensions }) => extensions?.code)).toEqual(['NOT_FOUND'])
        for (const [what, objects] of Object.entries(without))
          expect(JSON.stringify(await answerOf(name, kind, transport, objects)), `${kind} over ${transport}: ${what}`).toBe(
            JSON.stringify(theirs),
          )
      }
    }
  })

  test('A26 over HTTP the status and the headers are the same too', async () => {
    const { client } = stage.device('outsider')
    const query = 'query ($id: ID!) { group(id: $id) { name } }'
    const whole = async (id: string) => {
      const response = await client.post({ query, variables: { id } }, { accept: 'application/graphql-response+json' })
      const headers = [...response.headers].filter(([name]) => name !== 'date')
      return { status: response.status, headers, body: await response.text() }
    }
    const theirs = await whole(stage.objects.groupId)
    for (const objects of Object.values(without)) expect(await whole(objects.groupId)).toEqual(theirs)
  })

  test.each(rows.filter(({ answers }) => answers.admin === 'OK'))('A26 $name: an admin finds nothing that is not there', async (row) => {
    const { name } = row
    const { part } = REQUESTS[name] ?? {}
    const by = stage.device('admin')
    const variables = await REQUESTS[name]?.variables?.({ by, objects: stage.objects, stage, succeeds: false })
    const asked = JSON.stringify(variables ?? {})
    const asksFor = Object.values(stage.objects).some((id) => asked.includes(id))
    if (!asksFor || NOT_FOUND_IS_NO_ANSWER.includes(name)) return
    const told = new Set<string>()
    for (const objects of Object.values(without)) told.add(JSON.stringify(await answerOf(name, 'admin', 'WebSocket', objects)))
    const [answer = '{}', ...others] = told
    expect(others, 'all say the same').toEqual([])
    expect(verdict(JSON.parse(answer) as Answer<Data>, [fieldOf(name).split('.')[1], ...(part ? [part] : [])].join('.'))).toBe('NOT_FOUND')
  })

  test('A29 of many ids each is answered by itself, and what is not there stands as null in its place', async () => {
    const { client } = stage.device('member')
    const document = operation('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }')
    const own = stage.objects.groupId
    const foreign = await foreignGroup()
    const { data, errors } = await client.ask(document, { ids: [own, foreign, unknownId('Group'), stage.objects.sessionId, 'x', own] })
    expect(data?.nodes).toEqual([{ id: own }, null, null, null, null, { id: own }])
    expect(errors?.map(({ path }) => path?.join('.')).toSorted()).toEqual([1, 2, 3, 4].map((at) => `nodes.${at}`))
    const said = new Set(errors?.map(({ message, extensions }) => JSON.stringify({ message, extensions })))
    expect(said.size, 'each says the same').toBe(1)
  })

  test('A29 no path from an own group leads to another', async () => {
    const { client } = stage.device('member')
    const { groupId } = stage.objects
    const group =
      '{ id name manager { user { id } } members(first: 9) { edges { node { id user { id } } } } floor { groupId burst { group { id } } } }'
    const paths = [
      `floor(groupId: $groupId) { state } groups(first: 5) { edges { node ${group} } }`,
      `floor(groupId: $groupId) { burst { group ${group} speaker { id } } }`,
      `talkBursts(groupId: $groupId, first: 5) { edges { node { group ${group} speaker { id } revokedBy { id } } } }`,
      `voiceSessions(groupId: $groupId, first: 5) { edges { node { group ${group} } } }`,
      `voiceSessions(groupId: $groupId, first: 5) { edges { node { bursts(first: 5) { edges { node { group { id members(first: 9) { edges { cursor } } } } } } } } }`,
    ]
    await stage.talking()
    let text = ''
    for (const path of paths)
      text += JSON.stringify(await client.get(operation(`query ($groupId: ID!) { __typename ${path} }`), { groupId }))
    const ids = [...text.matchAll(/"([A-Za-z0-9+/]+={0,2})"/g)].flatMap(([, id = '']) => {
      const [type, uuid] = Buffer.from(id, 'base64').toString('latin1').split(':')
      return uuid && type === 'Group' ? [id] : []
    })
    expect(ids.length).toBeGreaterThan(5)
    expect(new Set(ids)).toEqual(new Set([stage.objects.groupId]))
    expect(text).not.toContain(stage.device('outsider').account?.person.id ?? '')
  })

  test.each([
    ['groups', 'query ($cursor: String) { groups(after: $cursor) { edges { node { id } } pageInfo { hasNextPage hasPreviousPage } } }'],
    [
      'groups',
      'query ($cursor: String) { groups(last: 5, before: $cursor) { edges { node { id } } pageInfo { hasNextPage hasPreviousPage } } }',
    ],
    [
      'members',
      'query ($cursor: String, $id: ID!) { group(id: $id) { members(after: $cursor) { edges { node { id } } pageInfo { hasPreviousPage } } } }',
    ],
  ])('A25 A26 a cursor of what is not there leads nowhere: %s', async (what, text) => {
    const { client } = stage.device('member')
    const cursorOf = (id: string) => Buffer.from(`GPC:S:${Buffer.from(id, 'base64').toString().split(':')[1]}`).toString('base64')
    const id = stage.objects.groupId
    const page = async (cursor: string) => JSON.stringify(await client.ask(operation(text), { id, cursor }))
    const type = what === 'groups' ? 'Group' : 'GroupMember'
    const foreign = what === 'groups' ? await foreignGroup() : await foreignMembership()
    const there = what === 'groups' ? id : stage.objects.membershipId
    const nowhere = await page(cursorOf(unknownId(type)))
    expect(await page(cursorOf(foreign)), 'one of another group').toBe(nowhere)
    expect((await page(cursorOf(there))).length).toBeGreaterThan(0)
  })

  const outsidersGroup = operation('{ groups { edges { node { id members { edges { node { id } } } } } } }')

  async function foreignGroup(): Promise<string> {
    return (await groupsOfOutsider())[0]?.node.id ?? ''
  }

  async function foreignMembership(): Promise<string> {
    return (await groupsOfOutsider())[0]?.node.members.edges[0]?.node.id ?? ''
  }

  async function groupsOfOutsider() {
    const { groups } = await stage.device('outsider').client.get(outsidersGroup, {})
    return (groups as { edges: { node: { id: string; members: { edges: { node: { id: string } }[] } } }[] }).edges
  }

  describeInputs(() => stage)
  describeTimes(() => stage)
})
