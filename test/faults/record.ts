import { BURST_RULES, DEADLINES, type Fault, RECORDER, RIGHTS_RULES } from './fault.ts'

const WRITTEN = ['test/api/talk.test.ts', '-t', 'the record keeps it']

/** What lasts: bursts, voice sessions, and their rows. */
export const recordFaults: readonly Fault[] = [
  {
    rule: '18.1',
    name: 'a burst survives on the connection of its press alone',
    file: BURST_RULES,
    find: 'const renewed = holder?.burst.id === burstId && holder.burst.sessionId === sessionId',
    replace: 'const renewed = holder?.burst.id === burstId && holder.burst.sessionId === sessionId && holder.connectionId === connectionId',
  },
  {
    rule: '20.1',
    name: 'a burst is not recorded at its grant',
    file: BURST_RULES,
    find: "  t.tellFloor('TAKEN', previous)\n  t.record({ burst })\n",
    replace: "  t.tellFloor('TAKEN', previous)\n",
  },
  {
    rule: '20.1',
    name: 'a burst is recorded without its end',
    file: BURST_RULES,
    find: "  t.record({ burst })\n  if (endReason !== 'RELEASED')",
    replace: "  if (endReason !== 'RELEASED')",
  },
  {
    rule: '20.1',
    name: 'the row of a burst stays as it was at the grant',
    file: RECORDER,
    find: '"endedAt" = COALESCE("SpeakerHistory"."endedAt", EXCLUDED."endedAt"),\n',
    replace: '"endedAt" = COALESCE("SpeakerHistory"."endedAt", "SpeakerHistory"."endedAt"),\n',
    tests: WRITTEN,
  },
  {
    rule: '20.2',
    name: 'a clock that is set back makes a burst of negative length',
    file: BURST_RULES,
    find: "endReason === 'NOT_STARTED' ? startedAt : Math.max(t.now, startedAt)",
    replace: "endReason === 'NOT_STARTED' ? startedAt : t.now",
  },
  {
    rule: '20.3',
    name: 'the end of a burst is recorded twice',
    file: BURST_RULES,
    find: "  t.record({ burst })\n  if (endReason !== 'RELEASED')",
    replace: "  t.record({ burst })\n  if (voiceSession) t.record({ burst })\n  if (endReason !== 'RELEASED')",
  },
  {
    rule: '24.1',
    name: 'every burst opens a voice session',
    file: BURST_RULES,
    find: 'const open = t.state.voiceSession\n',
    replace: 'const open = t.state.holder && t.state.voiceSession\n',
  },
  {
    rule: '24.2',
    name: 'a voice session never ends',
    file: DEADLINES,
    find: '  consider(state.voiceSession?.closesAt ?? null, closeVoiceSession)\n',
    replace: '',
  },
  {
    rule: '24.2',
    name: 'a voice session ends while somebody talks',
    file: BURST_RULES,
    find: 't.set({ voiceSession: { ...voiceSession, closesAt: null } })',
    replace: 't.set({ voiceSession: { closesAt: null, ...voiceSession } })',
  },
  {
    rule: '24.3',
    name: 'a voice session outlives its group',
    file: RIGHTS_RULES,
    find: '  closeVoiceSession(t)\n',
    replace: '',
  },
  {
    rule: '24.4',
    name: 'the end of a voice session is not recorded',
    file: BURST_RULES,
    find: '  t.record({ voiceSession: { id, groupId, startedAt, endedAt: t.now } })\n',
    replace: '',
  },
]
