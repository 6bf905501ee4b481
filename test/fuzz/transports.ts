import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Asked } from './documents.ts'

/** What came back, as text: of a request, or of an operation over a socket, a message in each line. */
export interface Reply {
  readonly text: string
  /** The HTTP status; null over a socket. */
  readonly status: number | null
  /** With which code the socket was closed, if it was. */
  readonly closed: number | null
}

const QUIET_MS = 60

export async function post(url: string, token: string | null, asked: Asked, accept: string): Promise<Reply> {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` }
  const headers = { 'content-type': 'application/json', accept, ...authorization }
  const abort = new AbortController()
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify(asked), signal: abort.signal })
  const { status } = response
  // A stream goes on until it is left.
  if (!response.headers.get('content-type')?.includes('text/event-stream')) return { text: await response.text(), status, closed: null }
  let text = ''
  const reading = (async () => {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk)
  })().catch(() => undefined)
  await Promise.race([reading, sleep(QUIET_MS)])
  abort.abort()
  return { text, status, closed: null }
}

/** One socket that is opened again when it was closed. */
export class FuzzSocket implements AsyncDisposable {
  readonly #url: string
  readonly #token: string | null
  #socket: WebSocket | null = null
  #lastId = 0

  constructor(url: string, token: string | null) {
    this.#url = `${url.replace('http', 'ws')}/graphql`
    this.#token = token
  }

  async ask(asked: Asked): Promise<Reply> {
    const socket = await this.#opened()
    if (typeof socket === 'number') return { text: '', status: null, closed: socket }
    const id = `${++this.#lastId}`
    let text = ''
    const { promise, resolve } = Promise.withResolvers<number | null>()
    const isStream = asked.query.startsWith('subscription')
    const hear = (data: Buffer) => {
      const message = data.toString()
      text += `${message}\n`
      const { type, id: of } = JSON.parse(message) as { type: string; id?: string }
      if (of === id && (isStream || type !== 'next')) resolve(null)
    }
    const close = (code: number) => resolve(code)
    socket.on('message', hear).on('close', close)
    socket.send(JSON.stringify({ id, type: 'subscribe', payload: asked }))
    // Of a stream nothing may come at all. Of anything else something must.
    const closed = await (isStream ? Promise.race([promise, sleep(QUIET_MS, null)]) : promise)
    socket.off('message', hear).off('close', close)
    if (isStream && closed === null) socket.send(JSON.stringify({ id, type: 'complete' }))
    return { text, status: null, closed }
  }

  /** A socket that was greeted, or with which code it was not. */
  async #opened(): Promise<WebSocket | number> {
    if (this.#socket?.readyState === WebSocket.OPEN) return this.#socket
    const socket = new WebSocket(this.#url, 'graphql-transport-ws')
    this.#socket = socket
    await once(socket, 'open')
    const closed = once(socket, 'close').then(([code]) => Number(code))
    socket.send(
      JSON.stringify({ type: 'connection_init', payload: this.#token === null ? {} : { authorization: `Bearer ${this.#token}` } }),
    )
    return Promise.race([once(socket, 'message').then(() => socket), closed])
  }

  async [Symbol.asyncDispose]() {
    if (this.#socket === null || this.#socket.readyState === WebSocket.CLOSED) return
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }
}
