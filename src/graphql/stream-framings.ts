import { type Preference, preferences } from './accept.ts'

/** How the results of a subscription are written into one HTTP response. All of it is ASCII but the JSON, which has no line breaks. */
export interface Framing {
  readonly mediaType: string
  /** What comes before everything else. */
  readonly opening: string
  readonly result: (json: string) => string
  /** That somebody is here. Clients pass over it. */
  readonly heartbeat: string
  /** The subscription has ended: asking again changes nothing. */
  readonly complete: string
  /** The server ends the response, and not the subscription. Given is a result with errors that say so. */
  readonly sentAway: (json: string) => string
}

/** GraphQL over SSE, distinct connections. Its client takes any event but these two for a fault, so all else is a comment. */
export const EVENT_STREAM: Framing = {
  mediaType: 'text/event-stream; charset=utf-8',
  // Some browsers hand out no response before its first byte.
  opening: ':\n\n',
  result: (json) => `event: next\ndata: ${json}\n\n`,
  heartbeat: ':\n\n',
  complete: 'event: complete\ndata:\n\n',
  // Who was told that it is complete would not come back.
  sentAway: () => ': The server restarts\n\n',
}

const part = (json: string) => `\r\ncontent-type: application/json\r\n\r\n${json}\r\n--graphql`

/** Apollo's multipart subscriptions. Its clients read a part when they see the delimiter after it, so that is written with the part. */
export const MULTIPART: Framing = {
  mediaType: 'multipart/mixed;boundary=graphql;subscriptionSpec=1.0',
  opening: '\r\n--graphql',
  result: (json) => part(`{"payload":${json}}`),
  heartbeat: part('{}'),
  complete: '--\r\n',
  sentAway: (json) => `${part(`{"payload":null,${json.slice(1)}`)}--\r\n`,
}

const ofEvents = ({ type }: Preference) => type === 'text/event-stream'
/** What has no version of these subscriptions is the multipart of @defer. */
const ofParts = ({ type, parameters }: Preference) => type === 'multipart/mixed' && parameters.get('subscriptionspec') === '1.0'
const ofAnything = ({ type }: Preference) => type === 'text/*' || type === '*/*'

/** The framing in which this client takes a subscription; null: in none. Who takes anything gets events. */
export function framingFor(accept: string | undefined): Framing | null {
  const asked = preferences(accept ?? '*/*')
  const named = asked.find((one) => ofEvents(one) || ofParts(one))
  const takesAnything = asked.some((one) => ofAnything(one) && one.quality > 0)
  if (!named) return takesAnything ? EVENT_STREAM : null
  if (named.quality === 0) return null
  return ofEvents(named) ? EVENT_STREAM : MULTIPART
}

/** The same of a client that asks for a stream before anything else: it may be told in one what is wrong with its request. */
export function framingPreferred(accept: string | undefined): Framing | null {
  const [first] = preferences(accept ?? '')
  return first && (ofEvents(first) || ofParts(first)) ? framingFor(accept) : null
}
