import { Redis } from 'ioredis'
import { type WebSocket, WebSocketServer } from 'ws'
import type { TalkAnswer } from '../../src/realtime/engine.ts'
import type { Act } from '../dialects.ts'
import { Device, FloorScripts } from './floor-scripts.ts'

/**
 * The limit: the floor of NEDA's scripts over a bare WebSocket, with no GraphQL, no rights, no repair and no record. A press or a release is one
 * script and one answer; what the script publishes comes back over Redis and is sent to all who watch the group, written once for all.
 */
const [redisUrl = ''] = process.argv.slice(2)

type Message = { readonly type: 'hello' } | { readonly type: 'watch'; readonly groupId: string } | Pressed
type Pressed = { readonly id: string; readonly type: Act['kind']; readonly groupId: string; readonly requestId: string }

const floor = new FloorScripts(redisUrl)
const subscriber = new Redis(redisUrl)
const watchers = new Map<string, Set<WebSocket>>()

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false }, () => {
  console.log(`ready at ws://127.0.0.1:${(server.address() as { port: number }).port}`)
})
server.on('connection', (socket) => {
  const device = new Device()
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message
    if (message.type === 'hello') socket.send('{"type":"welcome"}')
    else if (message.type === 'watch') void watch(socket, message.groupId)
    else void answer(socket, device, message)
  })
})

async function answer(socket: WebSocket, device: Device, { id, type, groupId, requestId }: Pressed): Promise<void> {
  const said = JSON.parse(await floor.act(device, { kind: type, groupId, requestId })) as TalkAnswer & { released?: boolean }
  const { outcome, released, burst, remainingMs, denyReason, floor: now } = said
  const result = type === 'press' ? { outcome, burst: burst && { id: burst.id }, remainingMs, denyReason } : { released }
  socket.send(JSON.stringify({ id, type: 'answer', ...result, floor: { state: now.state } }))
}

async function watch(socket: WebSocket, groupId: string): Promise<void> {
  const channel = floor.keys.eventsChannel(groupId as Parameters<typeof floor.keys.eventsChannel>[0])
  const known = watchers.get(channel) ?? new Set()
  watchers.set(channel, known.add(socket))
  socket.once('close', () => known.delete(socket))
  await subscriber.subscribe(channel)
  socket.send('{"type":"snapshot"}')
}

subscriber.on('message', (channel, published) => {
  const event = `{"type":"event","events":${published}}`
  for (const socket of watchers.get(channel) ?? []) socket.send(event)
})
