import { DEADLINES, type Fault, QUEUE_RULES, REQUEST_RULES } from './fault.ts'

/** Pre-emption and its grace. */
export const priorityFaults: readonly Fault[] = [
  {
    rule: '8.2',
    name: 'a renaming changes the priority of a burst',
    file: REQUEST_RULES,
    find: 't.set({ holder: { ...holder, requestIds: [...holder.requestIds, press.requestId] } })',
    replace: `const burst = { ...holder.burst, priority: press.priority }
  t.set({ holder: { ...holder, burst, requestIds: [...holder.requestIds, press.requestId] } })`,
  },
  {
    rule: '8.3',
    name: 'equal priority pre-empts',
    file: REQUEST_RULES,
    find: 'if (outranks(press.priority, inTheWay)) return cutOff(',
    replace: 'if (!outranks(inTheWay, press.priority)) return cutOff(',
  },
  {
    rule: '8.4',
    name: 'there is no grace',
    file: REQUEST_RULES,
    find: "const graceMs = press.priority === 'EMERGENCY' ? 0 : press.preemptGraceMs",
    replace: 'const graceMs = 0',
  },
  {
    rule: '8.5',
    name: 'the holder is not told that it is cut off',
    file: REQUEST_RULES,
    find: '  const isFirst = t.state.preemption === null\n',
    replace: '  const isFirst = false\n',
  },
  {
    rule: '8.6',
    name: 'no pre-emption where the queue is off',
    file: REQUEST_RULES,
    find: 'if (outranks(press.priority, inTheWay)) return cutOff(',
    replace: 'if (outranks(press.priority, inTheWay) && press.queueCapacity > 0) return cutOff(',
  },
  {
    rule: '8.7',
    name: 'the grace never ends',
    file: DEADLINES,
    find: "    consider(preemption?.graceUntil ?? null, (t) => endBurst(t, 'PREEMPTED'))\n",
    replace: '',
  },
  {
    rule: '8.8',
    name: 'a release during the grace serves the queue before the pre-emptor',
    file: QUEUE_RULES,
    find: '  if (preemption) {\n',
    replace: '  if (preemption && queue.length === 0) {\n',
  },
  {
    rule: '8.9',
    name: 'a press above the holder replaces a pre-emptor of its own rank',
    file: REQUEST_RULES,
    find: 'const inTheWay = t.state.preemption?.by.priority ?? holder.burst.priority',
    replace: 'const inTheWay = holder.burst.priority',
  },
  {
    rule: '8.9',
    name: 'a replaced pre-emptor is dropped though it asked to wait',
    file: QUEUE_RULES,
    find: 'if (former.by.queue && hasRoom(t, former.by)) enqueue(',
    replace: 'if (former.by.queue && former.by.queueCapacity === 0) enqueue(',
  },
  {
    rule: '8.9',
    name: 'a replaced pre-emptor waits though it did not ask to',
    file: QUEUE_RULES,
    find: 'if (former.by.queue && hasRoom(t, former.by)) enqueue(',
    replace: 'if (hasRoom(t, former.by)) enqueue(',
  },
  {
    rule: '8.10',
    name: 'the grace is restarted by a replacement',
    file: QUEUE_RULES,
    find: 'graceUntil: Math.min(graceUntil, former?.graceUntil ?? graceUntil)',
    replace: 'graceUntil',
  },
  {
    rule: '8.10',
    name: 'the holder is told again with each replacement',
    file: REQUEST_RULES,
    find: '  if (isFirst)\n',
    replace: '',
  },
  {
    rule: '8.12',
    name: "the pre-emptor's withdrawal ends the burst",
    file: REQUEST_RULES,
    find: '    withdraw(t, waiter)\n',
    replace: `    const cutsOff = t.state.preemption?.by === waiter
    withdraw(t, waiter)
    if (cutsOff) endBurst(t, 'PREEMPTED')
`,
  },
  {
    rule: '8.13',
    name: 'who was pre-empted waits for its turn again',
    file: DEADLINES,
    find: "(t) => endBurst(t, 'PREEMPTED')",
    replace: `(t) => {
      if (!preemption) return
      const { id, speaker: person, sessionId, priority } = holder.burst
      const { requestIds, connectionId } = holder
      t.set({ queue: [...queue, { ...preemption.by, burstId: id, person, sessionId, priority, requestIds, connectionId }] })
      endBurst(t, 'PREEMPTED')
    }`,
  },
  {
    rule: '8.14',
    name: 'a cut without grace tells of no burst before',
    file: REQUEST_RULES,
    find: "return granted(t, press, grant(t, entry, clearHolder(t, 'PREEMPTED'), null))",
    replace: "clearHolder(t, 'PREEMPTED')\n    return granted(t, press, grant(t, entry, null, null))",
  },
  {
    rule: '8.15',
    name: 'an emergency waits out the grace',
    file: REQUEST_RULES,
    find: "const graceMs = press.priority === 'EMERGENCY' ? 0 : press.preemptGraceMs",
    replace: 'const graceMs = press.preemptGraceMs',
  },
]
