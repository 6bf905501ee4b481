import type { Fault } from './fault.ts'

/** What is open, who may open it, and how it ends. */
const RULE = 'wire'
const HTTP_STREAMS = 'src/graphql/http-streams.ts'

const SIGNED_OUT: readonly string[] = ['test/api/sessions.test.ts', '-t', 'a device that signs out over its socket']
const RIGHT_LOST: readonly string[] = ['test/api/streams.test.ts', '-t', 'who loses the right to listen']
const TRUSTED: readonly string[] = ['test/attacks/guard-trusted-documents.test.ts', '-t', 'what is not in it is for admins alone']
const ORIGINS: readonly string[] = ['test/attacks/transport-websocket.test.ts', '-t', 'a foreign page opens no socket']
const HEARTBEATS: readonly string[] = ['test/graphql/http-streams.test.ts', '-t', 'a device that is joined hears something soon']
const CROWD: readonly string[] = ['test/attacks/transport-streams.test.ts', '-t', 'too many streams at once']
const DRAIN: readonly string[] = ['test/graphql/drain.test.ts']

export const transportFaults: readonly Fault[] = [
  {
    rule: RULE,
    name: 'a socket outlives its session',
    file: 'src/graphql/websocket-protocol.ts',
    find: "  device.socket.once('close', streams.add({ lost, end }))\n",
    replace: '',
    tests: SIGNED_OUT,
  },
  {
    rule: RULE,
    name: 'a stream outlives the right to it',
    file: 'src/domains/presence/presence.service.ts',
    find: '  stream.onEnd(streams.add({ lost, end }))\n',
    replace: '',
    tests: RIGHT_LOST,
  },
  {
    rule: RULE,
    name: 'who is not signed in may send what is in no manifest',
    file: 'src/graphql/guard.ts',
    find: 'if (!isAdmin && trusted.refuses(text))',
    replace: 'if (viewer && !isAdmin && trusted.refuses(text))',
    tests: TRUSTED,
  },
  {
    rule: RULE,
    name: 'an origin that begins like an allowed one is allowed',
    file: 'src/graphql/browsers.ts',
    find: 'allowedOrigins.includes(origin)',
    replace: 'allowedOrigins.some((allowed) => origin.startsWith(allowed))',
    tests: ORIGINS,
  },
  {
    rule: RULE,
    name: 'who is joined hears as seldom over HTTP as who is not',
    file: HTTP_STREAMS,
    find: '? heartbeats.joinedMs : heartbeats.idleMs',
    replace: '? heartbeats.idleMs : heartbeats.idleMs',
    tests: HEARTBEATS,
  },
  {
    rule: RULE,
    name: 'streams over HTTP go past the door',
    file: HTTP_STREAMS,
    find: '    await this.#deps.admission.admit()\n',
    replace: '',
    tests: CROWD,
  },
  {
    rule: RULE,
    name: 'who talks is sent away with the others',
    file: 'src/graphql/drain.ts',
    find: 'now < leavesAt || (now < began + patienceMs && isTalking(socket))',
    replace: 'now < leavesAt',
    tests: DRAIN,
  },
]
