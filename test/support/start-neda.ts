import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { machine } from './machine.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Neda extends AsyncDisposable {
  readonly url: string
  /** Everything printed so far. */
  printed(): string
  /** Sends a signal to the whole process group, as a terminal does, and waits for the end. */
  end(signal: NodeJS.Signals): Promise<void>
}

/** Starts NEDA by the README's command, as a terminal would: in a process group of its own. */
export async function startNeda(env: Record<string, string>): Promise<Neda> {
  const started = spawnNeda(env)
  const url = await Promise.race([ready(started), ended(started)])
  return {
    url,
    printed: started.printed,
    end: (signal) => end(started.process, signal),
    [Symbol.asyncDispose]: () => end(started.process, 'SIGTERM'),
  }
}

/** NEDA as a process of its own without npm before it, so that a signal meets it and nothing else. */
export interface NedaProcess {
  readonly url: string
  readonly pid: number
  printed(): string
  signal(signal: NodeJS.Signals): void
  /** Sends a signal and waits for the end. Answers the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** The process has ended, whoever ended it. */
  readonly hasEnded: boolean
}

export async function startNedaProcess(env: Record<string, string>): Promise<NedaProcess> {
  const started = spawnNeda(env, process.execPath, ['src/main.ts'], false)
  const { process: child, printed } = started
  const url = await Promise.race([ready(started), ended(started)])
  if (child.pid) machine.follow(child.pid)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  return {
    url,
    pid: child.pid ?? Number.NaN,
    printed,
    signal: (signal) => child.kill(signal),
    end: async (signal) => {
      if (!hasEnded()) {
        const closed = once(child, 'close')
        child.kill(signal)
        await closed
      }
      return child.exitCode
    },
    get hasEnded() {
      return hasEnded()
    },
  }
}

/** A start that is expected to fail: what it printed, and its exit code. */
export async function failingNeda(env: Record<string, string>): Promise<{ code: number | null; printed: string }> {
  const started = spawnNeda(env)
  const [code] = (await once(started.process, 'close')) as [number | null]
  return { code, printed: started.printed() }
}

interface Started {
  readonly process: ChildProcess
  readonly printed: () => string
}

function spawnNeda(env: Record<string, string>, command = 'npm', args = ['start', '--silent'], detached = true): Started {
  // Only what is given here decides: nothing of the environment in which the tests run.
  const { PATH = '', HOME = '', TMPDIR, NODE_COMPILE_CACHE } = process.env
  const surroundings = { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), ...(NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE } : {}) }
  // All that tests ask for comes from one address. What the limit of an address is about sets its own.
  const child = spawn(command, args, { cwd: ROOT, detached, env: { ...surroundings, PORT: '0', REQUESTS_PER_ADDRESS: '1000000', ...env } })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { process: child, printed: () => text }
}

async function ready({ process, printed }: Started): Promise<string> {
  for (;;) {
    const [, url] = /NEDA is ready at (\S+)/.exec(printed()) ?? []
    if (url) return url
    await once(process.stdout ?? process, 'data')
  }
}

async function ended({ process, printed }: Started): Promise<never> {
  const [code] = (await once(process, 'close')) as [number | null]
  throw new Error(`NEDA ended with ${code} before it was ready:\n${printed()}`)
}

/** npm ends by the signal; `close` comes when NEDA itself, which has npm's pipes, has ended too. */
async function end(process: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const closed = once(process, 'close')
  globalThis.process.kill(-(process.pid ?? Number.NaN), signal)
  await closed
}
