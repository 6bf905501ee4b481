import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Place } from './herd-socket.ts'

/** Milliseconds of a clock that all processes of a machine share. */
export const instant = () => Number(process.hrtime.bigint()) / 1e6

/** What the process of the sockets is told, one after the other. */
export type Order =
  | { readonly do: 'open'; readonly places: readonly Place[] }
  /** Answered when each socket is live so many times, or not in time. */
  | { readonly do: 'await'; readonly times: number; readonly withinMs: number }
  /** Answered when each socket has heard the last event of its group, or not in time. */
  | { readonly do: 'judge'; readonly last: Readonly<Record<string, number>>; readonly withinMs: number }

export interface Reply {
  /** Of each socket that is: the instant at which it was live for the last time awaited. */
  readonly liveAt: readonly number[]
  /** What went wrong; of many of a kind a few. */
  readonly problems: readonly string[]
  readonly later: number
  readonly unreachable: number
}

/** Thousands of sockets in a process of their own, so that they are not in the way of who measures. */
export class HerdProcess implements AsyncDisposable {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('./sockets.ts', import.meta.url)))

  async order(order: Order): Promise<Reply> {
    this.#child.send(order)
    const ended = once(this.#child, 'exit').then(() => {
      throw new Error('the process of the sockets has ended')
    })
    const [reply] = (await Promise.race([once(this.#child, 'message'), ended])) as [Reply]
    return reply
  }

  async [Symbol.asyncDispose]() {
    if (this.#child.exitCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }
}
