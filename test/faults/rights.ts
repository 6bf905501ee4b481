import { BURST_RULES, type Fault, MEMORY_ENGINE, PRESENCE_RULES, REQUEST_RULES, RIGHTS_RULES } from './fault.ts'

/** Revoke, mute, eviction, lost rights, and a group that is deleted. */
const EVICT_WAITERS =
  '  for (const waiter of waiting(t.state)) if (isMeant(waiter.person.id, waiter.sessionId)) depart(t, waiter.sessionId)\n'

export const rightsFaults: readonly Fault[] = [
  {
    rule: '11.1',
    name: 'a revoke does not say by whom',
    file: BURST_RULES,
    find: "if (revoked) endBurst(t, 'REVOKED_BY_MANAGER', by)",
    replace: "if (revoked && by) endBurst(t, 'REVOKED_BY_MANAGER')",
  },
  {
    rule: '11.4',
    name: 'a mute ends nothing',
    file: RIGHTS_RULES,
    find: "  silence(t, userId, 'REVOKED_BY_MANAGER', by, mutedUntil)\n",
    replace: '',
  },
  {
    rule: '11.5',
    name: 'a mute serves the other device of whom it silences',
    file: RIGHTS_RULES,
    find: `  for (const waiter of waiting(t.state)) if (waiter.person.id === userId) dismiss(t, waiter, 'RECEIVE_ONLY', retryAt)
  if (t.state.holder?.burst.speaker.id === userId) endBurst(t, endReason, by)
`,
    replace: `  if (t.state.holder?.burst.speaker.id === userId) endBurst(t, endReason, by)
  for (const waiter of waiting(t.state)) if (waiter.person.id === userId) dismiss(t, waiter, 'RECEIVE_ONLY', retryAt)
`,
  },
  {
    rule: '11.6',
    name: 'a mute is not remembered',
    file: RIGHTS_RULES,
    find: '  t.set({ mutedUntil: mapWith(t.state.mutedUntil, userId, mutedUntil) })\n',
    replace: '',
  },
  {
    rule: '11.6',
    name: 'a mute never ends',
    file: REQUEST_RULES,
    find: 'if (mutedUntil !== undefined && mutedUntil > t.now)',
    replace: 'if (mutedUntil !== undefined)',
  },
  {
    rule: '11.8',
    name: 'an unmute is ignored',
    file: RIGHTS_RULES,
    find: 'mapWith(t.state.mutedUntil, userId, undefined)',
    replace: 'mapWith(t.state.mutedUntil, userId, t.state.mutedUntil.get(userId))',
  },
  {
    rule: '12.1',
    name: 'an eviction looks at the holder alone: queue entry and presence stay',
    file: RIGHTS_RULES,
    find: EVICT_WAITERS,
    replace: `  if (!t.state.holder || !isMeant(t.state.holder.burst.speaker.id, t.state.holder.burst.sessionId)) return\n${EVICT_WAITERS}`,
  },
  {
    rule: '12.2',
    name: 'the eviction of a session takes all devices of its user',
    file: RIGHTS_RULES,
    find: '=> user === userId && (sessionId === undefined || session === sessionId)',
    replace: "=> user === userId && session !== ''",
  },
  {
    rule: '12.3',
    name: 'an eviction from everywhere finds only sessions that are named',
    file: MEMORY_ENGINE,
    find: 'command.groupId ? [command.groupId] : this.#groups.keys()',
    replace: 'command.groupId ? [command.groupId] : ((command.sessionId && this.#engagedIn.get(command.sessionId)) ?? [])',
  },
  {
    rule: '12.4',
    name: 'the floor falls to the other device of whom is evicted',
    file: RIGHTS_RULES,
    find: EVICT_WAITERS,
    replace: `  const now = t.state.holder
  if (now && isMeant(now.burst.speaker.id, now.burst.sessionId)) endBurst(t, reason)
${EVICT_WAITERS}`,
  },
  {
    rule: '12.7',
    name: 'who may only listen keeps its place in the queue',
    file: RIGHTS_RULES,
    find: "  silence(t, userId, 'NO_PERMISSION', null, null)\n",
    replace: "  if (t.state.holder?.burst.speaker.id === userId) endBurst(t, 'NO_PERMISSION')\n",
  },
  {
    rule: '12.7',
    name: 'who may only listen leaves the group',
    file: RIGHTS_RULES,
    find: "  silence(t, userId, 'NO_PERMISSION', null, null)\n",
    replace: "  evict(t, { userId, reason: 'NO_PERMISSION' })\n",
  },
  {
    rule: '13.2',
    name: 'a group is deleted without a word to who waits',
    file: RIGHTS_RULES,
    find: "  for (const waiter of waiting(t.state)) refuse(t, waiter, 'GROUP_CLOSED')\n",
    replace: '',
  },
  {
    rule: '13.3',
    name: 'a group is deleted without a word of the burst that it ended',
    file: RIGHTS_RULES,
    find: "t.tellFloor('CLOSED', ended)",
    replace: "t.tellFloor('CLOSED', ended && null)",
  },
  {
    rule: '13.4',
    name: 'a closed group can be pressed',
    file: REQUEST_RULES,
    find: "  if (t.state.closed) return deny(t, press, { reason: 'GROUP_CLOSED', retryAt: null })\n",
    replace: '',
  },
  {
    rule: '13.5',
    name: 'a closed group can be joined',
    file: PRESENCE_RULES,
    find: 'if (!t.state.closed) join(t, command)',
    replace: 'join(t, command)',
  },
  {
    rule: '13.6',
    name: 'closing it again is told again',
    file: RIGHTS_RULES,
    find: '  if (t.state.closed) return\n',
    replace: '',
  },
]
