import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Meter, Voice } from './meter.ts'
import type { RtcDevice, Sent } from './rtc-device.ts'
import { FRAME_MS } from './tone.ts'

/** Whoever hears, on whatever client. */
interface Listener {
  readonly identity: string
  readonly meter: Meter
}

/** Opus sends a packet every 20 ms. */
const PACKET_MS = 20
/** A device that is heard is heard in every frame, but for the machine's hiccups. */
const JUST_BEFORE_MS = 300
const HICCUP_MS = 200

/** What was measured is said, since a limit that is kept says little. */
export function measured(what: string, values: Readonly<Record<string, number | readonly number[]>>): void {
  const said = Object.entries(values).map(([name, value]) => `${name} ${describe(value)}`)
  console.info(`  ${what}: ${said.join(', ')}`)
}

function describe(value: number | readonly number[]): string {
  if (typeof value === 'number') return `${value.toFixed(0)} ms`
  const sorted = value.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN).toFixed(0)
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, most ${at(1)} ms of ${sorted.length}`
}

export const sleepUntil = (time: number): Promise<void> => sleep(Math.max(0, time - performance.now()))

/** Waits until each of the listeners hears the speaker; answers how long after `since` the last of them did. */
export async function heardBy(listeners: readonly Listener[], speaker: Voice, since: number, withinMs = 3_000): Promise<number> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const firsts = listeners.map(({ meter }) => meter.firstHeardSince(speaker, since))
    if (firsts.every((first) => first !== null)) return Math.max(...firsts) - since
    if (performance.now() > deadline) {
      const deaf = listeners.filter((_, index) => firsts[index] === null).map(({ identity }) => identity)
      throw new Error(`${speaker.identity} was not heard within ${withinMs} ms by ${deaf.join(', ')}`)
    }
    await sleep(5)
  }
}

/** Nobody of the listeners hears the speaker in that time. */
export function expectSilence(listeners: readonly Listener[], speaker: Voice, from: number, to = performance.now()): void {
  for (const { meter, identity } of listeners)
    expect(meter.heardBetween(speaker, from, to), `${identity} hears ${speaker.identity}, in ms`).toBe(0)
}

/** The latest moment at which any of the listeners heard the speaker. */
export function lastHeard(listeners: readonly Listener[], speaker: Voice): number {
  return Math.max(...listeners.map(({ meter }) => meter.lastHeardAt(speaker) ?? Number.NEGATIVE_INFINITY))
}

/**
 * The speaker's right ends at `endsAt`, which may lie ahead, and it takes no notice. It must have been audible right until then. Answers how
 * long after that it was audible still, of the time that is watched, and what it sent in that time.
 */
export async function audibleAfter(listeners: readonly Listener[], speaker: RtcDevice, endsAt: number, watchMs = 1_500) {
  await sleepUntil(endsAt)
  const before = await speaker.sent()
  await sleepUntil(endsAt + watchMs)
  for (const { meter, identity } of listeners)
    expect(
      meter.heardBetween(speaker, endsAt - JUST_BEFORE_MS, endsAt),
      `${identity} must have heard ${speaker.identity} until then`,
    ).toBeGreaterThan(JUST_BEFORE_MS - HICCUP_MS)
  return { audibleMs: Math.max(0, lastHeard(listeners, speaker) - endsAt), before, after: await speaker.sent() }
}

/** What a device sends that takes no notice of anything: it was silenced, it did not fall silent. */
export function expectSending(before: Sent, after: Sent, ms: number): void {
  expect(after.frames - before.frames, 'frames captured').toBeGreaterThan((ms - HICCUP_MS) / FRAME_MS / 2)
  expect(after.packets - before.packets, 'packets sent').toBeGreaterThan((ms - HICCUP_MS) / PACKET_MS / 2)
}
