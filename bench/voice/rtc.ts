import { setTimeout as sleep } from 'node:timers/promises'
import { AudioFrame, AudioSource, dispose, LocalAudioTrack, Room, RoomEvent, TrackPublishOptions, TrackSource } from '@livekit/rtc-node'
import { decodeJwt } from 'jose'
import { Meter } from '../../test/voice/meter.ts'
import { FRAME_MS, PITCHES, SAMPLE_RATE, toneFrame } from '../../test/voice/tone.ts'
import type { DeviceKind, VoiceDevice } from './voice-device.ts'

const OPTIONS = { autoSubscribe: true, dynacast: false, singlePeerConnection: false }
const HZ = PITCHES[2] ?? Number.NaN
/** A frame that comes so late belongs to what was said before the pause. */
const LATE_MS = 30

/** Devices on LiveKit's client for Node, all in this process. */
export async function rtcDevices(): Promise<DeviceKind> {
  return {
    name: 'rtc-node, two peer connections',
    audibleWithinMs: null,
    now: () => performance.now(),
    open: async () => new RtcVoice(),
    [Symbol.asyncDispose]: () => dispose(),
  }
}

/**
 * One that makes pauses, and publishes as soon as it may. This client is not told of its permission in so many words, but with it the server
 * sends a token that says the same, which is all that there is to go by.
 */
class RtcVoice implements VoiceDevice {
  readonly #room = new Room()
  readonly #meter = new Meter()
  readonly #permitted: number[] = []
  #isHeld = false
  #isQuiet = false
  #soundedAt = 0
  #stop: AbortController | undefined
  #published: Promise<void> = Promise.resolve()

  constructor() {
    this.#room.on(RoomEvent.TrackSubscribed, (track, _publication, { identity }) => void this.#meter.follow(track, identity))
    this.#room.on(RoomEvent.TokenRefreshed, () => {
      if (!this.#mayPublish) return
      this.#permitted.push(performance.now())
      this.#publishIfHeld()
    })
  }

  get identity(): string {
    return this.#room.localParticipant?.identity ?? ''
  }

  async connect(url: string, token: string): Promise<void> {
    await this.#room.connect(url, token, OPTIONS)
  }

  async hold(): Promise<void> {
    this.#isHeld = true
    if (this.#mayPublish) this.#publishIfHeld()
  }

  async letGo(): Promise<void> {
    this.#isHeld = false
    this.#stop?.abort()
    await this.#published
    this.#stop = undefined
  }

  async pause(silentMs: number): Promise<number> {
    this.#isQuiet = true
    await sleep(silentMs)
    this.#isQuiet = false
    await sleep(2 * FRAME_MS)
    return this.#soundedAt
  }

  permittedSince(since: number): number | null {
    return this.#permitted.find((at) => at >= since) ?? null
  }

  firstHeardSince(identity: string, since: number): number | null {
    const voice = { identity, hz: HZ }
    return this.#meter.heardBetween(voice, since - LATE_MS, since) > 0 ? null : this.#meter.firstHeardSince(voice, since)
  }

  lastHeardSince(identity: string, since: number): number | null {
    const last = this.#meter.lastHeardAt({ identity, hz: HZ })
    return last !== null && last >= since ? last : null
  }

  async [Symbol.asyncDispose]() {
    await this.letGo()
    await this.#room.disconnect()
  }

  get #mayPublish(): boolean {
    const { token } = this.#room
    return token !== undefined && decodeJwt<{ video?: { canPublish?: boolean } }>(token).video?.canPublish === true
  }

  #publishIfHeld() {
    if (!this.#isHeld || this.#stop) return
    this.#stop = new AbortController()
    this.#published = this.#publish(this.#stop.signal)
  }

  /** Until it is let go. What the server takes away meanwhile this client goes on sending. */
  async #publish(signal: AbortSignal): Promise<void> {
    const source = new AudioSource(SAMPLE_RATE, 1, 0)
    const track = LocalAudioTrack.createAudioTrack('microphone', source)
    const sounding = this.#sound(source, signal)
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE, dtx: false, red: false })
    // Whoever listens notices if it fails.
    await this.#room.localParticipant?.publishTrack(track, options).catch((error: unknown) => console.error('not published:', error))
    await sounding
    // The server may have taken it away already.
    if (track.sid) await this.#room.localParticipant?.unpublishTrack(track.sid).catch(() => undefined)
    await track.close()
  }

  async #sound(source: AudioSource, signal: AbortSignal): Promise<void> {
    const tone = toneFrame(HZ)
    const silence = AudioFrame.create(SAMPLE_RATE, 1, tone.samplesPerChannel)
    for (let wasQuiet = true, dueAt = performance.now(); !signal.aborted; dueAt += FRAME_MS) {
      if (wasQuiet && !this.#isQuiet) this.#soundedAt = performance.now()
      wasQuiet = this.#isQuiet
      await source.captureFrame(wasQuiet ? silence : tone)
      const earlyMs = dueAt + FRAME_MS - performance.now()
      if (earlyMs > 0) await sleep(earlyMs)
    }
  }
}
