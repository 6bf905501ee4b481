import { audited } from '../../graphql/audited.ts'
import { builder } from '../../graphql/builder.ts'
import { adminOf } from '../../graphql/context.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import { UserError } from '../outcome.graphql.ts'
import type { Outcome } from '../outcome.ts'
import { sessionTokens } from './auth.graphql.ts'
import type { DeviceFacts, PairingAnswer, StartedPairing, DevicePairingStatus as Status } from './pairing.service.ts'

const DevicePairing = builder.objectRef<DeviceFacts>('DevicePairing').implement({
  description: 'A device without a keyboard that waits to be signed in (device authorization, RFC 8628).',
  fields: (t) => ({
    deviceName: t.exposeString('deviceName', { description: 'What it calls itself; anybody can have chosen it.' }),
    address: t.exposeString('address', { nullable: true, description: 'The network address from which it asked.' }),
    userAgent: t.exposeString('userAgent', { nullable: true, description: 'What its program calls itself; null if it said nothing.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it asked.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it can be approved: ten minutes later.' }),
  }),
})

const USER_CODE = 'What the device shows, in any case, with or without the dash.'
const GUESSING = 'RATE_LIMITED after too many codes that no device shows.'

builder.queryField('devicePairing', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: DevicePairing,
    nullable: true,
    description: `What one is about to approve: is it the device in front of you? Null when no device waits with this code. Anyone signed in may ask. ${GUESSING}`,
    args: { userCode: t.arg.string({ required: true, description: USER_CODE }) },
    resolve: (_root, { userCode }, context) => context.pairing.find(context, userCode),
  }),
)

const StartDevicePairingInput = builder.inputType('StartDevicePairingInput', {
  description: 'Which device wants to be signed in.',
  fields: (t) => ({
    deviceName: t.string({
      description: 'Shown to who approves, and in the list of signed-in devices: 1 to 100 characters. "Unnamed device" if absent.',
    }),
  }),
})

