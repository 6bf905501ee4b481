import { setTimeout as sleep } from 'node:timers/promises'

export interface DrainOptions<Socket> {
  readonly close: (socket: Socket) => void
  /** Who talks is told last, when it has finished. */
  readonly isTalking: (socket: Socket) => boolean
  /** How long who talks may go on; 0 where its burst ends with this process anyway. */
  readonly patienceMs: number
}

/**
 * All that come back at once would be a herd at whoever takes them in. So they leave at random instants, so many that another instance takes
 * them in about as fast, and all of them within a time that a supervisor waits.
 */
const LEAVING_PER_MS = 0.2
const LONGEST_MS = 5_000
const LOOK_EVERY_MS = 20

/** Sends all sockets away, spread over a time and in no order; those who talk when they have finished. */
export async function drain<Socket>(sockets: ReadonlySet<Socket>, { close, isTalking, patienceMs }: DrainOptions<Socket>): Promise<void> {
  const began = performance.now()
  const spreadMs = Math.min(LONGEST_MS, sockets.size / LEAVING_PER_MS)
  const waiting = new Map([...sockets].map((socket) => [socket, began + Math.random() * spreadMs]))
  for (;;) {
    const now = performance.now()
    for (const [socket, leavesAt] of waiting) {
      const stays = now < leavesAt || (now < began + patienceMs && isTalking(socket))
      if (sockets.has(socket) && stays) continue
      waiting.delete(socket)
      if (sockets.has(socket)) close(socket)
    }
    if (waiting.size === 0) return
    await sleep(LOOK_EVERY_MS)
  }
}
