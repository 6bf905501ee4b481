import type { Anchor } from './audit-anchors.ts'
import { type AuditDetails, type AuditRow, BEGINNING, type ChainHead, hashOf } from './audit-log.ts'
import type { Database } from './client.ts'

/** Whether the log is as it was written; if not, the first thing that is wrong, in words. */
export type Finding = { readonly whole: true; readonly head: ChainHead } | { readonly whole: false; readonly problem: string }

const PAGE = 1_000

/** Counts every hash of the audit log again, and compares it with what was noted elsewhere of it. Entries may be appended meanwhile. */
export async function verifyAuditLog(db: Database, anchors: readonly Anchor[]): Promise<Finding> {
  const anchored = Map.groupBy(anchors, ({ id }) => id)
  let head = BEGINNING
  for await (const entry of entries(db)) {
    const problem = problemOf(entry, head) ?? mismatch(entry, anchored.get(entry.id) ?? [])
    if (problem) return { whole: false, problem }
    head = entry
  }
  const beyond = anchors.filter(({ id }) => id > head.id).toSorted((one, other) => (one.id < other.id ? -1 : 1))[0]
  if (!beyond) return { whole: true, head }
  const cut = `missing head: entry ${beyond.id} was anchored at ${beyond.at.toISOString()}`
  return { whole: false, problem: `${cut}, but the last entry is ${head.id}: the end has been cut off.` }
}

function problemOf(entry: AuditRow, before: ChainHead): string | null {
  const expected = before.id + 1n
  if (entry.id !== expected) return `entry ${expected} is missing: the next one is ${entry.id}.`
  if (entry.hash !== hashOf(entry.id, entry.previousHash, entry)) return `entry ${entry.id} is not what was written: its hash is another.`
  if (entry.previousHash !== before.hash)
    return `entry ${entry.id} does not follow entry ${before.id}: one of them has been put there since.`
  return null
}

function mismatch({ id, hash }: ChainHead, anchors: readonly Anchor[]): string | null {
  const other = anchors.find((anchor) => anchor.hash !== hash)
  return other ? `entry ${id} is not the one that was anchored at ${other.at.toISOString()}: the log has been written anew.` : null
}

async function* entries(db: Database): AsyncGenerator<AuditRow> {
  let last = -(2n ** 63n)
  for (;;) {
    const rows = await db.auditEntry.findMany({ where: { id: { gt: last } }, orderBy: { id: 'asc' }, take: PAGE })
    for (const row of rows) yield { ...row, details: row.details as AuditDetails }
    last = rows.at(-1)?.id ?? last
    if (rows.length < PAGE) return
  }
}
