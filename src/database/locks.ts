import type { Prisma } from '../../prisma/generated/client/client.ts'
import { Refusal } from '../errors.ts'
import type { GroupId, UserId } from '../ids.ts'

/**
 * Not for update of their keys, so that the record, which refers to them, goes on being written.
 * Rows that a change relies on are locked until it is committed, groups before users before memberships, so that no two changes wait for each other. Who is not
 * there (or deleted) is NOT_FOUND.
 */

export async function lockGroup(tx: Prisma.TransactionClient, groupId: GroupId): Promise<void> {
  const rows = await tx.$queryRaw<unknown[]>`SELECT 1 FROM "Group" WHERE "id" = ${groupId}::uuid AND "deletedAt" IS NULL FOR NO KEY UPDATE`
  if (rows.length === 0) throw new Refusal('NOT_FOUND')
}

/** Keeps the users from being disabled or deleted meanwhile, and tells who is disabled. In order, as whoever changes several users does. */
export async function lockUsers(tx: Prisma.TransactionClient, userIds: readonly UserId[]): Promise<Map<UserId, { disabled: boolean }>> {
  const rows = await tx.$queryRaw<{ id: string; disabled: boolean }[]>`
    SELECT "id", "disabledAt" IS NOT NULL AS "disabled" FROM "User"
    WHERE "id" = ANY(${[...userIds]}::uuid[]) AND "deletedAt" IS NULL ORDER BY "id" FOR SHARE`
  const found = new Map(rows.map(({ id, disabled }) => [id as UserId, { disabled }]))
  if (userIds.some((userId) => !found.has(userId))) throw new Refusal('NOT_FOUND')
  return found
}

/** Whether the user is an active member, who stays one until the change is committed. */
export async function lockMember(tx: Prisma.TransactionClient, groupId: GroupId, userId: UserId): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "GroupMember" WHERE "groupId" = ${groupId}::uuid AND "userId" = ${userId}::uuid AND "deletedAt" IS NULL FOR NO KEY UPDATE`
  return rows.length > 0
}
