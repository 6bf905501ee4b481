import { createHash } from 'node:crypto'
import type { Prisma } from '../../prisma/generated/client/client.ts'
import type { RefusalCode } from '../errors.ts'
import type { SessionId, UserId } from '../ids.ts'

/** What is noted, by what has happened when it succeeds. */
export const AUDIT_ACTIONS = {
  USER_CREATED: 'An admin created a user, or NEDA the first ones.',
  USER_UPDATED: "An admin changed a user's name or role.",
  USER_DISABLED: 'An admin began to keep a user out.',
  USER_ENABLED: 'An admin let a disabled user sign in again.',
  USER_DELETED: 'An admin deleted a user.',
  PASSWORD_RESET: "An admin replaced a user's password.",
  PASSWORD_CHANGED: 'A user changed the own password.',
  GROUP_CREATED: 'An admin created a group.',
  GROUP_UPDATED: 'An admin changed a group.',
  GROUP_DELETED: 'An admin deleted a group.',
  MANAGER_ASSIGNED: 'An admin handed a group over to another manager.',
  MEMBER_ADDED: 'An admin made a user a member of a group.',
  MEMBER_UPDATED: 'An admin changed what a member may do.',
  MEMBER_REMOVED: 'An admin ended a membership.',
  TALK_REVOKED: 'A manager or an admin stopped a talk burst.',
  MEMBER_MUTED: 'A manager or an admin muted a member.',
  MEMBER_UNMUTED: 'A manager or an admin ended a mute.',
  SIGNED_IN: 'A device signed in.',
  SIGN_IN_REFUSED: 'Somebody could not sign in; repeated ones are counted in one entry a minute.',
  SESSION_REVOKED: 'A user signed a device out.',
  OTHER_SESSIONS_REVOKED: 'A user signed all other devices out.',
  REFRESH_TOKEN_REUSED: 'A used refresh token came back, so its session ended.',
  TOTP_STARTED: 'A user began to set up a second factor.',
  TOTP_CONFIRMED: 'A user set up a second factor.',
  TOTP_DISABLED: 'A user gave the second factor up.',
  TOTP_RESET: "An admin took away a user's second factor.",
  RECOVERY_CODE_USED: 'A recovery code let a user in instead of the second factor.',
  PAIRING_STARTED: 'A device asked to be signed in from another.',
  PAIRING_APPROVED: 'Somebody let a waiting device sign in.',
  PAIRING_DENIED: 'Somebody turned a waiting device away.',
  PAIRING_COMPLETED: 'A waiting device signed in.',
  PUT_OUT_OF_ROOM: 'NEDA put a device out of the room of a group.',
  PUBLISHED_WITHOUT_FLOOR: 'NEDA withdrew the permission of a device that published without the floor.',
} as const

export type AuditAction = keyof typeof AUDIT_ACTIONS

export interface Actor {
  /** Null: it has not signed in. */
  readonly userId: UserId | null
  readonly sessionId: SessionId | null
  readonly address: string | null
}

export interface Target {
  readonly kind: 'USER' | 'GROUP' | 'SESSION' | 'BURST' | 'PAIRING'
  readonly id: string
}

/** Ids, numbers and codes: no names, which somebody may want forgotten, and no secrets. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>

export interface AuditNote {
  readonly action: AuditAction
  /** SUCCEEDED if absent, or why it was refused. */
  readonly outcome?: 'SUCCEEDED' | RefusalCode
  /** Null: NEDA itself. */
  readonly actor: Actor | null
  readonly target?: Target
  readonly details?: AuditDetails
  /** When it was, if it is noted later; now if absent. */
  readonly at?: Date
}

/** Where the chain ends. */
export interface ChainHead {
  /** The last entry's; 0 when there is none. */
  readonly id: bigint
  readonly hash: string
}

/** What the first entry follows. */
export const BEGINNING: ChainHead = { id: 0n, hash: '0'.repeat(64) }

/**
 * Notes what is done, in the transaction that does it: both are there, or neither. The last thing in it, after all row locks: entries are
 * appended one at a time, so whoever waited for a row while others wait for the log would let them wait too, or for ever.
 */
export async function note(tx: Prisma.TransactionClient, ...notes: readonly AuditNote[]): Promise<void> {
  if (notes.length === 0) return
  // A statement of its own sees what was committed while it waited for the lock: audit_head() is a function of two.
  const [head] = await tx.$queryRaw<(ChainHead & { at: Date })[]>`SELECT "id", "hash", "at" FROM audit_head()`
  if (!head) throw new Error('the database did not say where the audit log ends')
  const entries: AuditRow[] = []
  let previous: ChainHead = head
  for (const one of notes) {
    const entry = chained(previous, contentOf(one, head.at))
    entries.push(entry)
    previous = entry
  }
  await tx.auditEntry.createMany({ data: entries })
}

/** An entry without its place in the chain. */
export interface AuditContent {
  readonly at: Date
  readonly action: string
  readonly outcome: string
  readonly actorId: string | null
  readonly sessionId: string | null
  readonly address: string | null
  readonly targetKind: string | null
  readonly targetId: string | null
  readonly details: AuditDetails
}

export interface AuditRow extends AuditContent, ChainHead {
  readonly previousHash: string
}

const contentOf = ({ action, outcome = 'SUCCEEDED', actor, target, details = {}, at }: AuditNote, now: Date): AuditContent => ({
  at: at ?? now,
  action,
  outcome,
  actorId: actor?.userId ?? null,
  sessionId: actor?.sessionId ?? null,
  address: actor?.address ?? null,
  targetKind: target?.kind ?? null,
  targetId: target?.id ?? null,
  details,
})

/** The content as the entry that follows this one. */
export function chained(previous: ChainHead, content: AuditContent): AuditRow {
  const id = previous.id + 1n
  return { ...content, id, previousHash: previous.hash, hash: hashOf(id, previous.hash, content) }
}

/** SHA-256 of the hash before and of all columns, as JSON with its keys in order (as RFC 8785 writes it). Anybody can count it after. */
export function hashOf(id: bigint, previousHash: string, content: AuditContent): string {
  const { at, action, outcome, actorId, sessionId, address, targetKind, targetId, details } = content
  const text = JSON.stringify({
    action,
    actorId,
    address,
    at: at.toISOString(),
    details: Object.fromEntries(Object.entries(details).toSorted(([one], [other]) => (one < other ? -1 : 1))),
    id: id.toString(),
    outcome,
    sessionId,
    targetId,
    targetKind,
  })
  return createHash('sha256').update(previousHash).update(text).digest('hex')
}
