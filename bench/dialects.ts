/** How a contender is spoken to over a socket: NEDA in GraphQL, the bare server in JSON of its own. Both answer with the same words. */
export interface Dialect {
  readonly protocol: string | undefined
  /** Opens the connection, and is answered. */
  readonly hello: string
  readonly act: (id: string, act: Act) => string
  /** Is answered by how things stand, then by every event. */
  readonly watch: (groupId: string) => string
  /** In every answer of an act; in every event. */
  readonly answerMark: string
  readonly eventMark: string
}

export interface Act {
  readonly kind: 'press' | 'release'
  readonly groupId: string
  readonly requestId: string
}

/** What an answer contains when the act did what it was meant to do. */
export const DONE = { press: '"outcome":"GRANTED"', release: '"released":true' } as const

const PRESS =
  'mutation($input: RequestTalkInput!) { requestTalk(input: $input) { outcome burst { id } remainingMs denyReason floor { state } } }'
const RELEASE = 'mutation($input: ReleaseTalkInput!) { releaseTalk(input: $input) { released floor { state } } }'
const WATCH = `subscription($groupId: ID!) { speakerChanged(groupId: $groupId) { kind gap cursor previous { id endReason durationMs }
  floor { groupId state queueLength epoch sequence serverTime burst { id priority startedAt expiresAt speaker { id displayName } } } } }`

export const graphqlDialect = (accessToken: string): Dialect => ({
  protocol: 'graphql-transport-ws',
  hello: JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${accessToken}` } }),
  act: (id, { kind, ...input }) =>
    JSON.stringify({ id, type: 'subscribe', payload: { query: kind === 'press' ? PRESS : RELEASE, variables: { input } } }),
  watch: (groupId) => JSON.stringify({ id: 'watch', type: 'subscribe', payload: { query: WATCH, variables: { groupId } } }),
  answerMark: '"type":"next"',
  eventMark: '"type":"next"',
})

export const bareDialect = (): Dialect => ({
  protocol: undefined,
  hello: JSON.stringify({ type: 'hello' }),
  act: (id, { kind, ...input }) => JSON.stringify({ id, type: kind, ...input }),
  watch: (groupId) => JSON.stringify({ type: 'watch', groupId }),
  answerMark: '"type":"answer"',
  eventMark: '"type":"event"',
})
