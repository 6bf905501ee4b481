import type { Fault } from './fault.ts'

/** Mistakes in who looks at the rooms, when, and what follows from it. */

const SWEEP_TESTS: readonly string[] = ['test/media/sweep.test.ts']
const LATE_STORE_TESTS: readonly string[] = ['test/media/fake-faults.test.ts', '-t', 'a moment later']
/** A few scenes of the whole, by what their names have in common, as it stands where they are written. */
const scenes = (words: string): readonly string[] => ['test/media/fake.test.ts', '-t', words]
const FLOOR_SCENES = scenes('devices join to listen')
const INTRUDER_SCENES = scenes('after the burst')
const HONEST_SCENES = scenes('a device whose track comes')
const FORMER_STAY_SCENES = scenes('a late report of a former stay')
const REMOVED_SCENES = scenes('removed from the group')
const SIGNED_OUT_SCENES = scenes('who signs out')
const DELETED_SCENES = scenes('the room of a deleted group')
const STATE_SCENES = scenes('each device has its own state')
const START_SCENES = scenes('after the start who is in a room')
const STOP_SCENES = scenes('a NEDA that stops')
const MISSED_SCENES = scenes('what it missed')
const AWAY_SCENES = scenes('who leaves a group while it is away')

const WATCHDOG = 'src/domains/media/watchdog.ts'
const ENFORCEMENT = 'src/domains/media/enforcement.ts'

const watchdogFaults: readonly Fault[] = [
  {
    rule: '19.1',
    name: 'media: whoever has a token may hear',
    file: WATCHDOG,
    find: 'return who ? this.#deps.groups.mayHear(who.userId, who.sessionId, groupId) : Promise.resolve(false)',
    replace: 'return Promise.resolve(who !== null)',
    tests: REMOVED_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: an old token opens the room of a deleted group',
    file: WATCHDOG,
    find: '      await rooms.close(names.of(groupId))\n',
    replace: '',
    tests: DELETED_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: who comes with an old right keeps it',
    file: WATCHDOG,
    find: '    await reconciler.follow({ groupId, identity })\n',
    replace: '    if (names === null) await reconciler.follow({ groupId, identity })\n',
    tests: INTRUDER_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: who publishes with an old right stays',
    file: WATCHDOG,
    find: "return kind !== 'PUBLISHED' || this.#judge({ groupId, identity, stay, before, isFirst: attempt === 0 })",
    replace: 'return true',
    tests: INTRUDER_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: who only finished its burst is put out',
    file: WATCHDOG,
    find: 'publishesOn || (await this.#cameLate(groupId, found))',
    replace: 'true',
    tests: HONEST_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: who talked once more while it was looked at is put out',
    file: WATCHDOG,
    find: ' && (await floor(groupId)).sequence === before.sequence',
    replace: '',
    tests: ['test/attacks/audit-enforcement.test.ts'],
  },
  {
    rule: '19.1',
    name: 'media: who published while the record was late stays',
    file: WATCHDOG,
    find: 'return isToGo !== null',
    replace: 'return true',
    tests: ['test/attacks/audit-enforcement.test.ts'],
  },
  {
    rule: '19.1',
    name: 'media: a late report of a former stay puts out who listens now',
    file: WATCHDOG,
    find: 'found.publishes || found.stay === stay',
    replace: "found.publishes || stay !== ''",
    tests: FORMER_STAY_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: a look at a room takes nothing away',
    file: WATCHDOG,
    find: 'else if (identity !== holds && (canPublish || publishes))',
    replace: 'else if (identity === holds && (canPublish || publishes))',
    tests: SWEEP_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: a look at a room gives nothing',
    file: WATCHDOG,
    find: 'identity === holds && !canPublish)',
    replace: 'identity === holds && canPublish)',
    tests: SWEEP_TESTS,
  },
]

const enforcementFaults: readonly Fault[] = [
  {
    rule: '19.1',
    name: 'media: a permission follows the sweep and nothing else',
    file: ENFORCEMENT,
    find: 'void this.#reconciler.follow({ groupId, identity: mediaIdentity(userId, sessionId) }),',
    replace: 'void (groupId && userId && sessionId),',
    tests: FLOOR_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: nobody looks at the start',
    file: ENFORCEMENT,
    find: '    this.sweep()\n  }\n\n  /** The media server reported',
    replace: '  }\n\n  /** The media server reported',
    tests: START_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: nobody looks by himself',
    file: ENFORCEMENT,
    find: 'const SWEEP_EVERY_MS = 30_000',
    replace: 'const SWEEP_EVERY_MS = 3_000_000',
    tests: SWEEP_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: nobody looks when the media server answers again',
    file: ENFORCEMENT,
    find: '    this.#stack.defer(breaker.onRecovered(() => this.sweep()))\n',
    replace: '',
    tests: MISSED_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: lost rights do not reach the room',
    file: ENFORCEMENT,
    find: '    this.#stack.defer(standing.follow((changes) => this.#changed(changes)))\n',
    replace: '',
    tests: REMOVED_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: who signs out stays in the room',
    file: ENFORCEMENT,
    find: "if (change.kind === 'SESSION' && !standing.sessionUser(change.sessionId))",
    replace: "if (change.kind === 'SESSION' && standing.sessionUser(change.sessionId))",
    tests: SIGNED_OUT_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: a room that could not be looked at is forgotten',
    file: ENFORCEMENT,
    find: '    if (this.#deps.breaker.isOpen) return\n',
    replace: '    if (!this.#deps.breaker.isOpen) return\n',
    tests: AWAY_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: who has left counts as there',
    file: ENFORCEMENT,
    find: "isThere: kind !== 'LEFT' })",
    replace: 'isThere: true })',
    tests: STATE_SCENES,
  },
  {
    rule: '19.1',
    name: 'media: who was not found at once is not put out',
    file: ENFORCEMENT,
    find: '    if (!(await this.#watchdog.look(groupId, event))) this.#lookLater(groupId, event, 0)\n',
    replace: '    await this.#watchdog.look(groupId, event)\n',
    tests: LATE_STORE_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: who talks may go on when its floor ends with the process',
    file: ENFORCEMENT,
    find: '    if (this.#deps.isAlone) await this.#reconciler.withdrawAll()\n',
    replace: '',
    tests: STOP_SCENES,
  },
]

export const mediaLookFaults: readonly Fault[] = [...watchdogFaults, ...enforcementFaults]
