import {
  ApproveDevicePairingDocument,
  ConfirmTotpDocument,
  DisableTotpDocument,
  JoinGroupDocument,
  ReleaseTalkDocument,
  StartTotpDocument,
} from '../generated/operations.ts'
import { authenticator } from '../support/authenticator.ts'
import { PASSWORD } from '../support/people.ts'
import type { Data, Transport, Variables } from './play.ts'
import { type Device, fresh, type Objects, type Stage } from './stage.ts'

/** What a request is made for. */
interface Asking {
  readonly by: Device
  readonly objects: Objects
  readonly stage: Stage
  /** Whether the table says that it succeeds: then it has to be made so that it does, and that nothing else breaks of it. */
  readonly succeeds: boolean
}

export interface Request {
  readonly variables?: (asking: Asking) => Variables | Promise<Variables>
  /** The field of the answer that tells, if not the whole. */
  readonly part?: string
  /** Ends the session of who asks, or changes its account: asked by somebody who is there for that. */
  readonly throwAway?: boolean
  readonly over?: readonly Transport[]
  /** Puts back what it changed. */
  readonly after?: (asking: Asking, variables: Variables, data: Data | null | undefined) => Promise<void>
}

const STRONG = 'another long enough password'
const group = ({ objects }: Asking) => ({ groupId: objects.groupId })
const inGroup = (asking: Asking) => ({ input: group(asking) })
const ofGroup = ({ objects }: Asking) => ({ id: objects.groupId })
const ofUser = async ({ objects, stage, succeeds }: Asking) => (succeeds ? (await stage.spareUser()).id : objects.userId)
const userInput = async (asking: Asking) => ({ input: { userId: await ofUser(asking) } })
const spareMember = async ({ objects, stage, succeeds }: Asking) => {
  if (!succeeds) return { groupId: objects.groupId, userId: objects.userId }
  const { groupId, memberId } = await stage.spareGroup()
  return { groupId, userId: memberId }
}
/** Who is nobody asks for somebody. */
const oneself = ({ by, objects }: Asking) => by.account?.person.id ?? objects.userId
const ownSession = ({ by, objects }: Asking) => by.sessionId || objects.sessionId
const inPairing = async ({ stage }: Asking) => ({ input: { userCode: (await stage.pairing()).userCode } })
const credentials = ({ by }: Asking) => ({
  input: { username: by.account?.person.username ?? 'nobody', password: by.account?.password ?? PASSWORD },
})
/** The first code of a second factor that is being set up. */
const totpCode = async ({ client }: Device) => authenticator((await client.get(StartTotpDocument, {})).startTotp.otpauthUri ?? '')()
/** Of a second factor that counts. */
const recoveryCode = async (by: Device) =>
  (await by.client.get(ConfirmTotpDocument, { input: { code: await totpCode(by) } })).confirmTotp.recoveryCodes?.[0] ?? ''

