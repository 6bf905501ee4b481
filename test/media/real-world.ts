import { setTimeout as sleep } from 'node:timers/promises'
import type { RoomServiceClient } from 'livekit-server-sdk'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { startLiveKit } from '../voice/livekit-server.ts'
import { RtcDevice } from '../voice/rtc-device.ts'
import type { MediaDevice, MediaWorld } from './world.ts'

/** A client that is not taken hangs for ten seconds, and is asked no longer. */
const TAKEN_WITHIN_MS = 2_000
/** LiveKit tells that somebody came when its media flows. */
const TOLD_WITHIN_MS = 700
/** The client hears of a permission a moment after the server has it. */
const HEARD_WITHIN_MS = 300

/** A livekit-server, and devices on LiveKit's client. NEDA reaches it through a proxy, which can be cut. */
export async function openRealWorld(webhookUrl?: string): Promise<MediaWorld> {
  await using stack = new AsyncDisposableStack()
  const liveKit = stack.use(await startLiveKit(webhookUrl === undefined ? {} : { webhookUrl }))
  const link = stack.use(await tcpProxy(liveKit.port))
  const devices = stack.use(new Devices(liveKit.url, liveKit.rooms))
  const owned = stack.move()
  return {
    apiKey: liveKit.apiKey,
    apiSecret: liveKit.apiSecret,
    env: { ...liveKit.env, LIVEKIT_URL: `http://127.0.0.1:${link.port}`, LIVEKIT_PUBLIC_URL: liveKit.url },
    join: (token) => devices.join(token),
    participants: (room) => participantsOf(liveKit.rooms, room),
    rooms: async () => (await liveKit.rooms.listRooms()).map(({ name }) => name),
    // It does not say when.
    told: () => sleep(TOLD_WITHIN_MS),
    cut: async () => link.cut(),
    hang: () => link.blackhole(),
    mend: async () => link.mend(),
    fake: null,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Of a room that does not exist, or ends just now, LiveKit looks for the participants until its time is up. */
async function participantsOf(rooms: RoomServiceClient, room: string) {
  const [found] = await rooms.listRooms([room])
  if (!found) return []
  try {
    return await rooms.listParticipants(room)
  } catch (error) {
    if ((await rooms.listRooms([room])).length === 0) return []
    throw error
  }
}

class Devices implements AsyncDisposable {
  readonly #url: string
  readonly #rooms: RoomServiceClient
  readonly #connected = new Map<RtcDevice, string>()
  /** A client that the server does not take hangs also when it is to leave. */
  readonly #leaving: Promise<void>[] = []

  constructor(url: string, rooms: RoomServiceClient) {
    this.#url = url
    this.#rooms = rooms
  }

  async join(token: string): Promise<MediaDevice> {
    const { sub, video } = claimsOf(token)
    const place = `${video.room} ${sub}`
    const device = await RtcDevice.connect(this.#url, token)
    // Whom it has put out would else come back, and put it out.
    for (const [other, itsPlace] of this.#connected) if (itsPlace === place) this.#hangUp(other)
    this.#connected.set(device, place)
    const { identity, sid } = device
    let wasPutOut = false
    return {
      identity,
      sid,
      publish: () => publish(device),
      unpublish: () => device.stop(),
      leave: async () => this.#hangUp(device),
      refreshedToken: async () => device.refreshedToken,
      // The server knows; a client that hangs does not hear of it, and would come again and again.
      wasPutOut: async () => {
        if (!this.#connected.has(device)) return wasPutOut
        wasPutOut = !(await participantsOf(this.#rooms, video.room)).some((one) => one.sid === sid)
        if (wasPutOut) this.#hangUp(device)
        return wasPutOut
      },
    }
  }

  async [Symbol.asyncDispose]() {
    for (const device of this.#connected.keys()) this.#hangUp(device)
    await Promise.all(this.#leaving)
  }

  #hangUp(device: RtcDevice) {
    if (this.#connected.delete(device)) this.#leaving.push(device.hangUp())
  }
}

function claimsOf(token: string) {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { sub: string; video: { room: string } }
}

/** As LiveKit's clients do: without the permission nothing is sent, and a track that the server took away is published anew. */
async function publish(device: RtcDevice): Promise<boolean> {
  await device.permitted(HEARD_WITHIN_MS).catch(() => undefined)
  if (!device.mayPublish || device.disconnected) return false
  if (device.isSending) await device.stop()
  const taken = device.talk().then(
    () => true,
    () => false,
  )
  return Promise.race([taken, sleep(TAKEN_WITHIN_MS, false)])
}
