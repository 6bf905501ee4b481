import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString, OperationTypeNode, parse } from 'graphql'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Admission } from '../../src/graphql/admission.ts'
import type { Services } from '../../src/graphql/context.ts'
import { Execution } from '../../src/graphql/execution.ts'
import { HttpStreams, type HttpStreamsDeps } from '../../src/graphql/http-streams.ts'
import { Places } from '../../src/graphql/places.ts'
import { EVENT_STREAM, type Framing, MULTIPART } from '../../src/graphql/stream-framings.ts'
import type { SessionId } from '../../src/ids.ts'
import { Feed } from '../../src/realtime/feed.ts'

const log = pino({ level: 'silent' })
const BEAT_MS = 100
const client = { address: '127.0.0.1', userAgent: null }

interface Event {
  readonly n: number
  readonly text?: string
}

/** Counts what is asked of it. */
class CountedFeed extends Feed<Event> {
  asked = 0
  override next() {
    this.asked += 1
    return super.next()
  }
}

/** Streams of somebody's numbers. Who reads is named by the path. */
async function world({ joined = [], talking = [], ...deps }: Partial<HttpStreamsDeps> & { joined?: string[]; talking?: string[] } = {}) {
  await using stack = new AsyncDisposableStack()
  const feeds = new Map<string, CountedFeed>()
  const closed: string[] = []
  const Told = new GraphQLObjectType<Event>({ name: 'Told', fields: { n: { type: GraphQLInt }, text: { type: GraphQLString } } })
  const told = {
    type: Told,
    subscribe: (_root: unknown, _args: unknown, { viewer }: { viewer: { sessionId: string } }) => {
      const feed = new CountedFeed()
      feeds.set(viewer.sessionId, feed)
      return feed
    },
    resolve: (event: unknown) => event,
  }
  const schema = new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { n: { type: GraphQLInt } } }),
    subscription: new GraphQLObjectType({ name: 'Subscription', fields: { told } }),
  })
  const presence = { isJoined: (id: string) => joined.includes(id), connectionClosed: (id: string) => closed.push(id) }
  const floor = { isTalking: (id: string) => talking.includes(id) }
  const services = { presence, floor } as unknown as Services
  const heartbeats = { joinedMs: BEAT_MS, idleMs: 60_000 }
  const execution = new Execution(log)
  const admission = stack.use(new Admission(1_000))
  const streams = new HttpStreams({
    schema,
    services,
    execution,
    admission,
    places: new Places(8),
    heartbeats,
    patienceMs: 0,
    log,
    ...deps,
  })
  const verdict = {
    document: parse('subscription { told { n text } }'),
    kind: OperationTypeNode.SUBSCRIPTION,
    operationName: null,
    variables: {},
  }
  const server = createServer((request, response) => {
    const [, name = '', framing] = (request.url ?? '').split('/')
    const viewer = { id: name, sessionId: name as SessionId } as never
    const asker = { identity: { viewer, refusal: null, tokenExpiresAt: null }, client }
    void streams.serve(response, framing === 'multipart' ? MULTIPART : EVENT_STREAM, verdict, asker)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => void server.close())
  stack.defer(() => server.closeAllConnections())
  stack.use(streams)
  const owned = stack.move()
  const { port } = server.address() as AddressInfo
  return {
    streams,
    closed,
    feed: (name: string) => feeds.get(name) ?? expect.fail(`${name} reads nothing`),
    read: (name: string, framing: 'sse' | 'multipart' = 'sse') => reader(port, `/${name}/${framing}`),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What comes over a bare socket, chunks and all. */
async function reader(port: number, path: string) {
  const socket: Socket = connect(port, '127.0.0.1')
  const read = { socket, text: '', isClosed: false, closed: once(socket, 'close') }
  socket.on('data', (chunk: Buffer) => (read.text += chunk.toString()))
  socket.on('close', () => (read.isClosed = true))
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await expect.poll(() => read.text).toContain('\r\n\r\n')
  return read
}

const count = (text: string, part: string) => text.split(part).length - 1

test.for([
  ['sse', EVENT_STREAM],
  ['multipart', MULTIPART],
] as const)(
  '%s: a device that is joined hears something soon, another one later, and an event is as good as a heartbeat',
  async ([kind, framing]) => {
    await using all = await world({ joined: ['ann', 'cat'] })
    const [ann, bob, cat] = [await all.read('ann', kind), await all.read('bob', kind), await all.read('cat', kind)]
    const pushing = setInterval(() => all.feed('cat').push({ n: 1 }), BEAT_MS / 5)
    await expect.poll(() => count(ann.text, framing.heartbeat)).toBeGreaterThan(4)
    clearInterval(pushing)
    expect(count(bob.text, framing.heartbeat)).toBe(count(framing.opening, framing.heartbeat))
    expect(count(cat.text, '"n":1')).toBeGreaterThan(4)
    // This machine may have stood still now and then.
    expect(count(cat.text, framing.heartbeat)).toBeLessThan(count(ann.text, framing.heartbeat))
    expect(all.closed).toEqual([])
  },
)

test('who does not read is slow to itself alone: others hear everything, little waits for it, and it is let go', async () => {
  await using all = await world({ joined: ['slow', 'fast'] })
  const [slow, fast] = [await all.read('slow'), await all.read('fast')]
  slow.socket.pause()
  const text = 'x'.repeat(1_000_000)
  for (let n = 0; n < 60; n++) for (const name of ['slow', 'fast']) all.feed(name).push({ n, text })
  await expect.poll(() => count(fast.text, 'event: next'), { timeout: 20_000 }).toBe(60)
  await expect.poll(() => all.closed, { timeout: 5_000 }).toEqual(['slow'])
  // What two kernels keep for it, and not the rest.
  expect(all.feed('slow').asked).toBeLessThan(40)
  expect(all.feed('slow').hasEnded).toBe(true)
  expect(all.feed('fast').hasEnded).toBe(false)
})

test('a reader that takes its time, but takes, stays', async () => {
  await using all = await world({ joined: ['ann'] })
  const ann = await all.read('ann')
  const text = 'x'.repeat(1_000_000)
  for (let n = 0; n < 20; n++) all.feed('ann').push({ n, text })
  for (let n = 0; n < 10; n++) {
    ann.socket.pause()
    await sleep(BEAT_MS / 2)
    ann.socket.resume()
    await sleep(BEAT_MS / 2)
  }
  await expect.poll(() => count(ann.text, 'event: next'), { timeout: 10_000 }).toBe(20)
  expect(ann.isClosed).toBe(false)
})

test('who leaves is taken for gone, and leaves nothing open', async () => {
  await using all = await world()
  const ann = await all.read('ann')
  ann.socket.destroy()
  await expect.poll(() => all.closed).toEqual(['ann'])
  expect(all.feed('ann').hasEnded).toBe(true)
})

test.for<[kind: 'sse' | 'multipart', framing: Framing]>([
  ['sse', EVENT_STREAM],
  ['multipart', MULTIPART],
])('%s: at the end readers are sent away with a word, who talks last; nobody is taken for gone', async ([kind, framing]) => {
  const talking = ['ann']
  await using all = await world({ talking, patienceMs: 20_000 })
  const [ann, bob] = [await all.read('ann', kind), await all.read('bob', kind)]
  const stopped = all.streams[Symbol.asyncDispose]()
  await bob.closed
  expect(ann.isClosed).toBe(false)
  all.feed('ann').push({ n: 7 })
  await expect.poll(() => ann.text).toContain('"n":7')
  talking.length = 0
  await stopped
  await ann.closed
  for (const { text } of [ann, bob]) {
    expect(text).toContain(kind === 'sse' ? ': The server restarts\n\n' : '{"payload":null,"errors":[')
    expect(text).toMatch(kind === 'sse' ? /0\r\n\r\n$/ : /--graphql--\r\n\r\n0\r\n\r\n$/)
    if (kind === 'sse') expect(text).not.toContain(framing.complete)
  }
  expect(all.closed).toEqual([])
})
