import { once } from 'node:events'
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { aliveBytes, freePort } from './heap.ts'
import { cpuMicros, median } from './statistics.ts'
import { graphql, openSocket, startNeda, temporaryFolder } from './support.ts'

/**
 * What an event costs the server for each subscriber, and what a subscriber costs it in memory, over each of the transports. All subscribers
 * are open at once and each transport has a group of its own: rounds of the three alternate, so that what else the machine does hits all.
 */
const SUBSCRIBERS = Number(process.argv[2] ?? 500)
const ROUNDS = 7
const ACTS = 40
const WARM_UP = 40
const OPENED_AT_ONCE = 25
const SILENCE_MS = 10_000

const WAYS = ['WebSocket', 'SSE', 'multipart'] as const
type Way = (typeof WAYS)[number]
const ACCEPT = { SSE: 'text/event-stream', multipart: 'multipart/mixed;subscriptionSpec=1.0' }
const MARK = '"speakerChanged":{'

const PRESS =
  'mutation($input: RequestTalkInput!) { requestTalk(input: $input) { outcome burst { id } remainingMs denyReason floor { state } } }'
const RELEASE = 'mutation($input: ReleaseTalkInput!) { releaseTalk(input: $input) { released floor { state } } }'
const WATCH = `subscription($groupId: ID!) { speakerChanged(groupId: $groupId) { kind gap cursor previous { id endReason durationMs }
  floor { groupId state queueLength epoch sequence serverTime burst { id priority mediaIdentity startedAt expiresAt speaker { id displayName } } } } }`

interface Group {
  readonly way: Way
  readonly id: string
  /** How many events each subscriber heard, with the snapshot. */
  readonly heard: number[]
  readonly cpuOfEvent: number[]
  bytes: number
}

const signIn = async (url: string, username: string) =>
  (
    await graphql<{ login: { accessToken: string; user: { id: string } } }>(
      url,
      'mutation($input: LoginInput!) { login(input: $input) { accessToken user { id } } }',
      { input: { username, password: 'push-to-talk' } },
    )
  ).login

async function createGroup(url: string, token: string, way: Way, managerId: string): Promise<Group> {
  const { createGroup } = await graphql<{ createGroup: { group: { id: string } } }>(
    url,
    'mutation($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }',
    { input: { name: way, managerId } },
    token,
  )
  return { way, id: createGroup.group.id, heard: [], cpuOfEvent: [], bytes: Number.NaN }
}

/** Counts a mark in what comes, also one that comes in two pieces. */
function counter(count: () => void): (data: Buffer) => void {
  let rest = ''
  return (data) => {
    const text = rest + data.toString('latin1')
    let from = 0
    for (let at = text.indexOf(MARK); at !== -1; at = text.indexOf(MARK, from)) {
      count()
      from = at + MARK.length
    }
    rest = text.slice(Math.max(from, text.length - MARK.length + 1))
  }
}

async function connect(url: string, token: string): Promise<WebSocket> {
  const hello = JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
  return openSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', hello)
}

async function subscribe(url: string, token: string, { way, id, heard }: Group, n: number): Promise<void> {
  heard[n] = 0
  const hear = counter(() => (heard[n] = (heard[n] ?? 0) + 1))
  const payload = { query: WATCH, variables: { groupId: id } }
  if (way === 'WebSocket') {
    const socket = await connect(url, token)
    socket.on('message', hear)
    socket.send(JSON.stringify({ id: 'w', type: 'subscribe', payload }))
  } else {
    const headers = { 'content-type': 'application/json', accept: ACCEPT[way], authorization: `Bearer ${token}` }
    const asked = request(`${url}/graphql`, { method: 'POST', agent: false, headers }).end(JSON.stringify(payload))
    const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream]
    response.on('data', hear)
  }
  while (heard[n] === 0) await sleep(1)
}

async function subscribeAll(url: string, token: string, group: Group): Promise<void> {
  for (let from = 0; from < SUBSCRIBERS; from += OPENED_AT_ONCE) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, SUBSCRIBERS - from) }, (_, m) => from + m)
    await Promise.all(some.map((n) => subscribe(url, token, group, n)))
  }
}

/** Resolves when each subscriber heard one more event; fails when one heard none, or too many. */
async function allHeard({ way, heard }: Group, before: number): Promise<void> {
  const began = performance.now()
  while (!heard.every((count) => count > before)) {
    if (performance.now() - began > SILENCE_MS) throw new Error(`${way}: not every subscriber heard every event`)
    await sleep(1)
  }
  if (heard.some((count) => count > before + 1)) throw new Error(`${way}: an event came twice`)
}

let lastAct = 0

async function act(speaker: WebSocket, groupId: string): Promise<void> {
  const n = lastAct++
  const input = { groupId, requestId: `r${n >> 1}` }
  const answered = once(speaker, 'message')
  speaker.send(
    JSON.stringify({ id: String(n), type: 'subscribe', payload: { query: n % 2 === 0 ? PRESS : RELEASE, variables: { input } } }),
  )
  await answered
}

async function round(group: Group, speaker: WebSocket, pid: number, acts: number): Promise<number> {
  const cpu = cpuMicros(pid)
  for (let n = 0; n < acts; n++) {
    const before = group.heard[0] ?? 0
    await act(speaker, group.id)
    await allHeard(group, before)
  }
  return (cpuMicros(pid) - cpu) / acts / SUBSCRIBERS
}

using folder = temporaryFolder()
const inspector = await freePort()
await using server = await startNeda(folder.path, 'node', [`--inspect=127.0.0.1:${inspector}`, 'src/main.ts'])
const { url } = server
const pid = server.process.pid ?? Number.NaN
const [admin, ben] = [await signIn(url, 'admin'), await signIn(url, 'ben')]
const speaker = await connect(url, ben.accessToken)
const groups: Group[] = []
for (const way of WAYS) groups.push(await createGroup(url, admin.accessToken, way, ben.user.id))
// What the first of a kind leaves behind is not a stream's.
for (const group of groups) await subscribe(url, ben.accessToken, { ...group, heard: [] }, 0)
for (const group of groups) {
  const before = await aliveBytes(inspector)
  await subscribeAll(url, ben.accessToken, group)
  group.bytes = ((await aliveBytes(inspector)) - before) / SUBSCRIBERS
}
for (const group of groups) await round(group, speaker, pid, WARM_UP)
for (let n = 0; n < ROUNDS; n++) for (const group of groups) group.cpuOfEvent.push(await round(group, speaker, pid, ACTS))

console.log(`${SUBSCRIBERS} subscribers each, ${ROUNDS} rounds of ${ACTS} presses and releases, one after the other`)
const [limit] = groups
for (const { way, cpuOfEvent, bytes } of groups) {
  const ratio = (own: number, other = Number.NaN) => `${(own / other).toFixed(2)}×`
  const compared = median(cpuOfEvent.map((cpu, n) => cpu / (limit?.cpuOfEvent[n] ?? Number.NaN)))
  const spread = `${Math.min(...cpuOfEvent).toFixed(1)} to ${Math.max(...cpuOfEvent).toFixed(1)}`
  console.log(
    `  ${way.padEnd(10)} server CPU of an event for a subscriber ${median(cpuOfEvent).toFixed(1)} µs (${spread}), ${compared.toFixed(2)}×   memory of a subscriber ${(bytes / 1_024).toFixed(1)} KiB, ${ratio(bytes, limit?.bytes)}`,
  )
}
