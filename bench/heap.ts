import { once } from 'node:events'
import { createServer } from 'node:net'
import { WebSocket } from 'ws'

/** A port that nobody listens on, for node's inspector. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** What is alive in a process that listens for an inspector: its heap after a collection, and the buffers outside of it, in bytes. */
export async function aliveBytes(inspectorPort: number): Promise<number> {
  const [target] = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json`)).json()) as { webSocketDebuggerUrl: string }[]
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '', { perMessageDeflate: false })
  await once(socket, 'open')
  let lastId = 0
  const ask = async (method: string) => {
    const id = ++lastId
    socket.send(JSON.stringify({ id, method }))
    for (;;) {
      const [data] = (await once(socket, 'message')) as [Buffer]
      const answer = JSON.parse(data.toString()) as { id?: number; result?: { usedSize?: number; backingStorageSize?: number } }
      if (answer.id === id) return answer.result ?? {}
    }
  }
  // What a first collection ends may leave more for the next one.
  for (let n = 0; n < 3; n++) await ask('HeapProfiler.collectGarbage')
  const { usedSize = Number.NaN, backingStorageSize = 0 } = await ask('Runtime.getHeapUsage')
  socket.close()
  await once(socket, 'close')
  return usedSize + backingStorageSize
}
