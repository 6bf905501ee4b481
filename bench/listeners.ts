import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { WebSocket } from 'ws'
import { bareDialect, type Dialect, graphqlDialect } from './dialects.ts'
import { now } from './load.ts'
import { openSocket } from './support.ts'

/**
 * Many sockets that watch one group, in a process of their own, so that hearing a thousand of them is not in the way of who measures. Each socket
 * must hear every event once: a count that is wrong fails the bench.
 */
export interface Watch {
  readonly url: string
  /** Of NEDA; null for the bare server. */
  readonly accessToken: string | null
  readonly groupId: string
  readonly sockets: number
}

export interface Listeners extends AsyncDisposable {
  /** Resolves when each socket heard so many more events, with the instants at which the last one heard each of them. */
  readonly heard: (events: number) => Promise<number[]>
}

/** When nothing came for so long, the rest does not come any more; what comes too often comes at once. */
const SILENCE_MS = 10_000
const SURPLUS_MS = 50
/** So many sockets are opened at once. */
const OPENED_AT_ONCE = 50

if (process.argv[1] === fileURLToPath(import.meta.url)) listen()

export async function openListeners(watch: Watch): Promise<Listeners> {
  const child = fork(fileURLToPath(import.meta.url))
  child.send(watch)
  await reply(child)
  return {
    heard: async (events) => {
      child.send(events)
      const lastAt = await reply(child)
      if (!Array.isArray(lastAt)) throw new Error(`not every subscriber heard every event once: ${String(lastAt)}`)
      return lastAt as number[]
    },
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

async function reply(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit').then(() => {
    throw new Error('the listeners ended')
  })
  const [message] = (await Promise.race([once(child, 'message'), ended])) as unknown[]
  return message
}

/** The child: watches what its first message says, then tells how often each socket heard something. */
function listen() {
  const counts: number[] = []
  const lastAt: number[] = []
  const hear = (n: number) => {
    const event = counts[n] ?? 0
    counts[n] = event + 1
    lastAt[event] = now()
  }
  const collect = async (events: number) => {
    const began = now()
    while (Math.min(...counts) < events && now() - Math.max(began, lastAt.at(-1) ?? 0) < SILENCE_MS) await sleep(5)
    await sleep(SURPLUS_MS)
    const [least, most] = [Math.min(...counts), Math.max(...counts)]
    process.send?.(least === events && most === events ? lastAt : `${least} to ${most} instead of ${events}`)
    counts.fill(0)
    lastAt.length = 0
  }
  process.once('message', (watch: Watch) => {
    process.on('message', (events: number) => void collect(events))
    void openAll(watch, counts, hear).then(() => process.send?.('listening'))
  })
  process.once('disconnect', () => process.exit(0))
}

async function openAll({ url, accessToken, groupId, sockets }: Watch, counts: number[], hear: (n: number) => void): Promise<void> {
  const dialect = accessToken === null ? bareDialect() : graphqlDialect(accessToken)
  for (let n = 0; n < sockets; n++) counts.push(0)
  for (let from = 0; from < sockets; from += OPENED_AT_ONCE) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, sockets - from) }, (_, m) => from + m)
    await Promise.all(
      some.map(async (n) => watchOn(await openSocket(url, dialect.protocol, dialect.hello), dialect, groupId, () => hear(n))),
    )
  }
}

async function watchOn(socket: WebSocket, dialect: Dialect, groupId: string, hear: () => void): Promise<void> {
  socket.send(dialect.watch(groupId))
  // How things stand; events come after it.
  await once(socket, 'message')
  socket.on('message', (data: Buffer) => {
    if (data.includes(dialect.eventMark)) hear()
  })
  socket.on('close', () => process.exit(1))
}
