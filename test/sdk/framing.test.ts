import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Framing, multipart, sse } from '../../sdk/src/transports/framing.ts'

const ANSWERS = [
  { data: { speakerChanged: { kind: 'SNAPSHOT' } } },
  { data: { text: 'two\n\nlines --graphql' } },
  { errors: [{ message: 'm' }] },
]

/** The same three answers, heartbeats between them, and the end. */
const STREAMS: Readonly<Record<string, { framing: Framing; contentType: string; text: string }>> = {
  'server-sent events': {
    framing: sse,
    contentType: 'text/event-stream',
    text: `:\n\n${ANSWERS.map((answer) => `event: next\ndata: ${JSON.stringify(answer)}\n\n:\n\n`).join('')}event: complete\ndata:\n\n`,
  },
  'server-sent events with other ends of lines': {
    framing: sse,
    contentType: 'text/event-stream; charset=utf-8',
    text: `${ANSWERS.map((answer) => `event:next\r\ndata:${JSON.stringify(answer)}\r\n\r\n`).join('')}event: complete\r\ndata:\r\n\r\n`,
  },
  multipart: {
    framing: multipart,
    contentType: 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    text: `\r\n--graphql${[...ANSWERS.map((payload) => ({ payload })), {}].map((part) => `\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(part)}\r\n--graphql`).join('')}--\r\n`,
  },
  'multipart without a line before it, and with another boundary': {
    framing: multipart,
    contentType: 'multipart/mixed; boundary=x-1',
    text: `--x-1${ANSWERS.map((payload) => `\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify({ payload })}\r\n--x-1`).join('')}--\r\n`,
  },
}

describe.each(Object.entries(STREAMS))('%s', (_name, { framing, contentType, text }) => {
  test('are read the same however they are cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const told: unknown[] = []
        const parse = framing.parser(contentType, { next: (answer) => told.push(answer), complete: () => told.push('complete') })
        const ends = [...cuts, text.length].toSorted((a, b) => a - b)
        for (const [index, end] of ends.entries()) parse(text.slice(ends[index - 1] ?? 0, end))
        expect(told).toEqual([...ANSWERS, 'complete'])
      }),
    )
  })
})

test('a part is told when it has come in, not with the next one', () => {
  const told: unknown[] = []
  const parse = multipart.parser('multipart/mixed;boundary=graphql', { next: (answer) => told.push(answer), complete: () => undefined })
  parse('\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{"payload":{"data":{"n":1}}}\r\n--graphql')
  expect(told).toEqual([{ data: { n: 1 } }])
})

test("an error of the stream itself is told as an answer's", () => {
  const told: unknown[] = []
  const parse = multipart.parser('multipart/mixed;boundary=graphql', { next: (answer) => told.push(answer), complete: () => undefined })
  parse('\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{"payload":null,"errors":[{"message":"m"}]}\r\n--graphql--\r\n')
  expect(told).toEqual([{ errors: [{ message: 'm' }] }])
})
