import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Instance, openInstance } from '../linearizability/redis-instance.ts'

/** Something between an instance and Redis that still delivers what a client had sent when the client's connection has gone. */
export interface StrandingRelay extends AsyncDisposable {
  instance(): Promise<Instance>
  /** From now on: the next request breaks its connection, and arrives so much later all the same. */
  strand(lateMs: number): void
}

export async function strandingRelay(target: number): Promise<StrandingRelay> {
  let strandedMs: number | null = null
  const sockets = new Set<Socket>()
  const forward = async (client: Socket, server: Socket, chunk: Buffer) => {
    if (strandedMs === null || !chunk.includes('requestId')) {
      server.write(chunk)
      return
    }
    const lateMs = strandedMs
    strandedMs = null
    client.resetAndDestroy()
    await sleep(lateMs)
    server.write(chunk)
  }
  const server = createServer((client) => {
    const onward = connect(target, '127.0.0.1')
    for (const socket of [client, onward]) {
      sockets.add(socket.setNoDelay(true))
      socket.on('error', () => socket.destroy())
    }
    client.on('data', (chunk: Buffer) => void forward(client, onward, chunk))
    onward.on('data', (chunk: Buffer) => client.write(chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    instance: () => openInstance(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`, { space: '', onError: () => {} }),
    strand: (lateMs) => {
      strandedMs = lateMs
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
