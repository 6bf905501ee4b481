import type { SpeakerChangedSubscription } from '../generated/operations.ts'

export type FloorEvent = SpeakerChangedSubscription['speakerChanged']

const nameOf = ({ floor }: FloorEvent) => `${floor.epoch} ${floor.sequence}`

/** What an event says, without what differs from reader to reader: the instant of a snapshot. */
function saying({ kind, floor: { state, burst, queueLength }, previous }: FloorEvent): string {
  const ended = previous && `${previous.id} ${previous.endReason} ${previous.endedAt}`
  return JSON.stringify({ kind, state, burst: burst?.id ?? null, queueLength, ended })
}

const standing = ({ floor: { state, burst, queueLength } }: FloorEvent) => JSON.stringify({ state, burst: burst?.id ?? null, queueLength })

/**
 * What one reader heard of one floor, judged: no gap, no repeat, no step back but behind a SNAPSHOT that says so; each event follows from the
 * one before; fencing tokens only grow. `after` is the sequence from which it went on.
 */
export function judge(events: readonly FloorEvent[], after?: { readonly epoch: string; readonly sequence: number }): void {
  let at: { epoch: string; sequence: number } | null = after ?? null
  let burst: string | null | undefined
  let token = 0n
  for (const event of events) {
    const { floor, kind, previous } = event
    const where = `${kind} ${nameOf(event)}`
    if (kind === 'SNAPSHOT') {
      const goesOn = !at || (at.epoch === floor.epoch && at.sequence === floor.sequence)
      if (!event.gap && !goesOn) throw new Error(`${where} follows ${at?.epoch} ${at?.sequence} without a word of a gap`)
      if (at && at.epoch === floor.epoch && floor.sequence < at.sequence) throw new Error(`${where} goes back from ${at.sequence}`)
      burst = floor.burst?.id ?? null
    } else {
      if (at && (at.epoch !== floor.epoch || at.sequence + 1 !== floor.sequence))
        throw new Error(`${where} follows ${at.epoch} ${at.sequence}`)
      const ended = burst !== undefined && burst !== null && floor.burst?.id !== burst ? burst : null
      if (burst !== undefined && (previous?.id ?? null) !== ended) throw new Error(`${where} ends ${previous?.id}, and ${ended} ran`)
      burst = floor.burst?.id ?? null
    }
    at = { epoch: floor.epoch, sequence: floor.sequence }
    if ((floor.state === 'TAKEN' || floor.state === 'PENDING_REVOKE') !== (burst !== null)) throw new Error(`${where} is ${floor.state}`)
    const granted = BigInt(floor.burst?.fencingToken ?? token)
    if (granted < token) throw new Error(`${where}: the fencing token fell from ${token} to ${granted}`)
    token = granted
  }
}

/** Several readers of one floor were told one truth: the same number means the same, and a burst has one end. */
export function agree(readers: readonly (readonly FloorEvent[])[]): void {
  const said = new Map<string, string>()
  const stood = new Map<string, string>()
  const ends = new Map<string, string>()
  for (const event of readers.flat()) {
    const name = nameOf(event)
    sameOf(stood, name, standing(event), 'the floor')
    if (event.kind !== 'SNAPSHOT') sameOf(said, name, saying(event), 'the event')
    const { previous } = event
    if (previous) sameOf(ends, previous.id, `${previous.endReason} ${previous.endedAt} at ${name}`, 'the end of the burst')
  }
}

function sameOf(known: Map<string, string>, name: string, now: string, what: string) {
  const before = known.get(name)
  if (before !== undefined && before !== now) throw new Error(`${what} ${name} is told as ${before} and as ${now}`)
  known.set(name, now)
}
