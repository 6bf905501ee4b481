/**
 * Whether what clients saw can be put into one order in which each operation took effect at one instant between its call and its return: the
 * algorithm of Wing, Gong and Lowe, with the memory of Horn and Kroening (as in porcupine).
 */

export interface Timed<Operation> {
  readonly operation: Operation
  readonly call: number
  /** By when it has taken effect; Infinity if that is not known. */
  readonly ret: number
}

export interface Model<State, Operation> {
  readonly initial: State
  /** Every state that the operation, as it was seen, may leave behind; none if it cannot have happened here. */
  step(state: State, operation: Operation): readonly State[]
  /** The same for equal states, and for those alone. */
  key(state: State): string
  /** An operation that was done for certain, and that would never do anything if it does nothing now. */
  isCertain(operation: Operation): boolean
}

export type Verdict<State, Operation> =
  | { readonly kind: 'LINEARIZABLE'; readonly steps: number }
  /** The furthest that an order reached: what it left behind, and the operation that does not fit in. UNDECIDED: it took too long. */
  | {
      readonly kind: 'NOT_LINEARIZABLE' | 'UNDECIDED'
      readonly steps: number
      readonly reached: number
      readonly state: State
      readonly at: Timed<Operation>
    }

/** The call or the return of an operation, in a list from which what has found its place is lifted. */
interface Entry {
  readonly isCall: boolean
  readonly index: number
  /** Of a call: its return. */
  return: Entry | null
  before: Entry | null
  next: Entry | null
}

interface Placed<State> {
  readonly entry: Entry
  readonly before: State
  readonly alternative: number
  /** It has changed nothing and will not: wherever else it could be placed, it could be placed here. */
  readonly isFinal: boolean
}

const MOST_STEPS = 1_000_000

export function check<State, Operation>(
  history: readonly Timed<Operation>[],
  model: Model<State, Operation>,
  mostSteps = MOST_STEPS,
): Verdict<State, Operation> {
  const first = listOf(history)
  const placed: Placed<State>[] = []
  const seen = new Set<string>()
  const isPlaced = new Uint32Array((history.length >> 5) + 1)
  const flip = ({ index }: Entry) => {
    isPlaced[index >> 5] = (isPlaced[index >> 5] ?? 0) ^ (1 << (index & 31))
  }
  const isKnown = ({ index }: Entry) => Number.isFinite(history[index]?.ret)
  let left = history.filter(({ ret }) => Number.isFinite(ret)).length
  let [state, entry, alternative, steps] = [model.initial, first.next, 0, 0]
  let furthest = { reached: -1, state, at: history[0] as Timed<Operation> }

  /** The next state that this operation can leave behind, and that no other order has led to. */
  const place = (call: Entry): boolean => {
    const { operation } = history[call.index] as Timed<Operation>
    const states = model.step(state, operation)
    flip(call)
    for (let n = alternative; n < states.length; n++) {
      const after = states[n] as State
      const isFinal = after === state && model.isCertain(operation)
      const key = isFinal ? '' : `${isPlaced.join()}|${model.key(after)}`
      if (seen.has(key)) continue
      if (!isFinal) seen.add(key)
      placed.push({ entry: call, before: state, alternative: n, isFinal })
      state = after
      return true
    }
    flip(call)
    return false
  }

  /** The last that could be elsewhere too. */
  const takeBack = (): Placed<State> | undefined => {
    for (let last = placed.pop(); last; last = placed.pop()) {
      flip(last.entry)
      putBack(last.entry)
      if (isKnown(last.entry)) left++
      if (!last.isFinal) return last
    }
    return undefined
  }

  while (left > 0) {
    if (++steps > mostSteps) return { kind: 'UNDECIDED', steps, ...furthest }
    if (!entry) throw new Error('the list has no end')
    if (entry.isCall && place(entry)) {
      lift(entry)
      if (isKnown(entry)) left--
      entry = first.next
      alternative = 0
    } else if (entry.isCall) {
      entry = entry.next
      alternative = 0
    } else {
      // It has returned and has no place: something that was placed before it must go elsewhere.
      if (placed.length > furthest.reached) furthest = { reached: placed.length, state, at: history[entry.index] as Timed<Operation> }
      const last = takeBack()
      if (!last) return { kind: 'NOT_LINEARIZABLE', steps, ...furthest }
      entry = last.entry
      state = last.before
      alternative = last.alternative + 1
    }
  }
  return { kind: 'LINEARIZABLE', steps }
}

/** Every call and return by its instant, behind an empty first entry. What returns at an instant at which something is called returns later. */
function listOf(history: readonly Timed<unknown>[]): Entry {
  const entries = history.flatMap(({ call, ret }, index) => {
    const entry = (isCall: boolean): Entry => ({ isCall, index, return: null, before: null, next: null })
    const [called, returned] = [entry(true), entry(false)]
    called.return = returned
    return [
      { at: call, entry: called },
      { at: ret, entry: returned },
    ]
  })
  const inOrder = entries.toSorted((one, other) => compare(one.at, other.at) || Number(other.entry.isCall) - Number(one.entry.isCall))
  const first: Entry = { isCall: false, index: -1, return: null, before: null, next: null }
  let last = first
  for (const { entry } of inOrder) {
    entry.before = last
    last.next = entry
    last = entry
  }
  return first
}

/** Infinity minus itself is no number. */
const compare = (one: number, other: number) => (one === other ? 0 : one - other)

function lift(call: Entry) {
  for (const entry of [call, call.return]) {
    if (entry?.before) entry.before.next = entry.next
    if (entry?.next) entry.next.before = entry.before
  }
}

/** In the opposite order of the lifting. */
function putBack(call: Entry) {
  for (const entry of [call.return, call]) {
    if (entry?.before) entry.before.next = entry
    if (entry?.next) entry.next.before = entry
  }
}
