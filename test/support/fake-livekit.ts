import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { VideoGrant } from 'livekit-server-sdk'
import { FakeDevice } from './fake-livekit-device.ts'
import { type Call, type Fate, Faults } from './fake-livekit-faults.ts'
import { LiveRooms } from './fake-livekit-rooms.ts'
import { type Arguments, callOf, carryOut, type Reply } from './fake-livekit-rpc.ts'
import { entranceOf, grantsOf, type Keys, refreshed } from './fake-livekit-tokens.ts'
import { FakeWebhooks } from './fake-livekit-webhooks.ts'

export interface FakeLiveKitOptions {
  readonly webhookUrls?: readonly string[]
  /** What each call takes. */
  readonly latencyMs?: number
  /** LiveKit waits 1, 2, 4 and 8 s between its attempts to tell; here by default a tenth. */
  readonly webhookRetryMs?: number
  readonly departureMs?: number
  readonly storeLagMs?: number
}

/** A call that was carried out, and what LiveKit answered. */
export interface Executed extends Call {
  readonly status: number
}

const KEYS: Keys = { apiKey: 'APIfake', apiSecret: 'a secret of at least thirty-two characters' }
const SERVICE = '/twirp/livekit.RoomService/'
const HOST = '127.0.0.1'

/**
 * The rooms of a LiveKit, without any media: what NEDA asks of it over HTTP, what it tells NEDA by webhooks, and who could be heard. It keeps to
 * what livekit-server 1.13 does, its traps included.
 */
export class FakeLiveKit implements AsyncDisposable {
  readonly apiKey = KEYS.apiKey
  readonly apiSecret = KEYS.apiSecret
  readonly faults = new Faults()
  readonly webhooks: FakeWebhooks
  /** In the order in which they were carried out. */
  readonly executed: Executed[] = []
  readonly #latencyMs: number
  readonly #rooms: LiveRooms
  readonly #server = createServer((request, response) => this.#answer(request, response))
  #port = 0
  #isClosed = false

  private constructor(options: FakeLiveKitOptions) {
    const { webhookUrls = [], latencyMs = 0, webhookRetryMs = 100, departureMs = 20_000, storeLagMs = 0 } = options
    this.#latencyMs = latencyMs
    this.webhooks = new FakeWebhooks({ ...KEYS, urls: webhookUrls, retryMs: webhookRetryMs, running: () => this.faults.running() })
    this.#rooms = new LiveRooms({
      tell: (happened) => this.webhooks.tell(happened),
      refresh: (entrance, permission) => refreshed(entrance, permission, KEYS),
      departureMs,
      storeLagMs,
    })
  }

  static async start(options: FakeLiveKitOptions = {}): Promise<FakeLiveKit> {
    const fake = new FakeLiveKit(options)
    await fake.#listen()
    return fake
  }

  get url(): string {
    return `http://${HOST}:${this.#port}`
  }

  /** A client connects. Rejects if the token does not open a room. */
  async join(token: string): Promise<FakeDevice> {
    const entrance = await entranceOf(token, KEYS)
    return new FakeDevice(this.#rooms, this.#rooms.join(entrance))
  }

  /** Who is in a room; none if there is no room. */
  participants(room: string) {
    const everyone = [...(this.#rooms.room(room)?.participants.values() ?? [])]
    return everyone.map((one) => one.toProto())
  }

  /** Who is heard in a room now. */
  audible(room: string): string[] {
    return this.participants(room)
      .filter(({ tracks }) => tracks.length > 0)
      .map(({ identity }) => identity)
  }

  get rooms(): string[] {
    return this.#rooms.all.map(({ name }) => name)
  }

  /** Nobody is reached at its address any more: connections are reset, new ones refused. Clients stay where they are. */
  async cut(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  /** Ends every fault. */
  async mend(): Promise<void> {
    this.faults.mend()
    if (!this.#server.listening) await this.#listen()
  }

  async [Symbol.asyncDispose]() {
    this.#isClosed = true
    this.faults.mend()
    this.#rooms[Symbol.dispose]()
    await Promise.all([this.cut(), this.webhooks[Symbol.asyncDispose]()])
  }

  async #listen() {
    this.#server.listen(this.#port, HOST)
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  #answer(request: IncomingMessage, response: ServerResponse) {
    if (request.url === '/') return void response.end('OK')
    this.#serve(request, response).catch((error: unknown) => {
      // A caller that was cut off in the middle of its question.
      response.destroy(error instanceof Error ? error : undefined)
    })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const grants = await this.#grantsOf(request)
    if (!grants) return void response.writeHead(401, { 'content-type': 'text/plain' }).end('invalid API key')
    const args = JSON.parse(Buffer.concat(chunks).toString()) as Arguments
    const call = callOf(request.url?.replace(SERVICE, '') ?? '', args)
    const fate = this.faults.fate(call)
    if (fate.status) return void response.writeHead(fate.status, { 'content-type': 'text/html' }).end('<html>Bad Gateway</html>')
    // Who asked waits until its own time is up.
    if (fate.lost === 'CALL') return
    const reply = await this.#execute(call, grants, args, fate)
    if (reply && fate.lost !== 'ANSWER') say(response, reply)
  }

  /** Null: the server has ended before. */
  async #execute(call: Call, grants: VideoGrant, args: Arguments, fate: Fate): Promise<Reply | null> {
    if (this.#latencyMs > 0) await sleep(this.#latencyMs, undefined, { ref: false })
    await this.faults.suffer(fate)
    if (this.#isClosed) return null
    const reply = await carryOut(this.#rooms, call, grants, args)
    this.executed.push({ ...call, status: reply.status })
    return reply
  }

  async #grantsOf({ headers }: IncomingMessage): Promise<VideoGrant | null> {
    try {
      const { video } = await grantsOf(headers.authorization?.replace(/^Bearer /, '') ?? '', KEYS)
      return video ?? {}
    } catch {
      // Whatever is wrong with it, it opens nothing.
      return null
    }
  }
}

function say(response: ServerResponse, { status, body }: Reply) {
  // Exactly this content type: with a charset the SDK takes an error for a page of a proxy.
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
