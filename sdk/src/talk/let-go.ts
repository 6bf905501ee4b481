import { sleep } from '../clock.ts'
import type { Environment } from '../environment.ts'
import { asNedaError } from '../errors.ts'
import type { TalkPort } from './talk-port.ts'

/** After that every lease has ended by itself. */
const TRY_FOR_MS = 15_000
const ATTEMPT_MS = 2_000
const RETRY_MS = 2_000

/** Tells the server that the button is up, under every name of the press, until it is heard: the server takes it as often as it comes. */
export async function letGo({ port, environment }: { port: TalkPort; environment: Environment }, names: readonly string[]): Promise<void> {
  const { clock, random } = environment
  const until = clock.now() + TRY_FOR_MS
  for (let attempt = 0; clock.now() < until; attempt++) {
    try {
      const fast = attempt % 2 === 0
      await Promise.all(names.map((name) => port.release(name, { timeoutMs: ATTEMPT_MS, fast })))
      return
    } catch (thrown) {
      // Who may not say it holds nothing any more.
      if (!asNedaError(thrown).retryable) return
      await sleep(clock, random() * Math.min(RETRY_MS, 100 * 2 ** attempt))
    }
  }
}
