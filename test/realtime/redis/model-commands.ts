import type { CommandName as MemoryCommand } from '../../../src/realtime/memory/decide.ts'
import type { CommandName } from '../../../src/realtime/redis/scripts.ts'
import { readAnswer, readFloor } from '../../../src/realtime/redis/wire.ts'
import type { commandOf } from '../sequences.ts'
import type { Real } from './model-real.ts'

type Command = ReturnType<typeof commandOf>

/** The script of each command, and how its answer is read. */
const SCRIPTS: Readonly<Partial<Record<MemoryCommand, readonly [CommandName, (values: readonly unknown[]) => unknown]>>> = {
  requestTalk: ['request-talk', ([json]) => readAnswer(json as string)],
  renewTalk: ['renew-talk', ([json]) => readAnswer(json as string)],
  releaseTalk: ['release-talk', ([json]) => readAnswer(json as string)],
  revokeTalk: ['revoke-talk', ([json]) => readAnswer(json as string)],
  joinGroup: ['join-group', ([json]) => readFloor(json as string)],
  leaveGroup: ['leave-group', ([json]) => readFloor(json as string)],
  heartbeat: ['heartbeat', ([present]) => (present as string[][])[0]?.length === 1],
  connectionClosed: ['connection-closed', () => undefined],
  evict: ['evict', () => undefined],
  forbidTalk: ['forbid-talk', () => undefined],
  muteMember: ['mute-member', ([until]) => Number(until)],
  unmuteMember: ['unmute-member', () => undefined],
  closeGroup: ['close-group', () => undefined],
  readFloor: ['read-floor', ([json]) => readFloor(json as string)],
}

/** Scripts that serve many groups or sessions take lists. */
function asScriptTakesIt(name: CommandName, command: Command) {
  if (name === 'heartbeat') return { beats: [{ sessionId: command.sessionId }] }
  if (name === 'connection-closed') return { closed: [command] }
  return command
}

export async function take(real: Real, name: MemoryCommand, command: Command, time: number): Promise<unknown> {
  const [script, read] = SCRIPTS[name] ?? ['read-floor', () => undefined]
  // These two leave groups alone in which nothing hangs on the device; what is due there falls by itself.
  if (script === 'heartbeat' || script === 'connection-closed') await real.readFloor(time)
  return read((await real.run(script, asScriptTakesIt(script, command), time)).values)
}
