import type { Stage } from './stage.ts'

/** A fault or a race, and what must be true in spite of it. It passes when nothing is thrown and every reader's story holds. */
export interface Scenario {
  readonly name: string
  readonly lane: Lane
  readonly play: (stage: Stage) => Promise<void>
}

/**
 * What may run beside it. PATIENT waits for leases and limits most of the time; BUSY does much at once; ALONE bends what all share, such as an
 * instance's way to Redis.
 */
type Lane = 'PATIENT' | 'BUSY' | 'ALONE'

type Make = (name: string, play: Scenario['play']) => Scenario

export const patient: Make = (name, play) => ({ name, lane: 'PATIENT', play })
export const busy: Make = (name, play) => ({ name, lane: 'BUSY', play })
export const alone: Make = (name, play) => ({ name, lane: 'ALONE', play })
