import type { Fault } from './fault.ts'

/** Who somebody is: refresh tokens, pairings, second factors, guesses. */
const RULE = 'identity'
const SESSIONS = 'src/domains/auth/sessions.ts'
const PAIRING = 'src/domains/auth/pairing.service.ts'

const REUSED: readonly string[] = ['test/auth/refresh.test.ts', '-t', 'that comes back after its successor was used']
const LOST_ANSWER: readonly string[] = ['test/auth/refresh.test.ts', '-t', 'whose answer was lost']
const PAIRED_ONCE: readonly string[] = ['test/attacks/pairing-rights.test.ts', '-t', 'of many who ask at once one is signed in']
const WRONG_CODES: readonly string[] = ['test/attacks/pairing.test.ts', '-t', 'after five wrong user codes']
const CODE_ONCE: readonly string[] = ['test/attacks/second-factor.test.ts', '-t', 'of ten who show the same code at once']
const LIMITS: readonly string[] = ['test/auth/limits.test.ts']

export const identityFaults: readonly Fault[] = [
  {
    rule: RULE,
    name: 'a refresh token that was stolen is refused, and its session goes on',
    file: SESSIONS,
    find: '  if ((await endSessions(tx, userId, { only: sessionId })) > 0)\n',
    replace: "  if (userId !== '')\n",
    tests: REUSED,
  },
  {
    rule: RULE,
    name: 'the successor of a refresh token is given again without end',
    file: SESSIONS,
    find: 'if (isBefore && session.isRetry) return session.number',
    replace: 'if (isBefore) return session.number',
    tests: LOST_ANSWER,
  },
  {
    rule: RULE,
    name: 'who did not hear the answer to a refresh is taken for a thief',
    file: SESSIONS,
    find: 'session.number === number + 1',
    replace: 'session.number < number + 1',
    tests: LOST_ANSWER,
  },
  {
    rule: RULE,
    name: 'a watch that asks several times at once is signed in several times',
    file: PAIRING,
    find: "where: { id, status: 'APPROVED' },",
    replace: 'where: { id },',
    tests: PAIRED_ONCE,
  },
  {
    rule: RULE,
    name: 'wrong user codes of pairings are not counted',
    file: PAIRING,
    find: '      return found !== null\n',
    replace: '      return true\n',
    tests: WRONG_CODES,
  },
  {
    rule: RULE,
    name: 'a one-time code is good for as long as its step',
    file: 'src/domains/auth/second-factor.ts',
    find: '{ totpLastStep: { lt: step } }',
    replace: '{ totpLastStep: { lte: step } }',
    tests: CODE_ONCE,
  },
  {
    rule: RULE,
    name: 'a guess counts when it was wrong, so that of many at once all are tried',
    file: 'src/domains/auth/limits.ts',
    find: `    for (const [limit, whom] of counted) {
      await limit.take(whom)
      taken.push([limit, whom])
    }
    wrong = !(await isRight())
`,
    replace: `    wrong = !(await isRight())
    if (wrong) for (const [limit, whom] of counted) await limit.take(whom)
`,
    tests: LIMITS,
  },
]
