import type { Fault } from './fault.ts'

/** What a device believes, and what it says again. */
const RULE = 'SDK'
const HOLD = 'sdk/src/talk/hold.ts'

const TALK: readonly string[] = ['test/sdk/talk-session.test.ts']
const CUT_OFF: readonly string[] = ['test/sdk/real-server.test.ts', '-t', 'what happened while it was away']

export const sdkFaults: readonly Fault[] = [
  {
    rule: RULE,
    name: 'a device that renewed once talks on although it hears nothing',
    file: HOLD,
    find: 'this.#leaseUntil = Math.max(this.#leaseUntil, sentAt + this.#grant.leaseMs)',
    replace: 'this.#leaseUntil = Number.POSITIVE_INFINITY',
    tests: TALK,
  },
  {
    rule: RULE,
    name: 'a grant over a socket is believed in for the whole lease',
    file: HOLD,
    find: 'overSocket ? grant.leaseMs / 2 : grant.leaseMs',
    replace: 'overSocket ? grant.leaseMs : grant.leaseMs',
    tests: TALK,
  },
  {
    rule: RULE,
    name: 'a press whose answer was lost is repeated under a name that nobody releases',
    file: 'sdk/src/talk/press.ts',
    find: '{ requestId: this.requestId, queue, priority }',
    replace: '{ requestId: attempt === 0 ? this.requestId : freshId(environment.random), queue, priority }',
    tests: TALK,
  },
  {
    rule: RULE,
    name: 'a subscription comes back without its cursor',
    file: 'sdk/src/subscription.ts',
    find: '    if (this.#resumes && root?.cursor !== undefined) this.#after = root.cursor\n',
    replace: '',
    tests: CUT_OFF,
  },
]