const StartDevicePairingPayload = builder.objectRef<StartedPairing>('StartDevicePairingPayload').implement({
  description: 'What the device shows, and what it keeps to itself.',
  fields: (t) => ({
    deviceCode: t.exposeString('deviceCode', {
      nullable: true,
      description: 'A secret of the device, with which it asks `completeDevicePairing`.',
    }),
    userCode: t.exposeString('userCode', { nullable: true, description: 'To be shown: XXXX-XXXX, eight consonants.' }),
    verificationUri: t.exposeString('verificationUri', { nullable: true, description: 'To be shown: where people type the code.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', nullable: true, description: 'When both codes end: in ten minutes.' }),
    intervalMs: t.exposeInt('intervalMs', {
      nullable: true,
      description: 'How long the device waits between two questions, in milliseconds.',
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  }),
})

builder.mutationField('startDevicePairing', (t) =>
  t.field({
    type: StartDevicePairingPayload,
    authScopes: { public: true },
    description:
      'A device without a keyboard asks to be signed in. Anyone may call it. RATE_LIMITED when too many devices ask from one address.',
    args: { input: t.arg({ type: StartDevicePairingInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, { pairing, client }) => pairing.start({ deviceName: input.deviceName ?? null }, client),
  }),
)

const decisionPayload = (name: string, description: string) =>
  builder.objectRef<Outcome<DeviceFacts>>(name).implement({
    description,
    fields: (t) => ({
      pairing: t.field({ type: DevicePairing, nullable: true, description: 'The device.', resolve: ({ done }) => done }),
      userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
    }),
  })

const ApproveDevicePairingInput = builder.inputType('ApproveDevicePairingInput', {
  description: 'Which device may sign in, and as whom.',
  fields: (t) => ({
    userCode: t.string({ required: true, description: USER_CODE }),
    userId: t.id({ description: 'Whose device it will be. Oneself if absent; for somebody else, admins only.' }),
  }),
})

const ApproveDevicePairingPayload = decisionPayload('ApproveDevicePairingPayload', 'The device that may sign in, or why it may not.')

builder.mutationField('approveDevicePairing', (t) =>
  t.withAuth({ signedIn: true }).field({
    ...audited('PAIRING_APPROVED'),
    type: ApproveDevicePairingPayload,
    description: `Lets the device with this code sign in as oneself, without a password or second factor of its own. It counts while the session that approved is not signed out. Show \`devicePairing\` first: a code may have come from a stranger. Anyone signed in may call it, an admin also for somebody else; FORBIDDEN for others, NOT_FOUND for an unknown user. ${GUESSING} User errors: PAIRING_EXPIRED, INVALID_VALUE when that user is disabled.`,
    args: { input: t.arg({ type: ApproveDevicePairingInput, required: true, description: 'Which device, and whose.' }) },
    resolve: (_root, { input }, context) => {
      const own = context.viewer.id
      const userId = input.userId == null ? own : fromGlobalId('User', input.userId)
      if (userId !== own) adminOf(context)
      return context.pairing.approve(context, input.userCode, userId)
    },
  }),
)

const DenyDevicePairingInput = builder.inputType('DenyDevicePairingInput', {
  description: 'Which device is turned away.',
  fields: (t) => ({ userCode: t.string({ required: true, description: USER_CODE }) }),
})

const DenyDevicePairingPayload = decisionPayload('DenyDevicePairingPayload', 'The device that was turned away, or why it was not.')

builder.mutationField('denyDevicePairing', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: DenyDevicePairingPayload,
    description: `Turns the device with this code away. Anyone signed in may call it. ${GUESSING} User error: PAIRING_EXPIRED.`,
    args: { input: t.arg({ type: DenyDevicePairingInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, context) => context.pairing.deny(context, input.userCode),
  }),
)

const statuses: Record<Status, { description: string }> = {
  AUTHORIZATION_PENDING: { description: 'Nobody has decided yet: ask again after intervalMs.' },
  SLOW_DOWN: { description: 'The device asked too early: intervalMs is 5 s longer from now on.' },
  ACCESS_DENIED: { description: 'Somebody turned it away, or the approval was withdrawn: the session that gave it was signed out.' },
  EXPIRED_TOKEN: { description: 'The code is unknown, has run out, or was used: start again.' },
  COMPLETED: { description: 'The device is signed in: here are its tokens, this once.' },
}

const DevicePairingStatus = builder.enumType('DevicePairingStatus', {
  description: 'How far a pairing is, in the words of RFC 8628, 3.5.',
  values: statuses,
})

const SessionTokens = sessionTokens('SessionTokens', 'What a signed-in device has.')

const CompleteDevicePairingInput = builder.inputType('CompleteDevicePairingInput', {
  description: 'Which device asks.',
  fields: (t) => ({ deviceCode: t.string({ required: true, description: 'The secret that it got from startDevicePairing.' }) }),
})

const CompleteDevicePairingPayload = builder.objectRef<PairingAnswer>('CompleteDevicePairingPayload').implement({
  description: 'How far it is, and once the tokens.',
  fields: (t) => ({
    status: t.field({ type: DevicePairingStatus, description: 'How far it is.', resolve: ({ status }) => status }),
    intervalMs: t.exposeInt('intervalMs', {
      nullable: true,
      description: 'How long to wait before asking again, in milliseconds; null when there is nothing to wait for.',
    }),
    tokens: t.field({
      type: SessionTokens,
      nullable: true,
      description: 'Those of the new session when it is COMPLETED, null otherwise.',
      resolve: ({ tokens }) => tokens,
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty: what is to be expected is a status.', resolve: () => [] }),
  }),
})

builder.mutationField('completeDevicePairing', (t) =>
  t.field({
    type: CompleteDevicePairingPayload,
    authScopes: { public: true },
    description:
      'Asked by the device every intervalMs until it is COMPLETED, ACCESS_DENIED or EXPIRED_TOKEN. Anyone may call it who has the device code, which opens one session.',
    args: { input: t.arg({ type: CompleteDevicePairingInput, required: true, description: 'Which device.' }) },
    resolve: (_root, { input }, { pairing, client }) => pairing.complete(input.deviceCode, client),
  }),
)
