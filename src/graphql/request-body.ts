import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { Refusal } from '../errors.ts'
import { malformed } from './request.ts'

const LONGEST_BODY = 100_000

const JSON_TYPE = /^application\/(json|graphql\+json|graphql-response\+json)\s*(;|$)/i

/**
 * Reads the JSON of a POST and counts its bytes. In front of Yoga, whose own limit passes every body through a stream and doubles the cost
 * of a request. Other types are refused unread: forms are what a foreign page can send without being asked.
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new Refusal('UNSUPPORTED_MEDIA_TYPE', { sentence: 'The body of a POST is application/json.' })
  return parse(await readText(request))
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
  const body = Buffer.concat(chunks)
  if (!isUtf8(body)) throw malformed('The body of a POST is UTF-8.')
  return body.toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('The body of a POST is JSON.')
  }
}

const tooLarge = () => new Refusal('REQUEST_ENTITY_TOO_LARGE', { sentence: `A request has at most ${LONGEST_BODY} bytes.` })
