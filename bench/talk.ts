import { once } from 'node:events'
import type { WebSocket } from 'ws'
import { cpuMicros, median, ms, quantile } from './statistics.ts'
import { graphql, openSocket, type Server, startBareWs, startNeda, temporaryFolder } from './support.ts'

/**
 * Press to answer, and press to the last of 100 subscribers, over WebSockets: NEDA beside a bare `ws` server that answers and sends the same
 * number of bytes. Rounds of the two alternate, so that what else the machine does hits both.
 */
const SUBSCRIBERS = 100
const ROUNDS = 5
const PRESSES = 200
const WARM_UP = 100

interface Talker {
  readonly name: string
  readonly server: Server
  /** Presses or releases once; resolves at the answer. */
  readonly act: (n: number) => Promise<void>
  readonly listeners: readonly WebSocket[]
  readonly isEvent: (data: Buffer) => boolean
}

const PRESS =
  'mutation($input: RequestTalkInput!) { requestTalk(input: $input) { outcome burst { id } remainingMs denyReason floor { state } } }'
const RELEASE = 'mutation($input: ReleaseTalkInput!) { releaseTalk(input: $input) { released floor { state } } }'
const WATCH = `subscription($groupId: ID!) { speakerChanged(groupId: $groupId) { kind gap cursor previous { id endReason durationMs }
  floor { groupId state queueLength epoch sequence serverTime burst { id priority mediaIdentity startedAt expiresAt speaker { id displayName } } } } }`

async function neda(folder: string): Promise<Talker> {
  const server = await startNeda(folder)
  const { login } = await graphql<{ login: { accessToken: string } }>(
    server.url,
    'mutation { login(input: { username: "ben", password: "push-to-talk" }) { accessToken } }',
    {},
  )
  const { groups } = await graphql<{ groups: { edges: { node: { id: string } }[] } }>(
    server.url,
    '{ groups { edges { node { id } } } }',
    {},
    login.accessToken,
  )
  const groupId = groups.edges[0]?.node.id ?? ''
  const connect = async () => {
    const socket = await openSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${login.accessToken}` } }))
    await once(socket, 'message')
    return socket
  }
  const listeners = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, async () => {
      const socket = await connect()
      socket.send(JSON.stringify({ id: 'w', type: 'subscribe', payload: { query: WATCH, variables: { groupId } } }))
      await once(socket, 'message')
      return socket
    }),
  )
  const speaker = await connect()
  const act = async (n: number) => {
    const input = { groupId, requestId: `r${n >> 1}` }
    speaker.send(
      JSON.stringify({ id: String(n), type: 'subscribe', payload: { query: n % 2 === 0 ? PRESS : RELEASE, variables: { input } } }),
    )
    await answer(speaker, (data) => data.includes('"next"'))
  }
  return { name: 'NEDA', server, act, listeners, isEvent: (data) => data.includes('"next"') }
}

async function bareWs(eventBytes: number): Promise<Talker> {
  const server = await startBareWs(eventBytes)
  const url = `ws://127.0.0.1:${server.url}`
  const listeners = await Promise.all(
    Array.from({ length: SUBSCRIBERS }, async (_, n) => {
      const socket = await openSocket(url)
      socket.send(JSON.stringify({ id: `l${n}`, type: 'subscribe' }))
      await once(socket, 'message')
      return socket
    }),
  )
  const speaker = await openSocket(url)
  const act = async (n: number) => {
    speaker.send(JSON.stringify({ id: String(n), type: n % 2 === 0 ? 'press' : 'release' }))
    await answer(speaker, (data) => data.includes('"answer"'))
  }
  return { name: 'bare ws', server, act, listeners, isEvent: (data) => data.includes('"event"') }
}

function answer(socket: WebSocket, isMeant: (data: Buffer) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const hear = (data: Buffer) => {
      if (!isMeant(data)) return
      socket.off('message', hear)
      resolve()
    }
    socket.on('message', hear)
  })
}

/** Resolves when each listener heard one more event. */
function allHeard({ listeners, isEvent }: Talker): Promise<unknown> {
  return Promise.all(listeners.map((socket) => answer(socket, isEvent)))
}

interface Figures {
  readonly toAnswer: number[]
  readonly toLast: number[]
  cpu: number
  acts: number
}

const noFigures = (): Figures => ({ toAnswer: [], toLast: [], cpu: 0, acts: 0 })

async function round(talker: Talker, figures: Figures, from: number, acts: number): Promise<void> {
  const cpu = cpuMicros(talker.server.process.pid ?? 0)
  for (let n = from; n < from + acts; n++) {
    const heard = allHeard(talker)
    const began = performance.now()
    const answered = talker.act(n).then(() => performance.now() - began)
    await heard
    figures.toLast.push(performance.now() - began)
    figures.toAnswer.push(await answered)
  }
  figures.cpu += cpuMicros(talker.server.process.pid ?? 0) - cpu
  figures.acts += acts
}

using folder = temporaryFolder()
const ours = await neda(folder.path)
await using _ours = ours.server
const eventBytes = await new Promise<number>((resolve) => {
  ours.listeners[0]?.once('message', (data: Buffer) => resolve(data.length))
  void ours.act(0)
})
const peer = await bareWs(eventBytes)
await using _peer = peer.server
const figures = new Map([ours, peer].map((talker) => [talker, noFigures()]))

for (const talker of figures.keys()) await round(talker, noFigures(), talker === ours ? 1 : 0, WARM_UP * 2 + (talker === ours ? 1 : 0))
for (let n = 0; n < ROUNDS; n++) {
  for (const [talker, own] of figures) await round(talker, own, WARM_UP * 2 + 2 + n * PRESSES * 2, PRESSES * 2)
}

console.log(
  `${ROUNDS} rounds of ${PRESSES} presses and releases, one after the other; ${SUBSCRIBERS} subscribers, events of ${eventBytes} bytes`,
)
for (const [{ name }, { toAnswer, toLast, cpu, acts }] of figures) {
  const line = (values: readonly number[]) =>
    `p50 ${ms(median(values))}  p95 ${ms(quantile(values, 0.95))}  p99 ${ms(quantile(values, 0.99))}`
  console.log(`  ${name.padEnd(8)} to answer  ${line(toAnswer)}`)
  console.log(
    `  ${name.padEnd(8)} to last    ${line(toLast)}   server CPU ${(cpu / acts).toFixed(0)} µs per press or release with its ${SUBSCRIBERS} events`,
  )
}
const [a, b] = [...figures.values()]
if (a && b) {
  const ratio = (x: number, y: number) => `${(x / y).toFixed(2)}×`
  console.log(
    `  NEDA / bare ws: to answer ${ratio(median(a.toAnswer), median(b.toAnswer))}, to last ${ratio(median(a.toLast), median(b.toLast))}, CPU ${ratio(a.cpu / a.acts, b.cpu / b.acts)}`,
  )
}
for (const { listeners } of figures.keys()) for (const socket of listeners) socket.terminate()
