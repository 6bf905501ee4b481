import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { People } from '../stress/people.ts'
import { Random } from '../stress/random.ts'
import { Stage } from '../stress/stage.ts'
import { join } from '../stress/talk.ts'
import { type Cluster, openCluster } from '../support/cluster.ts'
import { hasRedis } from '../support/redis-server.ts'
import { playHerd } from './herd.ts'

/** The second test ends one of the two instances. */
describe.runIf(hasRedis())('with a real Redis', { timeout: 120_000 }, () => {
  let cluster: Cluster
  beforeAll(async () => {
    cluster = await openCluster({ names: ['A', 'B'], env: { HEARTBEAT_JOINED_MS: '1000', HEARTBEAT_IDLE_MS: '600000' } })
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  test('a device that joins over one instance is pinged as one that is present by the other one, where its socket is', async () => {
    await using stage = new Stage(cluster, new People(cluster.admin), new Random('joined'))
    const { groupId, ben } = await stage.trio()
    const socket = new WebSocket(`${stage.a.url}/graphql`, 'graphql-transport-ws')
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${ben.accessToken}` } }))
    await once(socket, 'message')
    const pinged = once(socket, 'ping')
    await join(ben.at(stage.b), groupId)
    await pinged
    socket.terminate()
  })

  test('an instance with 300 sockets dies: all are live at the other one, and nobody has missed an event or heard one twice', async () => {
    const { backMs, problems, storm, before } = await playHerd(cluster, { sockets: 300, groups: 5, devices: 6, pressEveryMs: 100 })
    expect(problems).toEqual([])
    expect(backMs).toHaveLength(300)
    expect(storm.answers.length, 'the other one answers meanwhile').toBeGreaterThan(3)
    expect([...before.presses, ...storm.presses].filter(({ outcome }) => outcome === 'GRANTED').length).toBeGreaterThan(10)
  })
})
