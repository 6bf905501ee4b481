import { hash } from 'node:crypto'
import type { Fate } from './fate.ts'
import type { Model } from './wgl.ts'

/**
 * The floor of one group as its clients see it: one holder, tokens that grow, requests that are granted once. Presses of equal rank that do
 * not wait, so what is left of src/realtime/SPEC.md are its sections 1 to 6.
 */

export type Asked =
  | { readonly kind: 'press'; readonly device: string; readonly requestId: string; readonly burstId: string }
  | { readonly kind: 'release'; readonly device: string; readonly requestId: string }
  | { readonly kind: 'renew'; readonly device: string; readonly burstId: string }
  | { readonly kind: 'read' }

/** What a client was answered: every answer names who holds the floor then. */
export interface Answered {
  /** GRANTED, DENIED, ENDED or CANCELLED; or whether it was released or renewed. */
  readonly outcome: string
  /** GRANTED and ENDED. */
  readonly burstId: string | null
  readonly holder: string | null
}

export type Operation =
  /** `answered`: or, if nobody knows whether it was done, what must have become of it. */
  | { readonly asked: Asked; readonly answered: Answered | Exclude<Fate, 'NONE'>; readonly serial: number }
  /** The lease that began with this operation runs out. */
  | { readonly lapse: number }
  /** The engine ends what a failed press began. */
  | { readonly abandon: string }

interface Holder {
  readonly burstId: string
  readonly device: string
  /** The names of its request; the last is the one that counts. */
  readonly names: readonly string[]
  /** The operation with which its lease began. */
  readonly leaseFrom: number
  /** Somebody knows of it: a renewal, or a repeat of the request. */
  readonly takenUp: boolean
}

type Request =
  | { readonly is: 'HOLDING' | 'DENIED' | 'CANCELLED' }
  /** `engaged`: under this name, and not under an earlier one. */
  | { readonly is: 'ENDED'; readonly burstId: string; readonly engaged: boolean }

export interface Floor {
  readonly holder: Holder | null
  readonly token: bigint
  readonly requests: ReadonlyMap<string, Request>
  /** Stands for all requests, so that two floors are compared quickly. */
  readonly imprint: bigint
  /** The names of requests that are named more than once. The others need not be remembered. */
  readonly isAskedAgain: ReadonlySet<string>
}

/** The names by which requests are remembered: the same word from another device is another request. */
const nameOf = ({ device, requestId }: { readonly device: string; readonly requestId: string }) => `${device} ${requestId}`

export interface Told {
  /** The fencing token of each burst that anybody was told of. */
  readonly tokens: ReadonlyMap<string, bigint>
  readonly asked: readonly Asked[]
}

export const floorModel = ({ tokens, asked }: Told): Model<Floor, Operation> => ({
  initial: { holder: null, token: 0n, requests: new Map(), imprint: 0n, isAskedAgain: askedAgain(asked) },
  // What was not answered may be done later. The engine may end what a press began that is placed later; a lease is over by its time.
  isCertain: (operation) => 'lapse' in operation || ('answered' in operation && operation.answered !== 'OPEN'),
  key: ({ holder, token, imprint }) => {
    const { burstId, leaseFrom, takenUp, names } = holder ?? { burstId: '', leaseFrom: '', takenUp: '', names: [] }
    return [burstId, leaseFrom, takenUp, names, token, imprint].join()
  },
  step: (floor, operation) => {
    if ('lapse' in operation) return [floor.holder?.leaseFrom === operation.lapse ? ended(floor) : floor]
    if ('abandon' in operation) {
      const { holder } = floor
      return [holder?.burstId === operation.abandon && !holder.takenUp ? ended(floor) : floor]
    }
    const { after, answer } = done(floor, operation.asked, operation.serial)
    const begun = after.holder && after.holder.burstId !== floor.holder?.burstId ? after.holder.burstId : null
    const token = begun === null ? undefined : tokens.get(begun)
    if (token !== undefined && token <= floor.token) return []
    const then = token === undefined ? after : { ...after, token }
    const { answered } = operation
    if (answered === 'OPEN') return then.holder === floor.holder || begun !== null ? [floor, then] : [then, floor]
    if (answered === 'GRANTED') return begun === null ? [] : [then]
    if (answered === 'DENIED') return answer.outcome === 'DENIED' ? [then] : []
    return isEqual(answered, { ...answer, holder: then.holder?.burstId ?? null }) ? [then] : []
  },
})

