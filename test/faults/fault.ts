/** A mistake that somebody could make: one text of one file replaced by another. */
export interface Fault {
  /** The statement of src/realtime/SPEC.md that it breaks, or the part of NEDA that is beyond it. */
  readonly rule: string
  readonly name: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
  /** What vitest is told to run to catch it, where that is not what the engines are tested by. */
  readonly tests?: readonly string[]
}

/** What the specification of the floor does not speak of. */
export const BEYOND: readonly string[] = ['identity', 'wire', 'SDK']

export const ENGINE_TESTS: readonly string[] = [
  'test/realtime/memory.test.ts',
  'test/realtime/stream.test.ts',
  'test/realtime/decide.test.ts',
]

export const BURST_RULES = 'src/realtime/memory/burst-rules.ts'
export const REQUEST_RULES = 'src/realtime/memory/request-rules.ts'
export const REQUEST_RECORDS = 'src/realtime/memory/request-records.ts'
export const QUEUE_RULES = 'src/realtime/memory/queue-rules.ts'
export const RIGHTS_RULES = 'src/realtime/memory/rights-rules.ts'
export const PRESENCE_RULES = 'src/realtime/memory/presence-rules.ts'
export const DEADLINES = 'src/realtime/memory/deadlines.ts'
export const DECIDE = 'src/realtime/memory/decide.ts'
export const TRANSITION = 'src/realtime/memory/transition.ts'
export const STATE = 'src/realtime/memory/state.ts'
export const MEMORY_ENGINE = 'src/realtime/memory/memory-engine.ts'
export const CONSTANTS = 'src/realtime/engine.ts'
export const STREAM = 'src/realtime/stream.ts'
export const HUB = 'src/realtime/hub.ts'
export const RECORDER = 'src/domains/history/recorder.ts'