/** What is asked for each line of the table of operations, under the same name. The document is made from the schema. */
export const REQUESTS: Readonly<Record<string, Request>> = {
  'Query.me': {},
  'Query.user (oneself)': { variables: (asking) => ({ id: oneself(asking) }) },
  'Query.user (a member)': { variables: ({ objects }) => ({ id: objects.userId }) },
  'Query.users': {},
  'Query.group': { variables: ofGroup },
  'Query.groups (those of a member)': { variables: ({ objects }) => ({ filter: { memberId: objects.userId } }) },
  'Query.floor': { variables: group },
  'Query.talkBursts': { variables: group },
  'Query.voiceSessions': { variables: group },
  'Query.sessions': {},
  'Query.secondFactor': {},
  'Query.devicePairing': { variables: async ({ stage }) => ({ userCode: (await stage.pairing()).userCode }) },
  'Query.auditLog': {},
  'Query.node (the group)': { variables: ofGroup },
  'Query.node (a member)': { variables: ({ objects }) => ({ id: objects.userId }) },
  'Query.node (a membership)': { variables: ({ objects }) => ({ id: objects.membershipId }) },
  "Query.node (a session of one's own)": { variables: (asking) => ({ id: ownSession(asking) }) },
  'Query.node (a session of a member)': { variables: ({ objects }) => ({ id: objects.sessionId }) },
  'Query.nodes (the group)': { variables: ({ objects }) => ({ ids: [objects.groupId] }), part: '0' },

  'Mutation.login': { variables: credentials },
  'Mutation.refreshSession': { variables: ({ by }) => ({ input: { refreshToken: by.refreshToken } }), throwAway: true },
  'Mutation.renewConnection': {
    variables: ({ by }) => ({ input: { accessToken: by.client.accessToken ?? 'none' } }),
    over: ['WebSocket'],
  },
  'Mutation.logout': { throwAway: true },
  "Mutation.revokeSession (one's own)": { variables: (asking) => ({ input: { sessionId: ownSession(asking) } }), throwAway: true },
  "Mutation.revokeSession (a member's)": { variables: ({ objects }) => ({ input: { sessionId: objects.sessionId } }) },
  'Mutation.revokeOtherSessions': { throwAway: true },
  'Mutation.changePassword': {
    variables: ({ by }) => ({ input: { currentPassword: by.account?.password ?? PASSWORD, newPassword: fresh(STRONG) } }),
    throwAway: true,
    after: async ({ by, succeeds }, { input }) => {
      if (succeeds && by.account) by.account.password = (input as { newPassword: string }).newPassword
    },
  },
  'Mutation.startTotp': { throwAway: true },
  'Mutation.confirmTotp': { variables: () => ({ input: { code: '000000' } }), throwAway: true },
  'Mutation.disableTotp': {
    variables: async ({ by, succeeds }) => ({ input: { totpCode: succeeds ? await recoveryCode(by) : '000000' } }),
    throwAway: true,
  },
  'Mutation.resetTotp': { variables: userInput },
  'Mutation.startDevicePairing': { variables: () => ({ input: { deviceName: 'Watch' } }) },
  'Mutation.approveDevicePairing (for oneself)': { variables: inPairing },
  'Mutation.approveDevicePairing (for a member)': {
    variables: async (asking) => ({ input: { ...(await inPairing(asking)).input, userId: asking.objects.userId } }),
  },
  'Mutation.denyDevicePairing': { variables: inPairing },
  'Mutation.completeDevicePairing': {
    variables: async ({ stage }) => ({ input: { deviceCode: (await stage.pairing()).deviceCode } }),
  },

  'Mutation.createUser': { variables: () => ({ input: { username: fresh('new'), password: STRONG } }) },
  'Mutation.updateUser': { variables: async (asking) => ({ input: { userId: await ofUser(asking), displayName: 'Renamed' } }) },
  'Mutation.updateUser (oneself, to admin)': { variables: (asking) => ({ input: { userId: oneself(asking), systemRole: 'ADMIN' } }) },
  'Mutation.disableUser': { variables: userInput },
  'Mutation.enableUser': { variables: userInput },
  'Mutation.deleteUser': { variables: userInput },
  'Mutation.resetUserPassword': { variables: async (asking) => ({ input: { userId: await ofUser(asking), newPassword: STRONG } }) },
  'Mutation.createGroup': { variables: async (asking) => ({ input: { name: 'New', managerId: await ofUser(asking) } }) },
  'Mutation.updateGroup': { variables: (asking) => ({ input: { ...group(asking), queueCapacity: 10 } }) },
  'Mutation.deleteGroup': { variables: async (asking) => ({ input: { groupId: (await spareMember(asking)).groupId } }) },
  'Mutation.addGroupMember (oneself)': {
    variables: async (asking) => ({ input: { groupId: (await spareMember(asking)).groupId, userId: oneself(asking) } }),
  },
  'Mutation.addGroupMember (somebody)': { variables: async (asking) => ({ input: { ...group(asking), userId: await ofUser(asking) } }) },
  'Mutation.updateGroupMember': { variables: async (asking) => ({ input: { ...(await spareMember(asking)), canTalk: false } }) },
  'Mutation.removeGroupMember': { variables: async (asking) => ({ input: await spareMember(asking) }) },
  'Mutation.assignGroupManager': { variables: async (asking) => ({ input: await spareMember(asking) }) },
  'Mutation.assignGroupManager (oneself)': { variables: (asking) => ({ input: { ...group(asking), userId: oneself(asking) } }) },

  'Mutation.joinGroup': { variables: inGroup },
  'Mutation.leaveGroup': { variables: inGroup },
  'Mutation.heartbeat': {
    variables: async ({ by, objects }) => {
      await by.client.ask(JoinGroupDocument, { input: { groupId: objects.groupId } })
      return { input: { groupIds: [objects.groupId] } }
    },
    part: 'presentIn',
  },
  'Mutation.requestTalk': {
    variables: ({ objects }) => ({ input: { groupId: objects.groupId, requestId: fresh('press') } }),
    after: async ({ by }, { input }) => {
      const { groupId, requestId } = input as { groupId: string; requestId: string }
      await by.client.ask(ReleaseTalkDocument, { input: { groupId, requestId } })
    },
  },
  'Mutation.renewTalk': { variables: ({ objects }) => ({ input: { groupId: objects.groupId, burstId: objects.burstId } }) },
  'Mutation.releaseTalk': { variables: ({ objects }) => ({ input: { groupId: objects.groupId, requestId: fresh('press') } }) },
  'Mutation.revokeTalk': {
    variables: async ({ objects, stage }) => {
      const burstId = await stage.talking()
      return { input: { groupId: objects.groupId, burstId: objects === stage.objects ? burstId : objects.burstId } }
    },
  },
  'Mutation.muteMember': {
    variables: ({ objects }) => ({ input: { groupId: objects.groupId, userId: objects.mutedId, durationMs: 60_000 } }),
  },
  'Mutation.unmuteMember': { variables: ({ objects }) => ({ input: { groupId: objects.groupId, userId: objects.mutedId } }) },

  'Subscription.speakerChanged': { variables: group, over: ['SSE', 'WebSocket'] },
  'Subscription.presence': { variables: group, over: ['SSE', 'WebSocket'] },
  'Subscription.floorMessage': { variables: group, over: ['SSE', 'WebSocket'] },
}

