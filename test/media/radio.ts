import { randomUUID } from 'node:crypto'
import { JoinGroupDocument } from '../generated/operations.ts'
import { until } from '../stress/until.ts'
import type { Client } from '../support/client.ts'
import { press, release, renew } from '../support/talk.ts'
import type { MediaDevice, MediaWorld } from './world.ts'

const RENEW_EVERY_MS = 1_000

/** A member's device: signed in to NEDA, and in the room of one group once it has entered. */
export class Radio {
  readonly client: Client
  readonly groupId: string
  readonly identity: string
  readonly room: string
  readonly #world: MediaWorld
  #device: MediaDevice | null = null
  #requestId: string = randomUUID()
  #burstId = ''

  private constructor(world: MediaWorld, client: Client, groupId: string, { identity, room }: { identity: string; room: string }) {
    this.#world = world
    this.client = client
    this.groupId = groupId
    this.identity = identity
    this.room = room
  }

  /** Knows its room, and is not in it. */
  static async outside(world: MediaWorld, client: Client, groupId: string): Promise<Radio> {
    return new Radio(world, client, groupId, await listenGrant(client, groupId))
  }

  /** In its room, and known there to NEDA. */
  static async inRoom(world: MediaWorld, client: Client, groupId: string): Promise<Radio> {
    const radio = await Radio.outside(world, client, groupId)
    await radio.enter()
    await radio.untilState('READY')
    return radio
  }

  get device(): MediaDevice {
    if (!this.#device) throw new Error('it is not in the room')
    return this.#device
  }

  listenGrant() {
    return listenGrant(this.client, this.groupId)
  }

  async untilState(state: string): Promise<number> {
    return until(`it is told ${state}`, async () => (await this.listenGrant()).state === state, 2_000)
  }

  /** Connects to the room, with a token to listen if it is given none. */
  async enter(token?: string): Promise<MediaDevice> {
    this.#device = await this.#world.join(token ?? (await this.listenGrant()).token)
    return this.#device
  }

  /** Presses the button, of the same device also at another instance. Fails unless it is granted. */
  async press({ client = this.client, ...more }: { client?: Client } & Parameters<typeof press>[3] = {}) {
    this.#requestId = randomUUID()
    const { outcome, burst, media, denyReason } = await press(client, this.groupId, this.#requestId, more)
    if (outcome !== 'GRANTED' || !burst || !media) throw new Error(`not granted: ${outcome} ${denyReason}`)
    this.#burstId = burst.id
    return { burst, media }
  }

  /** Presses, and asks to wait if the floor is taken. */
  async queue() {
    this.#requestId = randomUUID()
    return press(this.client, this.groupId, this.#requestId, { queue: true })
  }

  release(client = this.client) {
    return release(client, this.groupId, this.#requestId)
  }

  /** Takes up a grant out of the queue. */
  repeat() {
    return press(this.client, this.groupId, this.#requestId)
  }

  /** Shows that it still talks, until the result is disposed of. */
  keepTalking(): Disposable {
    const renewals = setInterval(() => {
      // Whether it goes on is seen in the room.
      renew(this.client, this.groupId, this.#burstId).catch(() => undefined)
    }, RENEW_EVERY_MS)
    return { [Symbol.dispose]: () => clearInterval(renewals) }
  }
}

async function listenGrant(client: Client, groupId: string) {
  const { joinGroup } = await client.get(JoinGroupDocument, { input: { groupId } })
  if (!joinGroup.media) throw new Error('no way into the room')
  return joinGroup.media
}
