import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type ApolloClient, gql } from '@apollo/client'
import type { Client as SseClient } from 'graphql-sse'
import type { Client as SocketClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../support/client.ts'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { Received } from '../support/received.ts'
import { press, release } from '../support/talk.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

/** The code of the page as it stands there. It is written beside the tests, where it finds the packages that it names. */
const MODULES = new URL('../generated/web-page/', import.meta.url)
const PAGE = readFileSync(new URL('../../docs/clients/web.md', import.meta.url), 'utf8')

let neda: Awaited<ReturnType<typeof startWithAdmin>>
let team: Awaited<ReturnType<typeof createTeam>>
let ben: Client

beforeAll(async () => {
  mkdirSync(MODULES, { recursive: true })
  neda = await startWithAdmin()
  team = await createTeam(neda.admin)
  ben = team.bensWatch
})
afterAll(async () => {
  rmSync(MODULES, { recursive: true, force: true })
  await neda?.[Symbol.asyncDispose]()
})

/** What the page says under this heading. */
async function code<Module>(heading: string): Promise<Module> {
  const text = new RegExp(`^## ${heading}$[^]*?^\`\`\`js\\n([^]*?)^\`\`\`$`, 'm').exec(PAGE)?.[1]
  if (text === undefined) throw new Error(`no code under ${heading}`)
  const file = new URL(`${heading}.js`, MODULES)
  writeFileSync(file, text)
  return import(file.href) as Promise<Module>
}

interface Floor {
  readonly kind: string
  readonly gap: boolean
  readonly previous: { readonly endReason: string } | null
}

const accessToken = async () => team.cleosWatch.accessToken
const WATCH = 'subscription ($groupId: ID!) { speakerChanged(groupId: $groupId) { kind } }'

const kindIn = (data: unknown) => (data as { speakerChanged: Floor } | undefined)?.speakerChanged.kind ?? 'nothing'

/** Ben talks once, briefly. */
async function talk() {
  const requestId = crypto.randomUUID()
  expect((await press(ben, team.groupId, requestId)).outcome).toBe('GRANTED')
  await release(ben, team.groupId, requestId)
}

test('graphql-ws hears each event once, over a cut, and says when the device was signed out', async () => {
  const { openSocket, watchFloor } = await code<{
    openSocket(options: object): SocketClient
    watchFloor(client: SocketClient, groupId: string, sink: object): () => void
  }>('graphql-ws')
  await using proxy = await tcpProxy(Number(new URL(neda.url).port))
  const maya = team.mayasWatch
  const events = new Received<Floor>()
  const { promise: signedOut, resolve } = Promise.withResolvers<void>()
  const url = `ws://127.0.0.1:${proxy.port}/graphql`
  const client = openSocket({ url, accessToken: async () => maya.accessToken, signedOut: resolve })
  watchFloor(client, team.groupId, { event: (event: Floor) => events.add(event), ended: () => events.end() })
  await events.find(({ kind }) => kind === 'SNAPSHOT')
  await talk()
  proxy.cut()
  await talk()
  proxy.mend()
  await events.find(({ kind }) => kind === 'SNAPSHOT', 20_000)
  expect(events.items.map(({ kind, gap }) => (gap ? `${kind} with a gap` : kind))).toEqual([
    'SNAPSHOT',
    'TAKEN',
    'IDLE',
    'TAKEN',
    'IDLE',
    'SNAPSHOT',
  ])
  await maya.post({ query: 'mutation { logout { userErrors { code } } }' })
  await signedOut
  await client.dispose()
})

test('Apollo Client watches by multipart', async () => {
  const { openApollo } = await code<{ openApollo(options: object): ApolloClient }>('Apollo Client')
  const client = openApollo({ url: `${neda.url}/graphql`, accessToken })
  const events = new Received<string>()
  const watched = client.subscribe({ query: gql(WATCH), variables: { groupId: team.groupId }, fetchPolicy: 'no-cache', errorPolicy: 'all' })
  const subscription = watched.subscribe({ next: ({ data }) => events.add(kindIn(data)) })
  await events.find((kind) => kind === 'SNAPSHOT')
  await talk()
  await events.find((kind) => kind === 'IDLE')
  expect(events.items).toEqual(['SNAPSHOT', 'TAKEN', 'IDLE'])
  subscription.unsubscribe()
  client.stop()
})

test('graphql-sse watches by events', async () => {
  const { openEvents } = await code<{ openEvents(options: object): SseClient }>('graphql-sse')
  const client = openEvents({ url: `${neda.url}/graphql`, accessToken })
  const kinds: string[] = []
  for await (const { data } of client.iterate({ query: WATCH, variables: { groupId: team.groupId } })) {
    kinds.push(kindIn(data))
    if (kinds.length === 1) await talk()
    if (kinds.length === 3) break
  }
  expect(kinds).toEqual(['SNAPSHOT', 'TAKEN', 'IDLE'])
  client.dispose()
})
