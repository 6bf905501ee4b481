import { BURST_RULES, DEADLINES, DECIDE, type Fault, PRESENCE_RULES, QUEUE_RULES, REQUEST_RULES, RIGHTS_RULES, STATE } from './fault.ts'

/** Who waits, in which order, and how the floor is handed on. */
export const queueFaults: readonly Fault[] = [
  {
    rule: '9.1',
    name: 'a press waits uninvited',
    file: REQUEST_RULES,
    find: 'if (!press.queue || press.queueCapacity === 0) return',
    replace: 'if (press.queueCapacity === 0) return',
  },
  {
    rule: '9.2',
    name: 'the queue is unordered',
    file: QUEUE_RULES,
    find: 'toSpliced(place === -1 ? t.state.queue.length : place, 0, waiter)',
    replace: 'toSpliced(t.state.queue.length, 0, waiter)',
  },
  {
    rule: '9.2',
    name: 'of one rank, the last to come is served first',
    file: QUEUE_RULES,
    find: 'one.arrival < other.arrival',
    replace: 'one.arrival > other.arrival',
  },
  {
    rule: '9.2',
    name: 'arrival is when an entry comes into the queue',
    file: QUEUE_RULES,
    find: ' || (one.priority === other.priority && one.arrival < other.arrival)',
    replace: '',
  },
  {
    rule: '9.3',
    name: 'a full queue bumps its last',
    file: REQUEST_RULES,
    find: "  if (!hasRoom(t, entry)) return deny(t, press, { reason: 'QUEUE_FULL', retryAt })\n",
    replace: `  const last = t.state.queue.at(-1)
  if (!hasRoom(t, entry) && last && outranks(press.priority, last.priority)) withdraw(t, last)
  if (!hasRoom(t, entry)) return deny(t, press, { reason: 'QUEUE_FULL', retryAt })
`,
  },
  {
    rule: '9.3',
    name: 'the queue has no limit',
    file: REQUEST_RULES,
    find: "  if (!hasRoom(t, entry)) return deny(t, press, { reason: 'QUEUE_FULL', retryAt })\n",
    replace: '',
  },
  {
    rule: '9.3',
    name: 'a queue that is off answers that it is full',
    file: REQUEST_RULES,
    find: 'if (!press.queue || press.queueCapacity === 0) return',
    replace: 'if (!press.queue) return',
  },
  {
    rule: '9.3',
    name: 'the pre-emptor takes a place of the queue',
    file: QUEUE_RULES,
    find: '=> t.state.queue.length < queueCapacity',
    replace: '=> waiting(t.state).length < queueCapacity',
  },
  {
    rule: '9.4',
    name: 'queue without dedupe',
    file: REQUEST_RULES,
    find: '  if (waiter) return renameInQueue(t, press, waiter)\n',
    replace: '',
  },
  {
    rule: '9.5',
    name: 'positions are not pushed',
    file: DECIDE,
    find: '  tellPositions(t, state)\n',
    replace: '',
  },
  {
    rule: '9.5',
    name: 'who kept its position is told as well',
    file: DECIDE,
    find: 'if (place !== undefined && place !== index + 1)',
    replace: 'if (place !== undefined)',
  },
  {
    rule: '9.6',
    name: 'an entry that ends is no event',
    file: QUEUE_RULES,
    find: "    t.set({ queue: queue.filter((one) => one !== waiter) })\n    t.tellFloor('QUEUE', null)\n",
    replace: '    t.set({ queue: queue.filter((one) => one !== waiter) })\n',
  },
  {
    rule: '9.6',
    name: 'queueLength leaves the pre-emptor out',
    file: STATE,
    find: 'queueLength: waiting(state).length',
    replace: 'queueLength: state.queue.length',
  },
  {
    rule: '9.7',
    name: 'an idle in between',
    file: BURST_RULES,
    find: '  const { burst } = grant(t, next, ended, t.now + ACCEPT_WITHIN_MS)\n',
    replace: "  t.tellFloor('IDLE', ended)\n  const { burst } = grant(t, next, null, t.now + ACCEPT_WITHIN_MS)\n",
  },
  {
    rule: '9.8',
    name: 'who has left still waits',
    file: PRESENCE_RULES,
    find: '  if (waiter) withdraw(t, waiter)\n',
    replace: '',
  },
  {
    rule: '9.8',
    name: 'a closing connection ends an entry',
    file: RIGHTS_RULES,
    find: '  shortenPresence(t, sessionId)\n',
    replace: `  for (const waiter of waiting(t.state)) if (waiter.connectionId === connectionId) dismiss(t, waiter, 'RETRY_AFTER')
  shortenPresence(t, sessionId)
`,
  },
  {
    rule: '9.9',
    name: 'an entry waits for ever',
    file: DEADLINES,
    find: "  for (const waiter of queue) consider(waiter.expiresAt, (t) => dismiss(t, waiter, 'RETRY_AFTER', t.now))\n",
    replace: '',
  },
  {
    rule: '9.9',
    name: 'an entry ends without a word to its device',
    file: QUEUE_RULES,
    find: "  t.tellDevice({ to: waiter.sessionId, kind: 'DENIED', requestId: waiter.requestIds.at(-1), denyReason: reason })\n",
    replace: '',
  },
  {
    rule: '9.10',
    name: 'an entry ends before the burst of the same instant',
    file: DEADLINES,
    find: "    consider(holder.leaseUntil, (t) => endBurst(t, 'CONNECTION_LOST'))\n  }\n",
    replace: `    for (const waiter of queue)
      if (waiter.expiresAt <= holder.leaseUntil && waiter.expiresAt <= expiresAt)
        return { at: waiter.expiresAt, fall: (t) => dismiss(t, waiter, 'RETRY_AFTER') }
    consider(holder.leaseUntil, (t) => endBurst(t, 'CONNECTION_LOST'))
  }
`,
  },
  {
    rule: '9.11',
    name: 'a renewal does not acknowledge',
    file: BURST_RULES,
    find: 'leaseUntil: t.now + LEASE_MS, connectionId, startBy: null }',
    replace: 'leaseUntil: t.now + LEASE_MS, connectionId }',
  },
  {
    rule: '9.11',
    name: 'the answer to a press must be acknowledged as well',
    file: REQUEST_RULES,
    find: 'granted(t, press, grant(t, asWaiter(t, press), null, null))',
    replace: 'granted(t, press, grant(t, asWaiter(t, press), null, t.now + 2_000))',
  },
  {
    rule: '9.12',
    name: 'NOT_STARTED is not enforced',
    file: DEADLINES,
    find: "    consider(holder.startBy, (t) => endBurst(t, 'NOT_STARTED'))\n",
    replace: '',
  },
  {
    rule: '9.12',
    name: 'a burst that never started has a duration',
    file: BURST_RULES,
    find: "const endedAt = endReason === 'NOT_STARTED' ? startedAt : Math.max(t.now, startedAt)",
    replace: 'const endedAt = Math.max(t.now, startedAt)',
  },
  {
    rule: '9.14',
    name: 'a lapse of presence ends the burst',
    file: DEADLINES,
    find: 'consider(lapse.until, (t) => depart(t, lapse.sessionId))',
    replace: `consider(lapse.until, (t) => {
      depart(t, lapse.sessionId)
      if (t.state.holder?.burst.sessionId === lapse.sessionId) endBurst(t, 'CONNECTION_LOST')
    })`,
  },
]
