import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.ts'

const LONGEST_BODY = 100_000

/**
 * Reads the JSON of a POST and counts its bytes. In front of Yoga, whose own limit passes every body through a stream and doubles the cost
 * of a request.
 */
export async function readJson(request: IncomingMessage): Promise<object> {
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/(json|graphql\+json|graphql-response\+json)\s*(;|$)/i.test(type))
    throw new Refusal('BAD_REQUEST', { sentence: 'The body of a POST is application/json.' })
  const body = parse(await readText(request))
  if (typeof body !== 'object' || body === null || Array.isArray(body) || !('query' in body) || typeof body.query !== 'string')
    throw new Refusal('BAD_REQUEST', { sentence: 'The body of a POST is one JSON object with a "query".' })
  return body
}

/** The body as it came, its bytes counted. */
export async function readText(request: IncomingMessage): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > LONGEST_BODY) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > LONGEST_BODY) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal('BAD_REQUEST', { sentence: 'The body of a POST is JSON.' })
  }
}

const tooLarge = () => new Refusal('LIMIT_EXCEEDED', { sentence: `A request has at most ${LONGEST_BODY} bytes.` })
