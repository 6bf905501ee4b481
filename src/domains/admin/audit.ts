import type { AuditAction, AuditDetails, Target } from '../../database/audit-log.ts'
import type { Database } from '../../database/client.ts'
import type { UserId } from '../../ids.ts'
import { between, type Page } from '../../page.ts'

export interface AuditEntry {
  readonly id: bigint
  readonly at: Date
  readonly action: AuditAction
  /** SUCCEEDED, or the code of the refusal. */
  readonly outcome: string
  readonly actorId: string | null
  readonly sessionId: string | null
  readonly address: string | null
  readonly targetKind: Target['kind'] | null
  readonly targetId: string | null
  readonly details: AuditDetails
  readonly hash: string
}

/** What is null does not matter. */
export interface AuditFilter {
  readonly actorId: UserId | null
  readonly action: AuditAction | null
  readonly from: Date | null
  readonly to: Date | null
}

/** Newest first. Who may call this is said where it is offered. */
export async function readAuditLog(db: Database, filter: AuditFilter, page: Page<bigint>): Promise<AuditEntry[]> {
  const { actorId, action, from, to } = filter
  const rows = await db.auditEntry.findMany({
    where: {
      id: between(page),
      at: { ...(from ? { gte: from } : {}), ...(to ? { lt: to } : {}) },
      ...(actorId ? { actorId } : {}),
      ...(action ? { action } : {}),
    },
    orderBy: { id: page.inverted ? 'asc' : 'desc' },
    take: page.limit,
  })
  // Written by note() alone, and refused by the database otherwise.
  return rows.map((row) => row as typeof row & Pick<AuditEntry, 'action' | 'targetKind' | 'details'>)
}
