import { randomUUID } from 'node:crypto'
import { DEMO_GROUP } from '../../prisma/seed.ts'
import { DEMO_PASSWORD } from '../../src/domains/auth/password-login.ts'
import {
  FloorMessageDocument,
  type FloorMessageSubscription,
  GroupsDocument,
  JoinGroupDocument,
  ReleaseTalkDocument,
  RenewTalkDocument,
  RequestTalkDocument,
  RevokeTalkDocument,
  SpeakerChangedDocument,
} from '../../test/generated/operations.ts'
import { type Socket, type Subscription, signIn } from '../../test/support/client.ts'
import type { DeviceKind, VoiceDevice } from './voice-device.ts'

/** One of the demo's people with a device in the room of the demo's group, and the socket over which it presses and hears of others. */
export class Member implements AsyncDisposable {
  readonly device: VoiceDevice
  readonly #socket: Socket
  readonly #groupId: string
  readonly #messages: Subscription<FloorMessageSubscription>
  #requestId = ''
  burstId = ''

  private constructor(device: VoiceDevice, socket: Socket, groupId: string) {
    this.device = device
    this.#socket = socket
    this.#groupId = groupId
    this.#messages = socket.subscribe(FloorMessageDocument, { groupId })
    socket.subscribe(SpeakerChangedDocument, { groupId })
  }

  static async join(url: string, username: string, kind: DeviceKind): Promise<Member> {
    const socket = (await signIn(url, username, DEMO_PASSWORD)).openSocket()
    const { groups } = await socket.get(GroupsDocument, {})
    const groupId = groups.edges.find(({ node }) => node.name === DEMO_GROUP)?.node.id ?? ''
    const { joinGroup } = await socket.get(JoinGroupDocument, { input: { groupId } })
    if (!joinGroup.media) throw new Error(`${username} got no way into the room: ${JSON.stringify(joinGroup.userErrors)}`)
    const device = await kind.open()
    await device.connect(joinGroup.media.url, joinGroup.media.token)
    return new Member(device, socket, groupId)
  }

  async press({ queue = false } = {}) {
    this.#requestId = randomUUID()
    const input = { groupId: this.#groupId, requestId: this.#requestId, queue }
    const { requestTalk } = await this.#socket.get(RequestTalkDocument, { input })
    this.burstId = requestTalk.burst?.id ?? ''
    return requestTalk
  }

  /** Waits until the queue comes to this device, and takes the grant up. */
  async turn(): Promise<void> {
    const { data } = await this.#messages.received.find((told) => told.data?.floorMessage.kind === 'GRANTED')
    this.burstId = data?.floorMessage.burst?.id ?? ''
    await this.#socket.get(RenewTalkDocument, { input: { groupId: this.#groupId, burstId: this.burstId } })
  }

  async release(): Promise<void> {
    await this.#socket.get(ReleaseTalkDocument, { input: { groupId: this.#groupId, requestId: this.#requestId } })
  }

  /** As the manager. */
  async revoke({ burstId }: Member): Promise<void> {
    await this.#socket.get(RevokeTalkDocument, { input: { groupId: this.#groupId, burstId } })
  }

  async [Symbol.asyncDispose]() {
    await this.#socket[Symbol.asyncDispose]()
    await this.device[Symbol.asyncDispose]()
  }
}
