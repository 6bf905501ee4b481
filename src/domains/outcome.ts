/** What an administrator did wrong in a way that is to be expected: an answer, not an error. */
export type UserErrorCode =
  | 'USERNAME_TAKEN'
  | 'ALREADY_MEMBER'
  | 'NOT_A_MEMBER'
  | 'GROUP_NEEDS_MANAGER'
  | 'LAST_ADMIN'
  | 'WEAK_PASSWORD'
  | 'INVALID_VALUE'
  | 'ALREADY_ENDED'
  | 'PAIRING_EXPIRED'
  | 'INVALID_TOTP'

export interface UserError {
  readonly code: UserErrorCode
  readonly message: string
  readonly field: readonly string[] | null
}

/** Done, or refused with at least one user error. */
export type Outcome<Done> =
  | { readonly done: Done; readonly userErrors: readonly [] }
  | { readonly done: null; readonly userErrors: readonly UserError[] }

export const done = <Done>(what: Done): Outcome<Done> => ({ done: what, userErrors: [] })

export const refused = (
  code: UserErrorCode,
  field: readonly string[] | null,
  message: string,
): { done: null; userErrors: readonly UserError[] } => ({
  done: null,
  userErrors: [{ code, message, field }],
})

/** The id of what was done, for a read that finds nothing when nothing was done. */
export const idsOf = (done: string | null): string[] => (done === null ? [] : [done])
