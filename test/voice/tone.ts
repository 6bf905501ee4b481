import { AudioFrame } from '@livekit/rtc-node'

export const SAMPLE_RATE = 48_000
/** The audio is made and looked at in pieces of this length. */
export const FRAME_MS = 10
const FRAME = (SAMPLE_RATE * FRAME_MS) / 1_000
const AMPLITUDE = 12_000
/** A quarter of what a whole frame of a tone has. */
const AUDIBLE = AMPLITUDE / 8

/** Each has whole waves in a frame, so that frames fit together, and in a whole frame none is taken for another. */
export const PITCHES = Array.from({ length: 12 }, (_, index) => 500 + 200 * index)

/** One frame of a tone. */
export function toneFrame(hz: number): AudioFrame {
  const frame = AudioFrame.create(SAMPLE_RATE, 1, FRAME)
  for (let index = 0; index < FRAME; index++) frame.data[index] = Math.round(AMPLITUDE * Math.sin((2 * Math.PI * hz * index) / SAMPLE_RATE))
  return frame
}

/** The pitch that is heard in a frame; null in silence. */
export function pitchIn(samples: Int16Array): number | null {
  const levels = PITCHES.map((hz) => ({ hz, level: levelAt(hz, samples) }))
  const loudest = levels.reduce((most, one) => (one.level > most.level ? one : most))
  return loudest.level > AUDIBLE ? loudest.hz : null
}

/** How much of one frequency there is (Goertzel): half the amplitude of a pure tone. */
function levelAt(hz: number, samples: Int16Array): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / SAMPLE_RATE)
  let last = 0
  let beforeLast = 0
  for (const sample of samples) {
    const next = sample + coefficient * last - beforeLast
    beforeLast = last
    last = next
  }
  return Math.sqrt(Math.max(0, last * last + beforeLast * beforeLast - coefficient * last * beforeLast)) / samples.length
}