/** The way to an object of each type in the table of fields. FIELDS stands for all of them. */
export interface Entry extends Omit<Request, 'part' | 'over'> {
  readonly document: string
  /** Where it is in the answer. */
  readonly at: string
}

export const ENTRIES: Readonly<Record<string, Entry>> = {
  User: {
    document: 'query ($id: ID!) { node(id: $id) { ... on User { FIELDS } } }',
    at: 'node',
    variables: ({ objects }) => ({ id: objects.userId }),
  },
  Group: { document: 'query ($id: ID!) { group(id: $id) { FIELDS } }', at: 'group', variables: ofGroup },
  GroupMember: {
    document: 'query ($id: ID!) { node(id: $id) { ... on GroupMember { FIELDS } } }',
    at: 'node',
    variables: async ({ objects, stage }) => {
      await stage.mute()
      return { id: objects.membershipId }
    },
  },
  Floor: {
    document: 'query ($groupId: ID!) { floor(groupId: $groupId) { FIELDS } }',
    at: 'floor',
    variables: async (asking) => {
      await asking.stage.talking()
      return group(asking)
    },
  },
  TalkBurst: {
    document: 'query ($groupId: ID!, $first: Int) { talkBursts(groupId: $groupId, last: $first) { edges { node { FIELDS } } } }',
    at: 'talkBursts.edges.0.node',
    variables: (asking) => ({ ...group(asking), first: 1 }),
  },
  GroupVoiceSession: {
    document: 'query ($groupId: ID!) { voiceSessions(groupId: $groupId) { edges { node { FIELDS } } } }',
    at: 'voiceSessions.edges.0.node',
    variables: async (asking) => {
      await asking.stage.talking()
      return group(asking)
    },
  },
  MediaGrant: {
    document: 'mutation ($input: JoinGroupInput!) { joinGroup(input: $input) { media { FIELDS } } }',
    at: 'joinGroup.media',
    variables: inGroup,
  },
  Session: {
    document: 'query ($id: ID!) { node(id: $id) { ... on Session { FIELDS } } }',
    at: 'node',
    variables: ({ stage }) => ({ id: stage.device('member').sessionId }),
  },
  SecondFactor: { document: 'query { secondFactor { FIELDS } }', at: 'secondFactor' },
  DevicePairing: {
    document: 'query ($userCode: String!) { devicePairing(userCode: $userCode) { FIELDS } }',
    at: 'devicePairing',
    variables: async ({ stage }) => ({ userCode: (await stage.pairing()).userCode }),
  },
  AuditEntry: {
    document: 'query ($filter: AuditFilter) { auditLog(first: 1, filter: $filter) { edges { node { FIELDS } } } }',
    at: 'auditLog.edges.0.node',
    variables: () => ({ filter: { action: 'GROUP_CREATED' } }),
  },
  LoginPayload: {
    document: 'mutation ($input: LoginInput!) { login(input: $input) { FIELDS } }',
    at: 'login',
    variables: credentials,
  },
  RefreshSessionPayload: {
    document: 'mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) { FIELDS } }',
    at: 'refreshSession',
    variables: ({ by }) => ({ input: { refreshToken: by.refreshToken } }),
    throwAway: true,
  },
  SessionTokens: {
    document: 'mutation ($input: CompleteDevicePairingInput!) { completeDevicePairing(input: $input) { tokens { FIELDS } } }',
    at: 'completeDevicePairing.tokens',
    variables: async ({ by, stage }) => {
      const { deviceCode, userCode } = await stage.pairing()
      await by.client.ask(ApproveDevicePairingDocument, { input: { userCode } })
      return { input: { deviceCode } }
    },
  },
  StartTotpPayload: { document: 'mutation { startTotp { FIELDS } }', at: 'startTotp', throwAway: true },
  ConfirmTotpPayload: {
    document: 'mutation ($input: ConfirmTotpInput!) { confirmTotp(input: $input) { FIELDS } }',
    at: 'confirmTotp',
    throwAway: true,
    variables: async ({ by, succeeds }) => ({ input: { code: succeeds ? await totpCode(by) : '000000' } }),
    after: async ({ by }, _variables, data) => {
      const { recoveryCodes } = (data?.confirmTotp ?? {}) as { recoveryCodes?: string[] }
      if (recoveryCodes?.[0]) await by.client.get(DisableTotpDocument, { input: { totpCode: recoveryCodes[0] } })
    },
  },
}
