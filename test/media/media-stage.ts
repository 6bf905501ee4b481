import { Client } from '../support/client.ts'
import { Stopwatch } from '../support/machine.ts'
import { createGroup } from '../support/people.ts'
import { House, type HouseOptions } from './house.ts'
import { Radio } from './radio.ts'
import type { MediaDevice, MediaWorld, OpenWorld } from './world.ts'

/** A group, and its people's devices in its room. Maya manages it. */
export interface Team {
  readonly groupId: string
  readonly room: string
  readonly maya: Radio
  readonly ben: Radio
  readonly cleo: Radio
  readonly bensUserId: string
  /** Another device of Ben's, not in the room. */
  secondDevice(): Promise<Client>
}

export interface TeamOptions {
  readonly inRoom?: boolean
  /** They are in no other group: something happens to them, not only to their membership. */
  readonly areStrangers?: boolean
  readonly talkLimitMs?: number
}

/** So often a waiting test looks. */
const LOOK_EVERY_MS = 3

/** A NEDA, or several, and a media server that reports to the first of them. */
export class MediaStage implements AsyncDisposable {
  readonly world: MediaWorld
  readonly house: House

  private constructor(world: MediaWorld, house: House) {
    this.world = world
    this.house = house
  }

  static async open(openWorld: OpenWorld, options: HouseOptions = {}): Promise<MediaStage> {
    await using stack = new AsyncDisposableStack()
    const house = stack.use(await House.build(options))
    const world = stack.use(await openWorld(`${house.urlOf(0)}/webhooks/livekit`))
    await house.start(world.env)
    stack.move()
    return new MediaStage(world, house)
  }

  /** Plays a scene: whoever joins a room in it leaves at its end. */
  async play(scene: (stage: MediaStage) => Promise<void>): Promise<void> {
    const joined: MediaDevice[] = []
    const join = async (token: string) => {
      const device = await this.world.join(token)
      joined.push(device)
      return device
    }
    const { apiKey, apiSecret, env, fake } = this.world
    const { participants, rooms, told, cut, hang, mend } = this.world
    const world = {
      apiKey,
      apiSecret,
      env,
      fake,
      participants,
      rooms,
      told,
      cut,
      hang,
      mend,
      join,
      [Symbol.asyncDispose]: async () => undefined,
    }
    try {
      await scene(new MediaStage(world, this.house))
    } finally {
      await Promise.all(joined.map((device) => device.leave()))
    }
  }

  /** Of the first instance, which hears of the rooms. */
  get url(): string {
    return this.house.urlOf(0)
  }

  get admin(): Client {
    return this.house.admin
  }

  /** The same device, asking another instance. */
  at(instance: number, { accessToken }: Client): Client {
    return new Client(this.house.urlOf(instance), accessToken)
  }

  /** A new group; its people are in the room unless they are to stay outside. */
  async team({ inRoom = true, areStrangers = false, ...settings }: TeamOptions = {}): Promise<Team> {
    const { maya, ben, cleo, watches } = await (areStrangers ? this.house.newPeople() : this.house.people())
    const groupId = await createGroup(this.admin, 'Night watch', maya, [ben, cleo], settings)
    const enter = (watch: Client) => (inRoom ? Radio.inRoom(this.world, watch, groupId) : Radio.outside(this.world, watch, groupId))
    const [mayas, bens, cleos] = await Promise.all([enter(watches.maya), enter(watches.ben), enter(watches.cleo)])
    const secondDevice = () => ben.device('another device')
    return { groupId, room: bens.room, maya: mayas, ben: bens, cleo: cleos, bensUserId: ben.id, secondDevice }
  }

  /** Who may publish in a room. */
  async talkers(room: string): Promise<string[]> {
    const present = await this.world.participants(room)
    return present.filter(({ permission }) => permission?.canPublish).map(({ identity }) => identity)
  }

  /** Who is heard in a room. */
  async audible(room: string): Promise<string[]> {
    const present = await this.world.participants(room)
    return present.filter(({ tracks }) => tracks.some(({ muted }) => !muted)).map(({ identity }) => identity)
  }

  async present(room: string): Promise<string[]> {
    return (await this.world.participants(room)).map(({ identity }) => identity)
  }

  /** Waits until exactly these may publish; answers how long that took. */
  untilTalkers(room: string, expected: readonly Radio[], withinMs = 2_000): Promise<number> {
    return this.#until('may publish', () => this.talkers(room), expected, withinMs)
  }

  untilAudible(room: string, expected: readonly Radio[], withinMs = 2_000): Promise<number> {
    return this.#until('are heard', () => this.audible(room), expected, withinMs)
  }

  untilPresent(room: string, expected: readonly Radio[], withinMs = 3_000): Promise<number> {
    return this.#until('are in the room', () => this.present(room), expected, withinMs)
  }

  async [Symbol.asyncDispose]() {
    await this.house[Symbol.asyncDispose]()
    await this.world[Symbol.asyncDispose]()
  }

  async #until(what: string, look: () => Promise<readonly string[]>, expected: readonly Radio[], withinMs: number): Promise<number> {
    const watch = new Stopwatch()
    const identities = expected.map(({ identity }) => identity).toSorted()
    for (;;) {
      const isLast = watch.isPast(withinMs)
      const now = (await look()).toSorted()
      if (JSON.stringify(now) === JSON.stringify(identities)) return watch.ms
      if (isLast) throw new Error(`these ${what} after ${withinMs} ms: [${now.join(', ')}], not [${identities.join(', ')}]`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
}

/** One test on a stage that it shares with others; what it does to the whole of it, it makes good. */
export type Scene = (name: string, play: (stage: MediaStage) => Promise<void>) => void
