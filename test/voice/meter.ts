import { AudioStream, type RemoteTrack, TrackKind } from '@livekit/rtc-node'
import { FRAME_MS, pitchIn, SAMPLE_RATE } from './tone.ts'

/** Who is heard: an identity in the room, and the pitch by which its tone is told from others. */
export interface Voice {
  readonly identity: string
  readonly hz: number
}

/**
 * What one listener hears, in frames of 10 ms, by who sends the track and by pitch. Times are those of `performance.now()` when a frame arrived
 * here, so they compare with every other time of this process.
 */
export class Meter {
  readonly #heard = new Map<string, number[]>()
  readonly #received = new Map<string, number>()

  /** Listens until the track ends. */
  async follow(track: RemoteTrack, identity: string): Promise<void> {
    if (track.kind !== TrackKind.KIND_AUDIO) return
    for await (const { data } of new AudioStream(track, { sampleRate: SAMPLE_RATE, numChannels: 1, frameSizeMs: FRAME_MS })) {
      this.#received.set(identity, this.framesFrom(identity) + 1)
      const hz = pitchIn(data)
      if (hz !== null) this.#timesOf({ identity, hz }).push(performance.now())
    }
  }

  /** Frames that came from an identity, audible or not. */
  framesFrom(identity: string): number {
    return this.#received.get(identity) ?? 0
  }

  lastHeardAt(voice: Voice): number | null {
    return this.#timesOf(voice).at(-1) ?? null
  }

  firstHeardSince(voice: Voice, time: number): number | null {
    return this.#timesOf(voice).find((at) => at >= time) ?? null
  }

  /** How long it was audible in that time, in ms. */
  heardBetween(voice: Voice, from: number, to: number): number {
    return this.#timesOf(voice).filter((at) => at >= from && at < to).length * FRAME_MS
  }

  /** All whose tone was audible in that time, whoever they are. */
  identitiesHeard(from: number, to: number): string[] {
    const heard = [...this.#heard].filter(([, times]) => times.some((at) => at >= from && at < to))
    return [...new Set(heard.map(([key]) => key.slice(key.indexOf(' ') + 1)))].toSorted()
  }

  #timesOf({ identity, hz }: Voice): number[] {
    const key = `${hz} ${identity}`
    const times = this.#heard.get(key) ?? []
    this.#heard.set(key, times)
    return times
  }
}
