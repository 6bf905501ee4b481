/**
 * npm run audit:verify -- --anchors FILE
 * Says whether the audit log is as it was written, and if not, which entry is the first bad one: exit 0 or 1. It reads the database of
 * DATABASE_URL, or the embedded one in NEDA_DATA_DIR, whether NEDA runs or not. Without --anchors it takes AUDIT_ANCHORS, or what NEDA keeps
 * in NEDA_DATA_DIR; may be given several times, as each instance writes its own.
 */
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { type Config, readConfig } from '../src/config.ts'
import { type Anchor, readAnchors } from '../src/database/audit-anchors.ts'
import { verifyAuditLog } from '../src/database/audit-verification.ts'
import { openDatabase } from '../src/database/client.ts'
import { visitEmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import type { Logger } from '../src/logger.ts'

await verify().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
})

async function verify(): Promise<void> {
  const { values } = parseArgs({ options: { anchors: { type: 'string', multiple: true } } })
  const config = readConfig(process.env)
  const log = pino({ level: 'warn' })
  // Before the entries: what was anchored is there by then.
  const anchors = values.anchors ? await readGiven(values.anchors) : await readAnchors(config.auditAnchors)
  await using stack = new AsyncDisposableStack()
  const url = await findDatabase(config, log, stack)
  const { db } = stack.use(openDatabase(url, log))
  const finding = await verifyAuditLog(db, anchors)
  if (!finding.whole) throw new Error(`The audit log is NOT as it was written: ${finding.problem}`)
  const { id, hash } = finding.head
  console.log(`The audit log is as it was written: ${id} entries, ${anchors.length} anchors. Its head is ${hash}.`)
  if (anchors.length === 0) console.warn('Without anchors nobody can see whether its end was cut off: see AUDIT_ANCHORS in .env.example.')
}

/** A file that was asked for says something. */
async function readGiven(files: readonly string[]): Promise<Anchor[]> {
  const each = await Promise.all(files.map(async (file) => ({ file, anchors: await readAnchors(file) })))
  const empty = each.find(({ anchors }) => anchors.length === 0)
  if (empty) throw new Error(`There are no anchors in ${empty.file}.`)
  return each.flatMap(({ anchors }) => anchors)
}

async function findDatabase({ database, dataFolder }: Config, log: Logger, stack: AsyncDisposableStack): Promise<string> {
  if (database.kind === 'url') return database.url
  return stack.use(await visitEmbeddedPostgres({ folder: dataFolder, log })).url
}
