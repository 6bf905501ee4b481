import type { WebSocket } from 'ws'
import { newId } from '../src/ids.ts'
import { type Act, type Dialect, DONE } from './dialects.ts'
import { openSocket } from './support.ts'

/** A device with a socket and a group of its own: presses, releases, presses. */
export class Talker implements Disposable {
  readonly #socket: WebSocket
  readonly #dialect: Dialect
  readonly #groupId: string
  readonly #waiting = new Map<string, PromiseWithResolvers<string>>()
  /** A request is remembered for minutes: no two talkers may name theirs alike. */
  readonly #name = newId()
  #acts = 0

  constructor(socket: WebSocket, dialect: Dialect, groupId: string) {
    this.#socket = socket
    this.#dialect = dialect
    this.#groupId = groupId
    socket.on('message', (data: Buffer) => this.#hear(data.toString()))
    socket.on('close', (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`a socket was closed with ${code}`))
    })
  }

  /** Presses or releases, by turns; resolves at the answer, and rejects if that is not what was meant to happen. */
  async act(): Promise<void> {
    const n = this.#acts++
    const kind = n % 2 === 0 ? 'press' : 'release'
    const act: Act = { kind, groupId: this.#groupId, requestId: `${this.#name}-${n >> 1}` }
    const waiting = Promise.withResolvers<string>()
    this.#waiting.set(String(n), waiting)
    this.#socket.send(this.#dialect.act(String(n), act))
    const answer = await waiting.promise
    if (!answer.includes(DONE[kind])) throw new Error(`the ${kind} was answered ${answer}`)
  }

  [Symbol.dispose]() {
    this.#socket.terminate()
  }

  #hear(text: string) {
    if (!text.includes(this.#dialect.answerMark)) return
    const { id } = JSON.parse(text) as { id: string }
    this.#waiting.get(id)?.resolve(text)
    this.#waiting.delete(id)
  }
}

export async function openTalker(url: string, dialect: Dialect, groupId: string): Promise<Talker> {
  return new Talker(await openSocket(url, dialect.protocol, dialect.hello), dialect, groupId)
}
