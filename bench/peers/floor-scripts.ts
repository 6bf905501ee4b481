import { Redis } from 'ioredis'
import { type BurstId, type GroupId, newId, type RequestId, type SessionId, type UserId, type VoiceSessionId } from '../../src/ids.ts'
import type { ReleaseTalk, RequestTalk } from '../../src/realtime/engine.ts'
import { Keys } from '../../src/realtime/redis/keys.ts'
import { type CommandName, Scripts } from '../../src/realtime/redis/scripts.ts'
import type { Act } from '../dialects.ts'

/** NEDA's own scripts, called with nothing around them: what a press costs whoever asks for it. */
export class FloorScripts {
  readonly keys = new Keys()
  readonly #scripts = new Scripts()
  readonly #redis: Redis

  constructor(redisUrl: string) {
    this.#redis = new Redis(redisUrl)
  }

  /** What the script answers, as JSON. */
  async act(device: Device, { kind, groupId, requestId }: Act): Promise<string> {
    const id = groupId as GroupId
    if (kind === 'press') return this.#run('request-talk', id, { ...device.press, group: { id, name: 'Channel' }, ...request(requestId) })
    const release: ReleaseTalk = { groupId: id, sessionId: device.press.sessionId, requestId: requestId as RequestId }
    return this.#run('release-talk', id, release)
  }

  async #run(name: CommandName, groupId: GroupId, command: object): Promise<string> {
    const frame = { nextEpoch: 'bench', fencingToken: 0n }
    const { values } = await this.#scripts.run(this.#redis, this.keys, name, this.keys.shardOf(groupId), frame, command)
    return values[0] as string
  }
}

const request = (requestId: string) => ({
  requestId: requestId as RequestId,
  burstId: newId<BurstId>(),
  voiceSessionId: newId<VoiceSessionId>(),
})

/** Somebody with one device: what is the same in each of its presses. */
export class Device {
  readonly press: Omit<RequestTalk, 'group' | keyof ReturnType<typeof request>> & { readonly pressRate: number }

  constructor() {
    this.press = {
      person: { id: newId<UserId>(), username: 'somebody', displayName: 'The person somebody' },
      sessionId: newId<SessionId>(),
      connectionId: null,
      canTalk: true,
      priority: 'NORMAL',
      queue: false,
      talkLimitMs: 30_000,
      queueCapacity: 10,
      preemptGraceMs: 500,
      pressRate: 1_000,
    }
  }
}
