import { builder } from '../graphql/builder.ts'
import type { UserErrorCode as Code, UserError as Shape } from './outcome.ts'

const codes: Record<Code, { description: string }> = {
  USERNAME_TAKEN: { description: 'Somebody who is not deleted has this username, in any case.' },
  ALREADY_MEMBER: { description: 'The user is an active member of the group.' },
  NOT_A_MEMBER: { description: 'The user is no active member of the group.' },
  GROUP_NEEDS_MANAGER: { description: 'An active group has exactly one manager: hand over first.' },
  LAST_ADMIN: { description: 'Somebody must be left to administer.' },
  WEAK_PASSWORD: { description: 'The password is too short, too long or too well known.' },
  INVALID_VALUE: { description: 'The value is outside of what the field allows.' },
  ALREADY_ENDED: { description: 'What was to be ended had ended before.' },
  PAIRING_EXPIRED: { description: 'The code has run out or has been used.' },
  INVALID_TOTP: { description: 'The one-time code is wrong, or was used.' },
}

const UserErrorCode = builder.enumType('UserErrorCode', { description: 'Why an administrative change was not made.', values: codes })

export const UserError = builder.objectRef<Shape>('UserError').implement({
  description: 'An expected failure: the change was not made.',
  fields: (t) => ({
    code: t.field({ type: UserErrorCode, description: 'For programs.', resolve: ({ code }) => code }),
    message: t.exposeString('message', { description: 'For people, in English.' }),
    field: t.field({
      type: ['String'],
      nullable: true,
      description: 'The path of the input at fault, such as ["input", "username"].',
      resolve: ({ field }) => (field === null ? null : [...field]),
    }),
  }),
})
