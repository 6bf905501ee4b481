import { statusesOfRefusals } from '../errors.ts'

/**
 * Why a WebSocket ends, and what its device does then. graphql-ws' client knows some codes as final, whatever it is told to retry: all of 1002
 * to 1011, 4400, 4401, 4406, 4409, 4429 and 4500. So what passes by itself is never told by one of them.
 */
const codes = {
  1006: {
    why: 'No word of the server: it died, the network did, or two pings were not answered.',
    back: 'yes',
    advice: 'Come back after a random time, at first up to 1 s, up to twice as long each time it fails, up to 15 s.',
  },
  1012: {
    why: 'This server stops, and others take over.',
    back: 'yes',
    advice: 'Come back as after 1006: the server has spread the leaving.',
  },
  1013: {
    why: 'Not now: too many messages on this socket, too many sockets that nobody signed in over, or something that failed here.',
    back: 'yes',
    advice: 'Come back as after 1006, but not before 1 s.',
  },
  4403: {
    why: 'The access token has expired, or is not valid.',
    back: 'yes',
    advice: '`refreshSession`, then come back at once with the new token. Without a new one there is no use in it.',
  },
  4408: {
    why: 'No `connection_init` within 3 s.',
    back: 'yes',
    advice: 'Come back as after 1006, with the token at hand before the socket is opened.',
  },
  4401: {
    why: 'This session has ended: signed out, a changed password, a disabled account. Or an operation before `connection_ack`.',
    back: 'no',
    advice: 'Forget the tokens and let the person sign in. Operations wait for `connection_ack`.',
  },
  4406: {
    why: 'The client speaks another protocol.',
    back: 'no',
    advice: 'Set the protocol `graphql-transport-ws` (Apollo Kotlin: `GraphQLWsProtocol`).',
  },
  4400: { why: 'A message that is none of `graphql-transport-ws`, or is not text.', back: 'no', advice: 'A fault of the client.' },
  4409: { why: 'The id of an operation that still goes on was used again.', back: 'no', advice: 'A fault of the client.' },
  4429: { why: 'A second `connection_init`.', back: 'no', advice: 'A fault of the client.' },
  1002: { why: 'Frames that are not those of a WebSocket.', back: 'no', advice: 'A fault of the client, or of a proxy between.' },
  1007: { why: 'Text that is not UTF-8.', back: 'no', advice: 'A fault of the client.' },
  1008: { why: 'A message in more fragments than are put together.', back: 'no', advice: 'A fault of the client.' },
  1009: {
    why: 'A message of more than 64 KiB.',
    back: 'no',
    advice: 'A fault of the client: the same message would close the next socket too.',
  },
  1000: { why: 'The answer to the 1000 of the client.', back: 'no', advice: 'Nothing: the client has closed it.' },
} as const

export type CloseCode = keyof typeof codes

export const SERVICE_RESTART = 1012 satisfies CloseCode
export const TRY_AGAIN_LATER = 1013 satisfies CloseCode
export const BAD_REQUEST = 4400 satisfies CloseCode
export const SESSION_REVOKED = 4401 satisfies CloseCode
export const TOKEN_REFUSED = 4403 satisfies CloseCode
export const OTHER_PROTOCOL = 4406 satisfies CloseCode

export const closeCodes: readonly { readonly code: number; readonly back: 'yes' | 'no' }[] = Object.entries(codes).map(
  ([code, { back }]) => ({ code: Number(code), back }),
)

const rows = (wanted: 'yes' | 'no') =>
  Object.entries(codes)
    .filter(([, { back }]) => back === wanted)
    .map(([code, { why, advice }]) => `| ${code} | ${why} | ${wanted} | ${advice} |`)

/** As it stands in docs/connections.md: first what one comes back from. */
export const closeCodeTable = (): string =>
  ['| code | why | come back | what to do |', '|---|---|---|---|', ...rows('yes'), ...rows('no')].join('\n')

/** What an HTTP status says of its own, beside the codes that come with it. */
const AFTER: Readonly<Record<number, string>> = {
  401: '`UNAUTHENTICATED`: again, once, after `refreshSession`. The others not as it is; after one of the last three: sign in again.',
  429: 'After `retryAfterMs`, where it is given; `LIMIT_EXCEEDED`: when something has been closed.',
  500: 'After a random time as after 1006; a mutation with the same `requestId`.',
  503: 'After `Retry-After`, where it is given, else after a random time as after 1006.',
}

export const statusTable = (): string =>
  [
    '| status | codes | what to do |',
    '|---|---|---|',
    ...statusesOfRefusals().map(
      ([status, all]) => `| ${status} | ${all.map((code) => `\`${code}\``).join(', ')} | ${AFTER[status] ?? 'Not again as it is.'} |`,
    ),
  ].join('\n')
