/** The process of the sockets: see herd-process.ts. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Order, Reply } from './herd-process.ts'
import { HerdSocket, type Place } from './herd-socket.ts'

/** So that a herd is not opened as one. */
const OPENED_AT_ONCE = 25
const MOST_TOLD = 10

const sockets: { readonly socket: HerdSocket; readonly groupId: string }[] = []

async function openAll(places: readonly Place[]): Promise<void> {
  for (const [n, place] of places.entries()) {
    sockets.push({ socket: new HerdSocket(place), groupId: place.groupId })
    if (n % OPENED_AT_ONCE === 0) await sleep(50)
  }
}

async function within(ms: number, isTrue: () => boolean): Promise<void> {
  const began = performance.now()
  while (!isTrue() && performance.now() - began < ms) await sleep(10)
}

async function obey(order: Order): Promise<Reply> {
  if (order.do === 'open') await openAll(order.places)
  if (order.do === 'await') await within(order.withinMs, () => sockets.every(({ socket }) => socket.liveAt.length >= order.times))
  if (order.do === 'judge')
    await within(order.withinMs, () => sockets.every(({ socket, groupId }) => socket.sequence >= (order.last[groupId] ?? 0)))
  const behind = sockets.filter(({ socket, groupId }) => order.do === 'judge' && socket.sequence !== order.last[groupId])
  const problems = [...sockets.flatMap(({ socket }) => socket.problems), ...behind.map(({ socket }) => `it ends at ${socket.sequence}`)]
  const times = order.do === 'await' ? order.times : 1
  return {
    liveAt: sockets.flatMap(({ socket }) => socket.liveAt[times - 1] ?? []),
    problems: problems.length > MOST_TOLD ? [...problems.slice(0, MOST_TOLD), `and ${problems.length - MOST_TOLD} more`] : problems,
    later: sockets.reduce((sum, { socket }) => sum + socket.turnedAway.later, 0),
    unreachable: sockets.reduce((sum, { socket }) => sum + socket.turnedAway.unreachable, 0),
  }
}

process.on('message', (order: Order) => void obey(order).then((reply) => process.send?.(reply)))
process.once('disconnect', () => process.exit(0))
