import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { RoomServiceClient } from 'livekit-server-sdk'
import { stringify } from 'yaml'
import { freePort } from '../../src/database/embedded/server.ts'

const { LIVEKIT_SERVER: PROGRAM = 'livekit-server', LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = process.env
const HOST = '127.0.0.1'
const START_MS = 20_000
const OWN = { apiKey: 'APIvoice', apiSecret: 'a secret of the voice tests, long enough' }
/** Where a LiveKit that runs already sends its webhooks: to NEDA's own port, unless it is said otherwise. */
const WEBHOOK_PORT = Number(process.env.LIVEKIT_WEBHOOK_PORT ?? 4000)

/** A real LiveKit. */
export interface LiveKit extends AsyncDisposable {
  /** What devices connect to. */
  readonly url: string
  readonly port: number
  readonly apiKey: string
  readonly apiSecret: string
  /** What NEDA is told of it. */
  readonly env: Readonly<Record<string, string>>
  /** Asks it directly, past NEDA. */
  readonly rooms: RoomServiceClient
  /** SIGKILL, and a new start on the same ports: it has forgotten all rooms. Null: of one that ran already. */
  readonly restart: (() => Promise<void>) | null
  /** Everything printed so far; nothing of one that ran already. */
  printed(): string
}

/** Whether there is a LiveKit to test with: one that runs at LIVEKIT_URL, or a program to start. */
export const hasLiveKit = (): boolean => LIVEKIT_URL !== undefined || spawnSync(PROGRAM, ['--version']).status === 0

export const webhookUrl = (port: number): string => `http://${HOST}:${port}/webhooks/livekit`

/** A LiveKit of its own on free ports of this machine alone, or the one at LIVEKIT_URL. Resolves when it answers. */
export async function startLiveKit({ webhookUrl: url }: { readonly webhookUrl?: string } = {}): Promise<LiveKit> {
  if (LIVEKIT_URL !== undefined) return runningLiveKit(LIVEKIT_URL, url)
  const [port, udpPort] = await Promise.all([freePort(), freeUdpPort()])
  const settings = ['--config-body', stringify(configuration(port, udpPort, url))]
  let text = ''
  const printed = () => text
  const start = async () => {
    const started = spawn(PROGRAM, settings, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await answers(`http://${HOST}:${port}`, started, printed)
    return started
  }
  let child = await start()
  const restart = async () => {
    await end(child)
    child = await start()
  }
  return { ...described(`ws://${HOST}:${port}`, OWN), restart, printed, [Symbol.asyncDispose]: () => end(child) }
}

async function runningLiveKit(url: string, webhook: string | undefined): Promise<LiveKit> {
  if (!LIVEKIT_API_KEY || !LIVEKIT_API_SECRET) throw new Error('LIVEKIT_URL is set: LIVEKIT_API_KEY and LIVEKIT_API_SECRET are needed too')
  const it = described(url, { apiKey: LIVEKIT_API_KEY, apiSecret: LIVEKIT_API_SECRET })
  await it.rooms.listRooms(['nobody'])
  const relay = webhook === undefined ? null : await relayWebhooks(Number(new URL(webhook).port))
  return { ...it, restart: null, printed: () => '', [Symbol.asyncDispose]: async () => void relay?.close() }
}

/** It cannot be told where the NEDA of this test listens, so what it sends is passed on. */
async function relayWebhooks(port: number) {
  const relay = createServer((socket) => {
    const onward = connect(port, HOST)
    for (const end of [socket, onward]) end.on('error', () => [socket, onward].forEach((one) => one.destroy()))
    socket.pipe(onward).pipe(socket)
  })
  relay.listen(WEBHOOK_PORT, HOST)
  await once(relay, 'listening')
  return relay
}

function described(url: string, keys: { readonly apiKey: string; readonly apiSecret: string }) {
  const { apiKey, apiSecret } = keys
  return {
    ...keys,
    url: url.replace(/^http/, 'ws'),
    port: Number(new URL(url).port),
    env: { LIVEKIT_URL: url.replace(/^ws/, 'http'), LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret },
    rooms: new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret, { requestTimeout: 5, failover: false }),
  }
}

/** Everything on loopback: an address that is told keeps it from asking the world for its own. TCP for media is off, it would listen everywhere. */
function configuration(port: number, udpPort: number, webhook: string | undefined) {
  return {
    port,
    bind_addresses: [HOST],
    keys: { [OWN.apiKey]: OWN.apiSecret },
    rtc: {
      node_ip: HOST,
      use_external_ip: false,
      enable_loopback_candidate: true,
      interfaces: { includes: ['lo'] },
      udp_port: udpPort,
      tcp_port: 0,
    },
    room: { auto_create: true, empty_timeout: 30, departure_timeout: 10, enabled_codecs: [{ mime: 'audio/opus' }, { mime: 'audio/red' }] },
    api: { enable_psrpc_for_get_list_participants: true },
    ...(webhook === undefined ? {} : { webhook: { api_key: OWN.apiKey, urls: [webhook] } }),
    logging: { level: 'info' },
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, HOST)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

async function answers(url: string, child: ChildProcess, printed: () => string): Promise<void> {
  let failure: unknown
  child.once('error', (error) => (failure = error))
  for (const deadline = Date.now() + START_MS; Date.now() < deadline; await sleep(20)) {
    if (failure || child.exitCode !== null || child.signalCode !== null) break
    // Not listening yet, or not ready: it is asked again.
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return
  }
  child.kill('SIGKILL')
  throw new Error(`${PROGRAM} does not start:\n${printed()}`, { cause: failure })
}

/** After a SIGTERM it waits for everybody to leave, so it is not asked. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
