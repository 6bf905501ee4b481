import { audited } from '../../graphql/audited.ts'
import { builder } from '../../graphql/builder.ts'
import { fromGlobalId } from '../../graphql/global-ids.ts'
import type { UserId } from '../../ids.ts'
import { UserError } from '../outcome.graphql.ts'
import { idsOf, type Outcome } from '../outcome.ts'
import { User } from '../users/users.graphql.ts'
import type { SecondFactorState } from './second-factor.service.ts'

const SecondFactor = builder.objectRef<SecondFactorState>('SecondFactor').implement({
  description: "One's own second factor: one-time codes of an app (TOTP, RFC 6238: SHA-1, six digits, 30 s).",
  fields: (t) => ({
    since: t.expose('since', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when signing in asks for a code. Null: it does not.',
    }),
    recoveryCodesLeft: t.exposeInt('recoveryCodesLeft', { description: 'How many recovery codes were not used yet, of ten.' }),
    required: t.exposeBoolean('required', {
      description:
        'Whether this user is an admin who may administer only with it: until it is set up, everything administrative is FORBIDDEN.',
    }),
  }),
})

builder.queryField('secondFactor', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: SecondFactor,
    description: "One's own second factor, or that there is none. Anyone signed in may ask.",
    resolve: (_root, _args, { secondFactor, viewer }) => secondFactor.state(viewer),
  }),
)

const TOTP_CODE = 'The code that the app shows now, or a recovery code.'

const StartTotpPayload = builder.objectRef<{ otpauthUri: string }>('StartTotpPayload').implement({
  description: 'What the app is told.',
  fields: (t) => ({
    otpauthUri: t.exposeString('otpauthUri', {
      nullable: true,
      description: 'A secret, to be shown as a QR code to the app, once: `otpauth://totp/…`.',
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: () => [] }),
  }),
})

builder.mutationField('startTotp', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: StartTotpPayload,
    description:
      'Begins to set up a second factor, or another one. Nothing changes until `confirmTotp` has got a code of it; starting again makes another secret. Anyone signed in may call it.',
    resolve: async (_root, _args, context) => ({ otpauthUri: await context.secondFactor.start(context) }),
  }),
)

const ConfirmTotpInput = builder.inputType('ConfirmTotpInput', {
  description: 'That the app has the secret.',
  fields: (t) => ({
    code: t.string({ required: true, description: 'The six digits that the app shows now.' }),
    totpCode: t.string({
      description: 'For who has a second factor already, which is replaced by this: a code of that one, or a recovery code.',
    }),
  }),
})

const ConfirmTotpPayload = builder.objectRef<Outcome<readonly string[]>>('ConfirmTotpPayload').implement({
  description: 'The second factor counts, or why it does not.',
  fields: (t) => ({
    recoveryCodes: t.stringList({
      nullable: true,
      description:
        'Ten secrets to be kept on paper. Each lets its user in once, as the `totpCode` of `login`, when the app is lost. They are never shown again, and the ones before end.',
      resolve: ({ done }) => (done === null ? null : [...done]),
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
  }),
})

builder.mutationField('confirmTotp', (t) =>
  t.withAuth({ signedIn: true }).field({
    type: ConfirmTotpPayload,
    description:
      'From here on signing in asks for a code of the app that `startTotp` was for. This code is used up by that. Sessions stay. Anyone signed in may call it. TOTP_REQUIRED without a code of the second factor that it replaces; RATE_LIMITED after too many wrong codes. User error: INVALID_TOTP.',
    args: { input: t.arg({ type: ConfirmTotpInput, required: true, description: 'A code of the app.' }) },
    resolve: (_root, { input }, context) => context.secondFactor.confirm(context, input.code, input.totpCode ?? null),
  }),
)

const DisableTotpInput = builder.inputType('DisableTotpInput', {
  description: 'That it is the user who gives the second factor up.',
  fields: (t) => ({ totpCode: t.string({ required: true, description: TOTP_CODE }) }),
})

const DisableTotpPayload = builder.objectRef<Outcome<UserId>>('DisableTotpPayload').implement({
  description: 'The second factor is gone, or why it is not.',
  fields: (t) => ({
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
  }),
})

builder.mutationField('disableTotp', (t) =>
  t.withAuth({ signedIn: true }).field({
    ...audited('TOTP_DISABLED'),
    type: DisableTotpPayload,
    description:
      "Gives one's own second factor up, with its recovery codes. Anyone signed in may call it; for an admin who needs it, it is FORBIDDEN. RATE_LIMITED after too many wrong codes. User errors: INVALID_TOTP, ALREADY_ENDED when there is none.",
    args: { input: t.arg({ type: DisableTotpInput, required: true, description: 'A code of it.' }) },
    resolve: (_root, { input }, context) => context.secondFactor.disable(context, input.totpCode),
  }),
)

const ResetTotpInput = builder.inputType('ResetTotpInput', {
  description: 'Whose second factor is taken away.',
  fields: (t) => ({ userId: t.id({ required: true, description: 'The user.' }) }),
})

const ResetTotpPayload = builder.objectRef<Outcome<UserId>>('ResetTotpPayload').implement({
  description: 'The user without a second factor, or why it has one still.',
  fields: (t) => ({
    user: t.prismaField({
      type: User,
      nullable: true,
      description: 'The user as it is now.',
      resolve: (query, { done }, _args, { db }) => db.user.findFirst({ ...query, where: { id: { in: idsOf(done) } } }),
    }),
    userErrors: t.field({ type: [UserError], description: 'Empty when it is done.', resolve: ({ userErrors }) => [...userErrors] }),
  }),
})

builder.mutationField('resetTotp', (t) =>
  t.withAuth({ admin: true }).field({
    ...audited('TOTP_RESET'),
    type: ResetTotpPayload,
    description:
      "Takes away a user's second factor and recovery codes, for who has lost both; signing in then asks for the password alone. Sessions stay. Make sure who asks for it. Admins only, and not for oneself, which is FORBIDDEN. An unknown user is NOT_FOUND. User error: ALREADY_ENDED when there is none.",
    args: { input: t.arg({ type: ResetTotpInput, required: true, description: 'Whose.' }) },
    resolve: (_root, { input }, context) => context.secondFactor.reset(context, fromGlobalId('User', input.userId)),
  }),
)
