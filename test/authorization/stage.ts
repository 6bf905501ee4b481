import {
  AssignGroupManagerDocument,
  DisableUserDocument,
  LoginDocument,
  MuteMemberDocument,
  ReleaseTalkDocument,
  RemoveGroupMemberDocument,
  RequestTalkDocument,
  RevokeTalkDocument,
  StartDevicePairingDocument,
  type SystemRole,
  UpdateGroupDocument,
} from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { addMember, createGroup, createPerson, PASSWORD, type Person } from '../support/people.ts'
import { press, release, renew } from '../support/talk.ts'
import { type Data, type Line, operation } from './play.ts'

export const KINDS = ['anonymous', 'outsider', 'member', 'manager', 'former manager', 'former member', 'disabled', 'admin'] as const
export type Kind = (typeof KINDS)[number]

/** A person whose password may have changed since. */
interface Account {
  readonly person: Person
  password: string
}

/** A signed-in device, or one of nobody. */
export interface Device extends Line {
  readonly kind: Kind
  readonly account: Account | null
  readonly sessionId: string
  readonly refreshToken: string
}

/** The things that are asked for, by their ids. */
export interface Objects {
  readonly groupId: string
  /** A member whom no kind is. */
  readonly userId: string
  /** Of the member who is muted. */
  readonly mutedId: string
  readonly membershipId: string
  /** Of a device of that member. */
  readonly sessionId: string
  readonly burstId: string
}

export type Stage = Awaited<ReturnType<typeof setStage>>

/** One group, and one device of each kind of people; and of each kind another person, whose devices are for signing out and the like. */
export async function setStage(url: string, admin: Client) {
  const [first, second] = [await createKinds(url, admin, 'Night watch'), await createKinds(url, admin, 'Day watch')]
  const nobody: Device = { ...lineOf(url, null), kind: 'anonymous', account: null, sessionId: '', refreshToken: 'unknown' }
  const { groupId, bystander, muted, devices } = first
  const bystanders = await signIn(url, 'member', { person: bystander, password: PASSWORD })
  const watch = bystanders.client
  const manager = devices.manager.client
  let talks = { requestId: '', burstId: '' }

  /** The burst of the bystander: the one that runs, or a new one. */
  const talking = async (): Promise<string> => {
    if (talks.burstId && (await renew(watch, groupId, talks.burstId)).renewed) return talks.burstId
    const requestId = fresh('talk')
    const { burst, outcome } = await press(watch, groupId, requestId)
    if (outcome !== 'GRANTED' || !burst) throw new Error(`the bystander was not granted the floor: ${outcome}`)
    talks = { requestId, burstId: burst.id }
    return burst.id
  }
  const silent = async () => {
    await release(watch, groupId, talks.requestId)
  }
  /** Lets a device wait for the floor and have it: that is said to it. Who may not talk is refused. */
  const wait = async ({ client }: Device) => {
    await talking()
    const input = { groupId, requestId: fresh('wait') }
    await client.ask(RequestTalkDocument, { input: { ...input, queue: true } })
    await silent()
    await client.ask(ReleaseTalkDocument, { input })
  }
  const mute = async (durationMs = 3_600_000) => {
    await manager.get(MuteMemberDocument, { input: { groupId, userId: muted.id, durationMs } })
  }

  // Something to find in the record.
  const burstId = await talking()
  await manager.get(RevokeTalkDocument, { input: { groupId, burstId } })
  await mute()
  const objects: Objects = {
    groupId,
    userId: bystander.id,
    mutedId: muted.id,
    membershipId: await membershipOf(admin, groupId, muted.id),
    sessionId: bystanders.sessionId,
    burstId,
  }
  return {
    url,
    admin,
    objects,
    talking,
    silent,
    wait,
    mute,
    device: (kind: Kind): Device => (kind === 'anonymous' ? nobody : devices[kind]),
    /** Of the second person of that kind, as often as it is asked for; who cannot sign in any more has the old one. */
    async throwAway(kind: Kind): Promise<Device> {
      if (kind === 'anonymous') return nobody
      const device = second.devices[kind]
      return kind === 'disabled' || !device.account ? device : signIn(url, kind, device.account)
    },
    isKept: (device: Device): boolean =>
      device === nobody || [devices, second.devices].some((kept) => Object.values(kept).includes(device)),
    spareUser: (): Promise<Person> => createPerson(admin, 'Spare'),
    async spareGroup() {
      const [manager, member] = [await createPerson(admin, 'Spare manager'), await createPerson(admin, 'Spare member')]
      return { groupId: await createGroup(admin, 'Spare', manager, [member]), memberId: member.id }
    },
    async pairing() {
      const { startDevicePairing } = await new Client(url).get(StartDevicePairingDocument, { input: { deviceName: 'Watch' } })
      const { deviceCode, userCode } = startDevicePairing
      if (!deviceCode || !userCode) throw new Error('no pairing was started')
      return { deviceCode, userCode }
    },
    async [Symbol.asyncDispose]() {
      const all = [nobody, bystanders, ...Object.values(devices), ...Object.values(second.devices)]
      await Promise.all(all.map(({ socket }) => socket[Symbol.asyncDispose]()))
    },
  }
}

