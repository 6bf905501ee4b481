import type { Fault } from './fault.ts'
import { mediaLookFaults } from './media-looks.ts'

/** Mistakes in what makes the media server obey: permissions that do not follow, failures that nobody makes up for, reports that nobody checks. */

const RECONCILER_TESTS: readonly string[] = ['test/media/reconciler.test.ts']
const ROOMS_TESTS: readonly string[] = ['test/media/rooms.test.ts']
const BREAKER_TESTS: readonly string[] = ['test/media/breaker.test.ts']
const ROSTER_TESTS: readonly string[] = ['test/media/roster.test.ts']
const WEBHOOK_TESTS: readonly string[] = ['test/media/webhook.test.ts']
const DEGRADED_SCENES: readonly string[] = ['test/media/fake.test.ts', '-t', 'DEGRADED while it is away']

const RECONCILER = 'src/domains/media/reconciler.ts'
const BREAKER = 'src/domains/media/breaker.ts'
const ROSTER = 'src/domains/media/roster.ts'
const ROOMS = 'src/integrations/livekit/rooms.ts'
const WEBHOOK = 'src/integrations/livekit/webhook.ts'

const reconcilerFaults: readonly Fault[] = [
  {
    rule: '19.1',
    name: 'media: the floor is not looked at again after a permission was given',
    file: RECONCILER,
    find: '      if (mayTalk !== before) continue\n',
    replace: '',
    tests: RECONCILER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: what failed is not told again',
    file: RECONCILER,
    find: '        this.#unsureUntil.set(key, performance.now() + LATEST_MS)\n',
    replace: '',
    tests: RECONCILER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: what failed is told again a few times, however late it may be carried out',
    file: RECONCILER,
    find: 'AGAIN_AFTER_MS[attempt] ?? Math.min(unsureMs + 1, LONGEST_WAIT_MS)',
    replace: 'AGAIN_AFTER_MS[attempt] ?? null',
    tests: RECONCILER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: two permissions of one device are on their way at once',
    file: RECONCILER,
    find: 'run: coalesced(() => this.#apply(key, place))',
    replace: 'run: () => this.#apply(key, place)',
    tests: RECONCILER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: a device that is not found at once is not looked for',
    file: RECONCILER,
    find: '      if (stay === null && roster.has(room, identity)) throw new Missing()\n',
    replace: '',
    tests: RECONCILER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: a device that is never found counts as there',
    file: RECONCILER,
    find: '    if (isMissing && foundInMs === undefined)\n',
    replace: '    if (isMissing && foundInMs === null)\n',
    tests: RECONCILER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: nobody remembers whom it permitted',
    file: RECONCILER,
    find: '      if (mayTalk) this.#talkers.set(key, place)\n',
    replace: '',
    tests: RECONCILER_TESTS,
  },
]

const roomsFaults: readonly Fault[] = [
  {
    rule: '19.1',
    name: 'media: a permission is told in part, and who talks goes deaf',
    file: ROOMS,
    find: '  canSubscribe: true,\n',
    replace: '',
    tests: ROOMS_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: who talks may publish its camera',
    file: ROOMS,
    find: "permission === 'TALK' ? [TrackSource.MICROPHONE] : []",
    replace: '[]',
    tests: ROOMS_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: that nobody is there counts as a failure',
    file: ROOMS,
    find: "    if (code === 'not_found') return absent\n",
    replace: '',
    tests: ROOMS_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: who is in a room that does not exist is waited for',
    file: ROOMS,
    find: 'return known ? (await client.listParticipants(room)).map(asParticipant) : []',
    replace: 'return known === null ? [] : (await client.listParticipants(room)).map(asParticipant)',
    tests: ROOMS_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: wrong keys look like an outage',
    file: ROOMS,
    find: 'const refusesKeys = status === 401 || status === 403',
    replace: 'const refusesKeys = status === 407',
    tests: ROOMS_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: a call may take ten seconds',
    file: ROOMS,
    find: 'const ANSWER_WITHIN_S = 1\n',
    replace: 'const ANSWER_WITHIN_S = 10\n',
    tests: ROOMS_TESTS,
  },
]

const breakerFaults: readonly Fault[] = [
  {
    rule: '19.1',
    name: 'media: the breaker never closes',
    file: BREAKER,
    find: '    this.#probe = undefined\n',
    replace: '',
    tests: BREAKER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: nobody is told that the media server answers again',
    file: BREAKER,
    find: '    this.#recovered.publish([undefined])\n',
    replace: '',
    tests: BREAKER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: failures count although others succeed between them',
    file: BREAKER,
    find: '        const result = await ask(...args)\n        this.#failures = 0\n',
    replace: '        const result = await ask(...args)\n',
    tests: BREAKER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: an open breaker lets calls through',
    file: BREAKER,
    find: 'if (this.isOpen) throw',
    replace: 'if (this.isOpen && this.#isClosed) throw',
    tests: BREAKER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: a device is told READY while the media server is away',
    file: 'src/domains/media/media.service.ts',
    find: "    if (breaker.isOpen) return 'DEGRADED'\n",
    replace: '',
    tests: DEGRADED_SCENES,
  },
]

const rosterFaults: readonly Fault[] = [
  {
    rule: '19.1',
    name: 'media: the end of a former stay, told late, ends the present one',
    file: ROSTER,
    find: "if (known === undefined || (stay !== '' && known !== '' && stay !== known)) return false",
    replace: 'if (known === undefined) return false',
    tests: ROSTER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: no instance tells another who is in a room',
    file: ROSTER,
    find: "    if (this.#apply(note)) this.#neighbours.tell('ROSTER', JSON.stringify(note))\n",
    replace: '    this.#apply(note)\n',
    tests: ROSTER_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: instances repeat to each other what all know',
    file: ROSTER,
    find: "    if (this.#apply(note)) this.#neighbours.tell('ROSTER', JSON.stringify(note))\n",
    replace: "    this.#apply(note)\n    this.#neighbours.tell('ROSTER', JSON.stringify(note))\n",
    tests: ROSTER_TESTS,
  },
]

const webhookFaults: readonly Fault[] = [
  {
    rule: '19.1',
    name: 'media: a report counts as followed before it is',
    file: WEBHOOK,
    find: 'if (!kind || followed.has(event.id)) return 200\n',
    replace: 'if (!kind || followed.has(event.id)) return 200\n    followed.set(event.id, true)\n',
    tests: WEBHOOK_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: a report is followed as often as it comes',
    file: WEBHOOK,
    find: '!kind || followed.has(event.id)',
    replace: '!kind',
    tests: WEBHOOK_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: a report that could not be followed is not asked for again',
    file: WEBHOOK,
    find: 'return 503',
    replace: 'return 200',
    tests: WEBHOOK_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: the signature of a report is not checked',
    file: WEBHOOK,
    find: 'receiver.receive(body, authorization)',
    replace: 'receiver.receive(body, authorization, true)',
    tests: WEBHOOK_TESTS,
  },
  {
    rule: '19.1',
    name: 'media: LiveKit waits as long as it takes',
    file: WEBHOOK,
    find: 'const ANSWER_WITHIN_MS = 2_000',
    replace: 'const ANSWER_WITHIN_MS = 200_000',
    tests: WEBHOOK_TESTS,
  },
]

export const mediaFaults: readonly Fault[] = [
  ...reconcilerFaults,
  ...roomsFaults,
  ...breakerFaults,
  ...rosterFaults,
  ...webhookFaults,
  ...mediaLookFaults,
]
