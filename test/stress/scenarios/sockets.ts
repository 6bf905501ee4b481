import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { SpeakerChangedDocument } from '../../generated/operations.ts'
import { Stopwatch } from '../../support/machine.ts'
import { traffic } from '../load.ts'
import type { Place } from '../people.ts'
import { alone, busy } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { release, talk } from '../talk.ts'
import { until } from '../until.ts'
import { FloorWatch } from '../watch.ts'

/** A socket without a client library, which may say anything. */
async function rawSocket(stage: Stage, { url }: Place, protocol = 'graphql-transport-ws'): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol)
  socket.on('error', () => undefined) // what the server does with it is what counts
  stage.defer(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

const closeCode = async (socket: WebSocket) => ((await once(socket, 'close')) as [number])[0]

/** Plays beside a device that talks and a reader that listens, who must not notice. */
async function unnoticed(stage: Stage, misbehave: (groupId: string, token: string) => Promise<void>): Promise<void> {
  const { groupId, maya, ben, cleo } = await stage.trio()
  await stage.watchBoth(maya, groupId)
  const socket = stage.socket(ben, stage.b)
  const talking = stage.keepOn(async (n) => {
    const since = new Stopwatch()
    await talk(socket, groupId, `r${n}`)
    since.expect(1_000)
    await release(socket, groupId, `r${n}`)
  }, 20)
  await misbehave(groupId, cleo.accessToken)
  await talking.stop(10)
  await stage.converged(groupId, maya)
}

const initiate = (socket: WebSocket, token: string) =>
  socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }))

/** Sockets that misbehave hurt nobody but themselves. */
export const sockets = [
  busy('20 sockets send garbage: each is closed with its reason', (stage) =>
    unnoticed(stage, async () => {
      const garbage = [
        '{',
        'null',
        '[]',
        '{"type":"nonsense"}',
        '{"id":"1","type":"subscribe","payload":{"query":"{me{id}}"}}',
        Buffer.from([1, 2]),
      ]
      for (let n = 0; n < 20; n++) {
        const socket = await rawSocket(stage, stage.either)
        const closed = closeCode(socket)
        socket.send(stage.random.one(garbage))
        expect([4400, 4401]).toContain(await closed)
      }
    }),
  ),

  busy('sockets send frames of more than 64 KiB: each is closed 1009 before it is read', (stage) =>
    unnoticed(stage, async (_groupId, token) => {
      for (let n = 0; n < 8; n++) {
        const socket = await rawSocket(stage, n % 2 === 0 ? stage.a : stage.b)
        initiate(socket, token)
        const closed = closeCode(socket)
        socket.send(JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(70_000 + stage.random.between(0, 900_000)) } }))
        expect(await closed).toBe(1009)
      }
    }),
  ),

  busy('one socket uses an id twice and speaks before it is known, beside others of the same device: only that one is closed', (stage) =>
    unnoticed(stage, async (groupId, token) => {
      const query = SpeakerChangedDocument.toString()
      const subscribe = JSON.stringify({ id: 'same', type: 'subscribe', payload: { query, variables: { groupId } } })
      const [good, bad] = [await rawSocket(stage, stage.b), await rawSocket(stage, stage.b)]
      for (const socket of [good, bad]) {
        initiate(socket, token)
        await once(socket, 'message')
        socket.send(subscribe)
        await once(socket, 'message')
      }
      const closed = closeCode(bad)
      bad.send(subscribe)
      expect(await closed).toBe(4409)
      expect(good.readyState).toBe(WebSocket.OPEN)
    }),
  ),

  busy('150 sockets are opened and broken off at any moment of their opening', (stage) =>
    unnoticed(stage, async (groupId, token) => {
      const line = await stage.line(stage.b)
      const opening = Array.from({ length: 150 }, async () => {
        await sleep(stage.random.between(0, 1_000))
        const socket = new WebSocket(`${line.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
        socket.on('error', () => undefined) // it is broken off on purpose
        socket.once('open', () => {
          initiate(socket, token)
          const query = SpeakerChangedDocument.toString()
          socket.send(JSON.stringify({ id: 's', type: 'subscribe', payload: { query, variables: { groupId } } }))
        })
        await sleep(stage.random.between(0, 40))
        socket.terminate()
      })
      await Promise.all(opening)
    }),
  ),

  alone('a reader stops reading: nobody is slowed, the instance does not grow, and the reader learns the newest state', async (stage) => {
    const { groupId, manager, members } = await stage.team(6)
    const [healthy] = await stage.watchBoth(manager, groupId)
    const line = await stage.line(stage.b)
    const socket = stage.socket(manager, line)
    const subscribe = () => new FloorWatch(stage.own(socket.subscribe(TOLD_MUCH, { groupId, after: null })), groupId)
    const stalled = Array.from({ length: 24 }, subscribe)
    for (const watch of stalled) await watch.next('SNAPSHOT')
    // The first rounds are for the heap to grow as far as it does anyway.
    const tellMuch = () => traffic(stage, groupId, members, 0).stop(80)
    for (let round = 0; round < 3; round++) await tellMuch()
    const before = await residentBytes(stage.b.pid)
    line.stall()
    await tellMuch()
    const since = new Stopwatch()
    await talk(manager.at(stage.b), groupId, 'm')
    since.expect(200)
    await healthy.next(({ floor }) => floor.burst?.speaker.id === manager.userId, 500)
    expect(((await residentBytes(stage.b.pid)) - before) / 2 ** 20, 'MiB more').toBeLessThan(20)
    line.mend()
    const knows = ({ endCode, last }: FloorWatch) => endCode === 'SLOW_CONSUMER' || last?.floor.burst?.speaker.id === manager.userId
    await until('the newest state', () => stalled.every(knows), 2_000)
    for (const watch of stalled) expect(healthy.events.length).toBeGreaterThan(watch.events.length)
  }),
]

/** Some 6 KB for each event and stream, so that what waits for a reader soon exceeds what the network holds. */
const much = Array.from({ length: 7 }, (_, n) => {
  const burst = '{ id mediaIdentity fencingToken startedAt expiresAt endedAt speaker { id username displayName } group { id name } }'
  return `f${n}: floor { cursor epoch serverTime burst ${burst} } p${n}: previous ${burst}`
})
const TOLD_MUCH = {
  toString: () => SpeakerChangedDocument.toString().replace(', after: $after) {', (head) => `${head} ${much.join(' ')}`),
} as unknown as typeof SpeakerChangedDocument

async function residentBytes(pid: number): Promise<number> {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1_024
}
