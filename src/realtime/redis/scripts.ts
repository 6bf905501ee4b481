import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import type { Holding } from '../engine.ts'
import type { Keys, Shard } from './keys.ts'

/** One script per command: lua/<command>.lua behind the rules that all share. */
const COMMANDS = [
  'request-talk',
  'renew-talk',
  'release-talk',
  'revoke-talk',
  'abandon-talk',
  'join-group',
  'leave-group',
  'heartbeat',
  'connection-closed',
  'evict',
  'forbid-talk',
  'mute-member',
  'unmute-member',
  'muted-until',
  'close-group',
  'read-floor',
  'read-presence',
  'heads',
  'sweep',
] as const
export type CommandName = (typeof COMMANDS)[number]

const RULES = ['tell', 'requests', 'queue', 'burst', 'presence', 'rights', 'deadlines', 'log']

export interface Script {
  readonly text: string
  readonly sha: string
}

/** What every command gets beside itself; see lua/rules/group.lua. */
export interface Frame {
  /** Engine time where tests set it; otherwise Redis' own. */
  readonly time?: number | undefined
  /** Engine time in ms after which the command changes nothing. */
  readonly notAfter?: number | undefined
  /** What an epoch is called that this command might begin, and the token that all of its tokens are greater than. */
  readonly nextEpoch: string
  readonly fencingToken: bigint
}

export interface Reply {
  readonly isLate: boolean
  /** Redis TIME in µs. */
  readonly micros: number
  /** When something in the shard falls due by itself, in ms of engine time. */
  readonly dueAt: number | null
  /** Who got or lost a floor. */
  readonly holdings: readonly Holding[]
  readonly values: readonly unknown[]
}

export class Scripts {
  readonly #scripts: Readonly<Record<CommandName, Script>>

  constructor(scripts = readScripts()) {
    this.#scripts = scripts
  }

  async run(redis: Redis, keys: Keys, name: CommandName, shard: Shard, frame: Frame, command: object): Promise<Reply> {
    const { text, sha } = this.#scripts[name]
    const { time = '', notAfter = '', nextEpoch, fencingToken } = frame
    const args = [keys.epoch(shard), shard, time, notAfter, `${nextEpoch} ${fencingToken}`, JSON.stringify(command)]
    const reply = await redis.evalsha(sha, 1, ...args).catch((error: unknown) => {
      // Redis forgot its scripts when it was started again.
      if (error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('NOSCRIPT')) return redis.eval(text, 1, ...args)
      throw error
    })
    const [outcome, micros, dueAt, holdings, ...values] = reply as [string, string, string, string, ...unknown[]]
    return {
      isLate: outcome === 'LATE',
      micros: Number(micros),
      dueAt: dueAt ? Number(dueAt) : null,
      holdings: holdings ? (JSON.parse(holdings) as Holding[]) : [],
      values,
    }
  }
}

/** `mend` lets a test plant a bug in a file. */
export function readScripts(mend = (_file: string, text: string) => text): Readonly<Record<CommandName, Script>> {
  const read = (file: string) => mend(file, readFileSync(new URL(`lua/${file}.lua`, import.meta.url), 'utf8'))
  // Each file's own locals are its own; group.lua's are everybody's.
  const rules = [read('rules/group'), ...RULES.map((file) => `do\n${read(`rules/${file}`)}\nend`)].join('\n')
  const scripts = COMMANDS.map((name) => {
    const text = `${rules}\n${read(name)}`
    return [name, { text, sha: createHash('sha1').update(text).digest('hex') }] as const
  })
  return Object.fromEntries(scripts) as Record<CommandName, Script>
}