let made = 0
export const fresh = (what: string) => `${what}-${++made}`

const lineOf = (url: string, accessToken: string | null): Line => {
  const client = new Client(url, accessToken)
  return { client, socket: client.openSocket() }
}

export async function signIn(url: string, kind: Kind, account: Account): Promise<Device> {
  const { person, password } = account
  const { login } = await new Client(url).get(LoginDocument, { input: { username: person.username, password, deviceName: kind } })
  const { accessToken, refreshToken, session } = login
  if (!accessToken || !refreshToken || !session) throw new Error('not signed in')
  return { ...lineOf(url, accessToken), kind, account, sessionId: session.id, refreshToken }
}

/** A group, and somebody of each kind, each signed in while it still could. */
async function createKinds(url: string, admin: Client, groupName: string) {
  const create = async (name: string, role: SystemRole = 'USER') => await createPerson(admin, name, role)
  const people = {
    outsider: await create('Otto'),
    member: await create('Mia'),
    manager: await create('Maya'),
    'former manager': await create('Fred'),
    'former member': await create('Finn'),
    disabled: await create('Dora'),
    admin: await create('Ada', 'ADMIN'),
  }
  const [bystander, muted] = [await create('Ben'), await create('Moe')]
  const { outsider, manager, member, disabled, ...others } = people
  const former = { manager: others['former manager'], member: others['former member'] }
  const groupId = await createGroup(admin, groupName, former.manager, [], { talkLimitMs: 300_000 })
  for (const { id } of [member, manager, former.member, disabled, bystander, muted]) await addMember(admin, groupId, id)
  await admin.get(UpdateGroupDocument, { input: { groupId, description: 'Those who are awake' } })
  await createGroup(admin, `${groupName} of others`, outsider)

  const entries = Object.entries(people) as [Exclude<Kind, 'anonymous'>, Person][]
  const devices: Partial<Record<Kind, Device>> = {}
  for (const [kind, person] of entries) devices[kind] = await signIn(url, kind, { person, password: PASSWORD })

  await admin.get(AssignGroupManagerDocument, { input: { groupId, userId: manager.id } })
  await admin.get(RemoveGroupMemberDocument, { input: { groupId, userId: former.member.id } })
  await admin.get(DisableUserDocument, { input: { userId: disabled.id } })
  return { groupId, bystander, muted, devices: devices as Record<Exclude<Kind, 'anonymous'>, Device> }
}

export async function membershipOf(admin: Client, groupId: string, userId: string): Promise<string> {
  const document = operation('query ($id: ID!) { group(id: $id) { members { edges { node { id user { id } } } } } }')
  const { group } = (await admin.get(document, { id: groupId })) as { group: Data }
  const { edges } = group.members as { edges: { node: { id: string; user: { id: string } } }[] }
  const [found] = edges.filter(({ node }) => node.user.id === userId)
  if (!found) throw new Error('the member is not found')
  return found.node.id
}
