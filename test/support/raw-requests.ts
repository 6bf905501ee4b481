import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Answer } from './client.ts'

/** The ways in which an operation reaches NEDA. An attack is tried over each of them. */
export const WAYS = ['POST', 'SSE', 'multipart', 'WebSocket'] as const
export type Way = (typeof WAYS)[number]

export interface Asked {
  readonly query?: string
  readonly variables?: object
  readonly operationName?: string
  readonly extensions?: object
  readonly documentId?: string
}

const ACCEPT = {
  POST: 'application/json',
  SSE: 'text/event-stream',
  multipart: 'multipart/mixed',
}

/** Sends whatever is given, as no well-behaved client would, and answers the first result. */
export async function askOver(way: Way, url: string, asked: Asked, accessToken: string | null = null): Promise<Answer<unknown>> {
  const authorization = accessToken === null ? {} : { authorization: `Bearer ${accessToken}` }
  if (way === 'WebSocket') return askSocket(url, asked, authorization)
  const headers = { accept: ACCEPT[way], 'content-type': 'application/json', ...authorization }
  const abort = new AbortController()
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, signal: abort.signal, body: JSON.stringify(asked) })
  const isStream = response.headers.get('content-type')?.startsWith(ACCEPT[way]) && way !== 'POST'
  return isStream ? firstJson(response, abort) : ((await response.json()) as Answer<unknown>)
}

/** The JSON of the first event or part of a stream. */
async function firstJson(response: Response, abort: AbortController): Promise<Answer<unknown>> {
  let text = ''
  const reader = response.body?.getReader()
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { done: true }
    if (done) throw new Error(`the stream ended without a result: ${text}`)
    text += new TextDecoder().decode(value)
    const json = /^(?:data: )?(\{.*\})\r?$/m.exec(text)?.[1]
    if (json === undefined) continue
    abort.abort()
    return JSON.parse(json) as Answer<unknown>
  }
}

interface Message {
  readonly type: string
  readonly payload?: unknown
}

async function askSocket(url: string, asked: Asked, payload: object): Promise<Answer<unknown>> {
  await using socket = await openRawSocket(url, payload)
  socket.send({ id: '1', type: 'subscribe', payload: asked })
  const { type, payload: result } = await socket.next()
  return type === 'error' ? { errors: result as NonNullable<Answer<unknown>['errors']> } : (result as Answer<unknown>)
}

export interface RawSocket extends AsyncDisposable {
  send(message: object | string | Buffer): void
  next(): Promise<Message>
  readonly closed: Promise<{ code: number; reason: string }>
}

/** A WebSocket over which anything may be sent. With `init`, the connection is begun as it should be. */
export async function openRawSocket(
  url: string,
  init?: object,
  protocol: string | string[] = 'graphql-transport-ws',
  headers = {},
): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol, { headers })
  const messages: Message[] = []
  let wake = Promise.withResolvers<void>()
  socket.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString()) as Message)
    wake.resolve()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  const next = async (): Promise<Message> => {
    for (;;) {
      const message = messages.shift()
      if (message) return message
      const ended = closed.then(({ code, reason }) => Promise.reject(new Error(`the socket was closed: ${code} ${reason}`)))
      await Promise.race([wake.promise, ended])
      wake = Promise.withResolvers<void>()
    }
  }
  const send = (message: object | string | Buffer) =>
    socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message))
  await once(socket, 'open')
  if (init) {
    send({ type: 'connection_init', payload: init })
    await next()
  }
  return {
    send,
    next,
    closed,
    [Symbol.asyncDispose]: async () => {
      socket.close()
      await closed
    },
  }
}
