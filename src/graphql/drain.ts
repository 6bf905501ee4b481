import { setTimeout as sleep } from 'node:timers/promises'

export interface DrainOptions<Socket> {
  readonly close: (socket: Socket) => void
  /** Who talks is told last, when it has finished. */
  readonly isTalking: (socket: Socket) => boolean
  /** How long who talks may go on; 0 where its burst ends with this process anyway. */
  readonly patienceMs: number
}

/** All that come back at once would be a herd at whoever takes them in: a slice each 100 ms, all within two seconds. */
const SLICE_EVERY_MS = 100
const SLICES = 20
const SMALLEST_SLICE = 50

/** Sends all sockets away, a few at a time and in no order; those who talk when they have finished. */
export async function drain<Socket>(sockets: ReadonlySet<Socket>, { close, isTalking, patienceMs }: DrainOptions<Socket>): Promise<void> {
  const deadline = performance.now() + patienceMs
  const mayStay = (socket: Socket) => performance.now() < deadline && isTalking(socket)
  const waiting = new Set([...sockets].toSorted(() => Math.random() - 0.5))
  const slice = Math.max(SMALLEST_SLICE, Math.ceil(waiting.size / SLICES))
  for (;;) {
    for (const socket of waiting) if (!sockets.has(socket)) waiting.delete(socket)
    const leaving = [...waiting].filter((socket) => !mayStay(socket)).slice(0, slice)
    for (const socket of leaving) {
      waiting.delete(socket)
      close(socket)
    }
    if (waiting.size === 0) return
    await sleep(SLICE_EVERY_MS)
  }
}
