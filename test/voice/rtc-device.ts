import { setTimeout as sleep } from 'node:timers/promises'
import {
  AudioSource,
  DisconnectReason,
  LocalAudioTrack,
  Room,
  RoomEvent,
  type RoomOptions,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node'
import { decodeJwt } from 'jose'
import { Meter, type Voice } from './meter.ts'
import { FRAME_MS, PITCHES, SAMPLE_RATE, toneFrame } from './tone.ts'

export { dispose as disposeRtc } from '@livekit/rtc-node'

/** With one peer connection every new track costs the listener 180 ms more. */
const OPTIONS: RoomOptions & { singlePeerConnection: boolean } = { autoSubscribe: true, dynacast: false, singlePeerConnection: false }

/** What a device sent, counted where it captures and where WebRTC sends. */
export interface Sent {
  readonly frames: number
  readonly packets: number
}

interface Microphone {
  /** Null until the server has taken the track. */
  sid: string | null
  readonly track: LocalAudioTrack
  readonly stop: AbortController
  readonly captured: Promise<void>
}

let devices = 0

/**
 * A device without a display, on LiveKit's client for Node. It obeys nothing: what it publishes goes on being sent until it is told to stop,
 * even after the server took the track away, of which this client is not told. So it is the honest device and the offender in one.
 */
export class RtcDevice implements AsyncDisposable, Voice {
  readonly hz: number
  readonly meter = new Meter()
  readonly #room = new Room()
  #token: string
  #microphone: Microphone | undefined
  #frames = 0
  /** When this device last published successfully. */
  publishedAt: number | null = null
  /** When and why it was disconnected, by itself or by the server. */
  disconnected: { readonly at: number; readonly reason: string } | null = null

  private constructor(token: string) {
    this.#token = token
    this.hz = PITCHES[devices++ % PITCHES.length] ?? 0
    this.#room.on(RoomEvent.TokenRefreshed, () => {
      this.#token = this.#room.token ?? this.#token
    })
    this.#room.on(RoomEvent.Disconnected, (reason) => {
      this.disconnected ??= { at: performance.now(), reason: DisconnectReason[reason] ?? String(reason) }
    })
    this.#room.on(RoomEvent.TrackSubscribed, (track, _publication, { identity }) => void this.meter.follow(track, identity))
  }

  /** Connects as a participant that hears everybody. Rejects if the server does not take it. */
  static async connect(url: string, token: string): Promise<RtcDevice> {
    const device = new RtcDevice(token)
    await device.#room.connect(url, token, OPTIONS)
    return device
  }

  get identity(): string {
    return this.#room.localParticipant?.identity ?? ''
  }

  /** Changes whenever the device joins anew. */
  get sid(): string {
    return this.#room.localParticipant?.sid ?? ''
  }

  get isConnected(): boolean {
    return this.#room.isConnected
  }

  /** The newest token: the server gives a connected device one with the rights of the moment, at once when they change. */
  get refreshedToken(): string {
    return this.#token
  }

  /** As the newest token says, which the server sends after it has told the new permission. */
  get mayPublish(): boolean {
    const { video } = decodeJwt<{ video?: { canPublish?: boolean } }>(this.#token)
    return video?.canPublish === true
  }

  get isSending(): boolean {
    return this.#microphone !== undefined
  }

  /** The identities of all others that the room shows. */
  get others(): string[] {
    return [...this.#room.remoteParticipants.keys()].toSorted()
  }

  /** Waits for the permission to publish: a client that publishes before it has heard of it hangs for ten seconds. */
  async permitted(withinMs = 5_000): Promise<this> {
    for (const deadline = performance.now() + withinMs; !this.mayPublish; await sleep(2)) {
      if (performance.now() > deadline) throw new Error(`${this.identity} was not permitted to publish within ${withinMs} ms`)
      if (this.disconnected) throw new Error(`${this.identity} was put out: ${this.disconnected.reason}`)
    }
    return this
  }

  /** Sends its tone as microphone, until `stop`. Rejects when the server does not take the track; the tone is captured all the same. */
  async talk(): Promise<void> {
    if (this.#microphone) throw new Error(`${this.identity} talks already`)
    const source = new AudioSource(SAMPLE_RATE, 1, 0)
    const track = LocalAudioTrack.createAudioTrack('microphone', source)
    const stop = new AbortController()
    const microphone: Microphone = { sid: null, track, stop, captured: this.#capture(source, stop.signal) }
    this.#microphone = microphone
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE, dtx: false, red: false })
    microphone.sid = (await this.#room.localParticipant?.publishTrack(track, options))?.sid ?? null
    this.publishedAt = performance.now()
  }

  /** Ends what `talk` began. */
  async stop(): Promise<void> {
    const microphone = this.#microphone
    this.#microphone = undefined
    microphone?.stop.abort()
    await microphone?.captured
    const { sid } = microphone ?? {}
    // Of a track that the server took away already there may be nothing to take back.
    if (sid && this.isConnected) await this.#room.localParticipant?.unpublishTrack(sid).catch(() => undefined)
    await microphone?.track.close()
  }

  /** Without a connection there are no packets. */
  async sent(): Promise<Sent> {
    // It may end while its statistics are on their way.
    const stats = this.isConnected ? await this.#room.getRtcStats().catch(() => null) : null
    const packets = (stats?.publisherStats ?? []).map(({ stats: one }) =>
      one.case === 'outboundRtp' ? Number(one.value.sent?.packetsSent ?? 0n) : 0,
    )
    return { frames: this.#frames, packets: packets.reduce((sum, count) => sum + count, 0) }
  }

  /** Leaves the room. */
  async hangUp(): Promise<void> {
    await this.stop()
    await this.#room.disconnect()
  }

  async [Symbol.asyncDispose]() {
    await this.hangUp()
  }

  /** A frame every 10 ms, paced here: the source itself would keep a second of them. */
  async #capture(source: AudioSource, signal: AbortSignal): Promise<void> {
    const frame = toneFrame(this.hz)
    for (let dueAt = performance.now(); !signal.aborted; dueAt += FRAME_MS) {
      await source.captureFrame(frame)
      this.#frames += 1
      const earlyMs = dueAt + FRAME_MS - performance.now()
      if (earlyMs > 0) await sleep(earlyMs)
    }
  }
}
