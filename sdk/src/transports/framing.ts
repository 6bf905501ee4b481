import { type GraphQLErrorBody, NedaError } from '../errors.ts'
import type { Answer } from '../http.ts'

/** What is told by a piece of a stream. */
interface Reader {
  next(answer: Answer): void
  complete(): void
}

/** How answers are written one after the other into the body of one HTTP answer. */
export interface Framing {
  readonly accept: string
  readonly mediaType: string
  /** Takes what has come in, in pieces of any size. Heartbeats are read over. */
  parser(contentType: string, reader: Reader): (text: string) => void
}

/** Server-sent events as graphql-sse writes them, each subscription in a connection of its own. */
export const sse: Framing = {
  accept: 'text/event-stream',
  mediaType: 'text/event-stream',
  parser: (_contentType, reader) => {
    let rest = ''
    return (text) => {
      // A carriage return at the end may be the half of a line's end.
      const blocks = (rest + text).replaceAll('\r\n', '\n').split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) readEvent(block, reader)
    }
  },
}

function readEvent(block: string, reader: Reader) {
  const lines = block.split('\n')
  const values = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart())
  const [event] = values('event')
  if (event === 'next') reader.next(JSON.parse(values('data').join('\n')) as Answer)
  if (event === 'complete') reader.complete()
}

/** Parts as Apollo's clients ask for them. */
export const multipart: Framing = {
  accept: 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json',
  mediaType: 'multipart/mixed',
  parser: (contentType, reader) => {
    const [, boundary = '-'] = /boundary="?([^";]+)"?/i.exec(contentType) ?? []
    const delimiter = `\r\n--${boundary}`
    // The first delimiter may stand at the very beginning.
    let rest = '\r\n'
    return (text) => {
      rest += text
      // A part has come in with the delimiter after it; what follows that may come with the next one, much later.
      for (let end = rest.indexOf(delimiter); end >= 0; end = rest.indexOf(delimiter)) {
        readPart(rest.slice(0, end), reader)
        rest = `${AFTER_DELIMITER}${rest.slice(end + delimiter.length)}`
      }
      if (!rest.startsWith(`${AFTER_DELIMITER}--`)) return
      rest = ''
      reader.complete()
    }
  },
}

/** Stands for the delimiter that was read, so that two dashes behind it are known for the end. */
const AFTER_DELIMITER = '\u0000'

interface Part {
  readonly payload?: Answer | null
  readonly errors?: readonly GraphQLErrorBody[]
}

function readPart(part: string, reader: Reader) {
  const head = part.indexOf('\r\n\r\n')
  if (head < 0) return
  const { payload, errors } = JSON.parse(part.slice(head + 4)) as Part
  if (errors) reader.next({ errors })
  else if (payload) reader.next(payload)
}

export const unsupported = (sentence: string): NedaError => new NedaError(sentence, { code: 'TRANSPORT_UNSUPPORTED', retryable: true })
