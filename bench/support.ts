import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export interface Server extends AsyncDisposable {
  readonly process: ChildProcess
  readonly url: string
}

/** A folder that is gone when the bench ends. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'neda-bench-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Starts a program and waits for the line that says where it listens. */
export async function start(command: string, args: readonly string[], env: Record<string, string>, readyLine: RegExp): Promise<Server> {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    detached: true,
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  while (!readyLine.test(printed)) {
    if (child.exitCode !== null) throw new Error(`${command} ended: ${printed}`)
    await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
  }
  const [, url = ''] = readyLine.exec(printed) ?? []
  return {
    process: child,
    url,
    [Symbol.asyncDispose]: async () => {
      const closed = once(child, 'close')
      process.kill(-(child.pid ?? Number.NaN), 'SIGTERM')
      await closed
    },
  }
}

const WITHOUT_LIMITS = {
  PRESS_RATE: '1000',
  MESSAGES_PER_SOCKET: '1000000',
  REQUESTS_PER_ADDRESS: '1000000',
  STREAMS_PER_USER: '10000',
}

export const startNeda = (folder: string, command = 'node', args: readonly string[] = ['src/main.ts'], env: Record<string, string> = {}) =>
  start(command, args, { NEDA_DATA_DIR: folder, PORT: '0', ...WITHOUT_LIMITS, ...env }, /NEDA is ready at (\S+)/)

export const startBareWs = (eventBytes: number) => start('node', ['bench/peers/bare-ws.ts', String(eventBytes)], {}, /ready at (\d+)/)

/** A socket that hands every message to whoever waits for it, with no library in between. */
export async function openSocket(url: string, protocol?: string, hello?: string): Promise<WebSocket> {
  const socket = new WebSocket(url, protocol ? [protocol] : [], { perMessageDeflate: false })
  await once(socket, 'open')
  if (hello === undefined) return socket
  socket.send(hello)
  await once(socket, 'message')
  return socket
}

export async function graphql<Result>(url: string, query: string, variables: object, token?: string): Promise<Result> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data: Result; errors?: unknown }
  if (errors) throw new Error(JSON.stringify(errors))
  return data
}
