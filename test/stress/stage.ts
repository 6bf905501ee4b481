import { AddGroupMemberDocument, CreateGroupDocument, type CreateGroupInput, type FloorPriority } from '../generated/operations.ts'
import { Client, type Socket } from '../support/client.ts'
import type { Cluster, Instance } from '../support/cluster.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import type { Device, People, Place } from './people.ts'
import type { Random } from './random.ts'
import { agree } from './story.ts'
import { floorOf } from './talk.ts'
import { type Going, keepOn, until } from './until.ts'
import { type FloorWatch, type PresenceWatch, watchFloor, watchPresence } from './watch.ts'

type Settings = Partial<Pick<CreateGroupInput, 'talkLimitMs' | 'queueCapacity' | 'preemptGraceMs'>>

/** A way from a device to an instance that can fail. */
export interface Line extends Place, TcpProxy {}

/** What one scenario plays on: the two instances that all share, and people, groups, sockets and streams of its own. */
export class Stage implements AsyncDisposable {
  readonly cluster: Cluster
  readonly a: Instance
  readonly b: Instance
  readonly random: Random
  readonly #people: People
  readonly #borrowed: Device[] = []
  readonly #owned = new AsyncDisposableStack()
  readonly #floors: FloorWatch[] = []

  /** On the first two instances of the cluster, if none are named. */
  constructor(cluster: Cluster, people: People, random: Random, [a, b]: readonly Instance[] = cluster.instances) {
    if (!a || !b) throw new Error('a stage has two instances')
    this.a = a
    this.b = b
    this.cluster = cluster
    this.random = random
    this.#people = people
  }

  /** One of the two. */
  get either(): Instance {
    return this.random.one([this.a, this.b])
  }

  adminAt({ url }: Place): Client {
    return new Client(url, this.cluster.admin.accessToken)
  }

  async people(count: number): Promise<Device[]> {
    const devices = await this.#people.take(count)
    this.#borrowed.push(...devices)
    return devices
  }

  newcomer(): Promise<Device> {
    return this.#people.newcomer()
  }

  /** A group of a manager and so many members; the order is that of the devices. */
  async team(count: number, settings: Settings = {}) {
    const [manager, ...members] = await this.people(count + 1)
    if (!manager) throw new Error('a team has a manager')
    return { groupId: await this.group(manager, members, settings), manager, members }
  }

  /** A group of a manager and two members. */
  async trio(settings: Settings = {}) {
    const { groupId, manager, members } = await this.team(2, settings)
    const [ben, cleo] = members
    if (!ben || !cleo) throw new Error('two are missing')
    return { groupId, maya: manager, ben, cleo }
  }

  async group(manager: Device, members: readonly Device[], settings: Settings = {}): Promise<string> {
    const input = { name: 'Night watch', managerId: manager.userId, memberIds: members.map(({ userId }) => userId), ...settings }
    const { createGroup } = await this.adminAt(this.a).get(CreateGroupDocument, { input })
    if (!createGroup.group) throw new Error(JSON.stringify(createGroup.userErrors))
    return createGroup.group.id
  }

  async addMember(groupId: string, { userId }: Device, priority: FloorPriority = 'NORMAL', at: Place = this.a): Promise<void> {
    const { addGroupMember } = await this.adminAt(at).get(AddGroupMemberDocument, { input: { groupId, userId, priority } })
    if (addGroupMember.userErrors.length > 0) throw new Error(JSON.stringify(addGroupMember.userErrors))
  }

  socket(device: Device, place: Place): Socket {
    return this.#owned.use(device.at(place).openSocket())
  }

  /** A reader whose story is judged at the end of the scenario, alone and beside the other readers of the floor. */
  async watch(over: Client | Socket, groupId: string, after?: Parameters<typeof watchFloor>[2]): Promise<FloorWatch> {
    const watch = this.#owned.use(await watchFloor(over, groupId, after))
    this.#floors.push(watch)
    return watch
  }

  /** One reader at each instance, over SSE and over a socket. */
  async watchBoth(device: Device, groupId: string): Promise<[FloorWatch, FloorWatch]> {
    return Promise.all([this.watch(device.at(this.a), groupId), this.watch(this.socket(device, this.b), groupId)])
  }

  async watchPresence(over: Client | Socket, groupId: string, after?: { cursor: string }): Promise<PresenceWatch> {
    return this.#owned.use(await watchPresence(over, groupId, after))
  }

  async line(to: Instance): Promise<Line> {
    const proxy = this.#owned.use(await tcpProxy(to.port))
    return Object.assign(proxy, { url: `http://127.0.0.1:${proxy.port}` })
  }

  own<Owned extends Disposable | AsyncDisposable>(owned: Owned): Owned {
    return this.#owned.use(owned)
  }

  defer(undo: () => void | Promise<void>): void {
    this.#owned.defer(undo)
  }

  /** Something that goes on until it is stopped, or the scenario ends. */
  keepOn(act: (n: number) => Promise<unknown>, everyMs = 0): Going {
    return this.#owned.use(keepOn(act, everyMs))
  }

  /** Every open reader of the floor has heard what is true now, without anything new happening. */
  async converged(groupId: string, device: Device, withinMs = 2_500): Promise<void> {
    const { epoch, sequence } = await floorOf(device.at(this.a), groupId)
    const open = this.#floors.filter((watch) => watch.groupId === groupId && !watch.isOver && watch.endCode === undefined)
    const isThere = (watch: FloorWatch) => watch.last?.floor.epoch === epoch && watch.last.floor.sequence >= sequence
    await until(`all ${open.length} readers at ${sequence}`, () => open.every(isThere), withinMs).catch((error: Error) => {
      throw new Error(`${error.message}: they are at ${open.map(({ last }) => last?.floor.sequence).join(' ')}`)
    })
  }

  /** What every reader heard follows from itself and agrees with what the others heard. */
  judge(): void {
    for (const watch of this.#floors) watch.judge()
    const groups = new Set(this.#floors.map(({ groupId }) => groupId))
    for (const group of groups) agree(this.#floors.filter(({ groupId }) => groupId === group).map(({ events }) => events))
  }

  async [Symbol.asyncDispose]() {
    await this.#owned.disposeAsync()
    this.#people.giveBack(this.#borrowed.splice(0))
  }
}
