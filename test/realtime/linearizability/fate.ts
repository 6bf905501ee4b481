import { LEASE_MS } from '../../../src/realtime/engine.ts'
import type { Answered, Asked } from './floor-model.ts'

/** Two clocks, whole milliseconds in one of them. */
export const CLOCKS_DIFFER_MS = 20

/** An operation that a client began, and what it was answered: null if it never learned whether it was done. */
export interface Done {
  readonly asked: Asked
  readonly answered: Answered | null
  readonly call: number
  readonly ret: number
}

/** NONE: as if it had never been asked. OPEN: nobody can tell. */
export type Fate = 'NONE' | 'GRANTED' | 'DENIED' | 'OPEN'

/**
 * What became of an operation without an answer, as far as later answers tell: how its request fared, and whether its burst was heard of. It
 * takes nothing from the check; without it the check would have to try every combination of what may have been.
 */
export function fateOf(doubt: Done, by: number, all: readonly Done[], isHeardOf: (burstId: string) => boolean): Fate {
  const { asked } = doubt
  if (asked.kind !== 'press' && asked.kind !== 'release') return 'OPEN'
  const others = all.filter(({ asked: other }) => isSameRequest(asked, other)).filter((other) => other !== doubt)
  const next = others.filter(({ answered, call }) => answered && call > doubt.call).toSorted((one, other) => one.call - other.call)[0]
  const isLast = next === others.findLast(({ answered }) => answered !== null)
  // Had it been done, this request would not have been granted as a new one later.
  if (next?.asked.kind === 'press' && next.call >= by && isNewGrant(next)) return 'NONE'
  if (asked.kind === 'release') return 'OPEN'
  if (isHeardOf(asked.burstId)) return 'GRANTED'
  if (mayHold(doubt, by, all, isHeardOf)) return 'OPEN'
  if (!next) return 'NONE'
  const isOnlyDoubt = others.every(({ answered }) => answered !== null)
  if (next.asked.kind === 'press' && next.answered?.outcome === 'DENIED') {
    // The floor was taken then too: it makes no difference which of the two was refused first.
    if (next.answered.holder !== null) return 'NONE'
    return isOnlyDoubt && others[0] === next ? 'DENIED' : 'OPEN'
  }
  // A refused request and one that was taken back look the same to who takes it back, if nobody asks again.
  return next.asked.kind === 'release' && next.answered?.outcome === 'false' && isLast ? 'NONE' : 'OPEN'
}

/** A press of who holds the floor gives the burst that runs another name: of that no burst of its own tells. */
function mayHold(doubt: Done, by: number, all: readonly Done[], isHeardOf: (burstId: string) => boolean): boolean {
  const own = all.filter(
    (other) => other !== doubt && 'device' in other.asked && 'device' in doubt.asked && other.asked.device === doubt.asked.device,
  )
  const began = own.filter(({ asked, answered, call }) => call < by && isGrant(asked, answered, isHeardOf))
  const last = Math.max(...began.map(({ ret }) => ret))
  const isOver = own.some(
    ({ asked, answered, call, ret }) => asked.kind === 'release' && answered?.outcome === 'true' && call >= last && ret <= doubt.call,
  )
  return !isOver && last + LEASE_MS + CLOCKS_DIFFER_MS > doubt.call
}

function isGrant(asked: Asked, answered: Answered | null, isHeardOf: (burstId: string) => boolean): boolean {
  if (asked.kind === 'renew') return answered === null || answered.outcome === 'true'
  return asked.kind === 'press' && (answered ? answered.outcome === 'GRANTED' : isHeardOf(asked.burstId))
}

const isSameRequest = (one: Extract<Asked, { requestId: string }>, other: Asked) =>
  'requestId' in other && other.device === one.device && other.requestId === one.requestId

const isNewGrant = ({ asked, answered }: Done) =>
  asked.kind === 'press' && answered?.outcome === 'GRANTED' && answered.burstId === asked.burstId
