import { BURST_RULES, type Fault, HUB, MEMORY_ENGINE, STREAM, TRANSITION } from './fault.ts'

const HUB_TESTS: readonly string[] = ['test/realtime/hub.test.ts']

/** Numbers, snapshots, streams and their readers. */
export const eventFaults: readonly Fault[] = [
  {
    rule: '14.1',
    name: 'floor and presence share their numbers',
    file: TRANSITION,
    find: 'this.set({ presenceSequence: this.state.presenceSequence + 1 })',
    replace: `const next = Math.max(this.state.floorSequence, this.state.presenceSequence) + 1
    this.set({ presenceSequence: next, floorSequence: next })`,
  },
  {
    rule: '14.2',
    name: 'an event does not carry the burst',
    file: TRANSITION,
    find: 'kind, floor: this.floor(), previous }',
    replace: 'kind, floor: { ...this.floor(), burst: null }, previous }',
  },
  {
    rule: '14.2',
    name: 'an event carries the floor as it was before it',
    file: TRANSITION,
    find: '    this.set({ floorSequence: this.state.floorSequence + 1 })\n    const { epoch, floorSequence: sequence } = this.state\n',
    replace: `    const { epoch, floorSequence } = this.state
    const sequence = floorSequence + 1
    const floor = this.floor()
    this.set({ floorSequence: sequence })
    this.told.push({ floor: { epoch, sequence, kind, floor, previous } })
    if (sequence) return
`,
  },
  {
    rule: '14.2',
    name: 'an event does not say which burst it ended',
    file: TRANSITION,
    find: 'kind, floor: this.floor(), previous }',
    replace: 'kind, floor: this.floor(), previous: previous && null }',
  },
  {
    rule: '14.3',
    name: 'what is said to one device is heard in all of its groups',
    file: MEMORY_ENGINE,
    find: "else if ('message' in one) this.#messageHub.publish(`${groupId} ${one.message.to}`, one.message)",
    replace:
      "else if ('message' in one) for (const id of this.#groups.keys()) this.#messageHub.publish(`${id} ${one.message.to}`, one.message)",
  },
  {
    rule: '14.4',
    name: 'who is revoked is not told',
    file: BURST_RULES,
    find: "  if (endReason !== 'RELEASED') t.tellDevice(",
    replace: "  if (endReason === 'RELEASED') t.tellDevice(",
  },
  {
    rule: '15.1',
    name: 'snapshot before subscribe',
    file: STREAM,
    find: `  stream.onEnd(await log.subscribe(groupId, hear, lose))
  try {
    stream.start(await log.read(groupId, after))
`,
    replace: `  const read = await log.read(groupId, after)
  stream.onEnd(await log.subscribe(groupId, hear, lose))
  try {
    stream.start(read)
`,
  },
  {
    rule: '15.1',
    name: 'what the snapshot has told is told again',
    file: STREAM,
    find: 'if (event.epoch !== this.#position?.epoch || this.#isTold(event)) return',
    replace: 'if (event.epoch !== this.#position?.epoch) return',
  },
  {
    rule: '15.1',
    name: 'what was missed is not told',
    file: STREAM,
    find: '    this.push(...missed)\n',
    replace: '',
  },
  {
    rule: '15.2',
    name: 'a gap is not announced',
    file: MEMORY_ENGINE,
    find: 'return whole ? { missed, gap: false } : { missed: [], gap: true }',
    replace: 'return whole ? { missed, gap: false } : { missed: [], gap: false }',
  },
  {
    rule: '15.2',
    name: 'a trimmed log is told as if it were whole',
    file: MEMORY_ENGINE,
    find: 'const whole = after.epoch === now.epoch && missed.length === now.sequence - after.sequence',
    replace: 'const whole = after.epoch === now.epoch',
  },
  {
    rule: '15.2',
    name: 'a position of another epoch is taken for one of this',
    file: MEMORY_ENGINE,
    find: 'const whole = after.epoch === now.epoch && missed.length === now.sequence - after.sequence',
    replace: 'const whole = missed.length === now.sequence - after.sequence',
  },
  {
    rule: '15.3',
    name: 'a position ahead of the log is taken for its end',
    file: MEMORY_ENGINE,
    find: 'missed.length === now.sequence - after.sequence',
    replace: 'missed.length >= now.sequence - after.sequence',
  },
  {
    rule: '16.1',
    name: 'a slow reader is kept in memory without bound',
    file: STREAM,
    find: 'if (this.items.length >= BUFFERED_ITEMS) {',
    replace: 'if (this.items.length === Number.POSITIVE_INFINITY) {',
  },
  {
    rule: '16.1',
    name: 'a slow reader is not told that it missed something',
    file: STREAM,
    find: 'this.#resume(snapshot, true)',
    replace: 'this.#resume(snapshot, false)',
  },
  {
    rule: '16.1',
    name: 'a slow reader is ended at once',
    file: STREAM,
    find: "      this.items.length = 0\n      this.#state = 'BEHIND'\n",
    replace: "      this.end('SLOW_CONSUMER')\n",
  },
  {
    rule: '16.2',
    name: 'who never reads is never ended',
    file: STREAM,
    find: "    if (this.#held.length > BUFFERED_ITEMS) this.end('SLOW_CONSUMER')\n",
    replace: '',
  },
  {
    rule: '16.2',
    name: 'messages to who never reads pile up',
    file: STREAM,
    find: "if (this.items.length >= BUFFERED_ITEMS) this.end('SLOW_CONSUMER')\n    else this.push(message)",
    replace: 'this.push(message)',
  },
  {
    rule: '16.3',
    name: 'readers are told within the press',
    file: HUB,
    find: '    setImmediate(() => this.#tell(topic, topic.listeners.values()))\n',
    replace: '    this.#tell(topic, topic.listeners.values())\n',
    tests: HUB_TESTS,
  },
  {
    rule: '16.3',
    name: 'all readers are told before anything else is served',
    file: HUB,
    find: 'const SLICE = 100\n',
    replace: 'const SLICE = 1_000_000\n',
    tests: HUB_TESTS,
  },
]