function askedAgain(asked: readonly Asked[]): ReadonlySet<string> {
  const names = asked.flatMap((one) => ('requestId' in one ? [nameOf(one)] : []))
  const seen = new Set<string>()
  return new Set(names.filter((name) => seen.has(name) || !seen.add(name)))
}

const isEqual = (one: Answered, other: Answered) =>
  one.outcome === other.outcome && one.burstId === other.burstId && one.holder === other.holder

interface Done {
  readonly after: Floor
  readonly answer: Omit<Answered, 'holder'>
}

const answer = (outcome: string | boolean, burstId: string | null = null) => ({ outcome: String(outcome), burstId })

function done(floor: Floor, asked: Asked, serial: number): Done {
  if (asked.kind === 'press') return pressed(floor, asked, serial)
  if (asked.kind === 'release') return released(floor, nameOf(asked))
  if (asked.kind === 'read') return { after: floor, answer: answer('READ') }
  const renewed = floor.holder?.burstId === asked.burstId && floor.holder.device === asked.device
  return { after: renewed ? takenUp(floor, serial) : floor, answer: answer(renewed) }
}

function pressed(floor: Floor, press: Extract<Asked, { kind: 'press' }>, serial: number): Done {
  const { burstId, device } = press
  const name = nameOf(press)
  const known = floor.requests.get(name)
  const { holder } = floor
  if (known?.is === 'HOLDING') return { after: takenUp(floor, serial), answer: answer('GRANTED', holder?.burstId) }
  if (known) return { after: floor, answer: answer(known.is, 'burstId' in known ? known.burstId : null) }
  if (holder?.device === device) {
    const renamed = { ...remembering(floor, name, { is: 'HOLDING' }), holder: { ...holder, names: [...holder.names, name] } }
    return { after: takenUp(renamed, serial), answer: answer('GRANTED', holder.burstId) }
  }
  if (holder) return { after: remembering(floor, name, { is: 'DENIED' }), answer: answer('DENIED') }
  const granted = { burstId, device, names: [name], leaseFrom: serial, takenUp: false }
  return { after: { ...remembering(floor, name, { is: 'HOLDING' }), holder: granted }, answer: answer('GRANTED', burstId) }
}

function released(floor: Floor, name: string): Done {
  const known = floor.requests.get(name)
  if (!known) return { after: remembering(floor, name, { is: 'CANCELLED' }), answer: answer(false) }
  if (known.is === 'HOLDING' && floor.holder?.names.at(-1) === name) return { after: ended(floor), answer: answer(true) }
  return { after: floor, answer: answer(known.is === 'ENDED' && known.engaged) }
}

function ended(floor: Floor): Floor {
  if (!floor.holder) throw new Error('nobody holds the floor')
  const { burstId, names } = floor.holder
  const free = { ...floor, holder: null }
  return names.reduce<Floor>((left, name, n) => remembering(left, name, { is: 'ENDED', burstId, engaged: n === names.length - 1 }), free)
}

function takenUp(floor: Floor, serial: number): Floor {
  return floor.holder ? { ...floor, holder: { ...floor.holder, leaseFrom: serial, takenUp: true } } : floor
}

function remembering(floor: Floor, name: string, request: Request): Floor {
  if (!floor.isAskedAgain.has(name)) return floor
  const imprint = floor.imprint ^ imprintOf(name, floor.requests.get(name)) ^ imprintOf(name, request)
  return { ...floor, requests: new Map(floor.requests).set(name, request), imprint }
}

const imprintOf = (name: string, request: Request | undefined) =>
  request ? BigInt(`0x${hash('sha1', `${name} ${JSON.stringify(request)}`).slice(0, 24)}`) : 0n
