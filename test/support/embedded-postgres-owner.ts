/** A process that owns the embedded PostgreSQL of a folder until it is killed, or ended in good order by SIGTERM. */
import pg from 'pg'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'

const [folder = ''] = process.argv.slice(2)
const log = { info: () => undefined, warn: console.warn, error: console.error }
const postgres = await openEmbeddedPostgres({ folder, log })

async function endInGoodOrder(): Promise<void> {
  const last = new pg.Client(postgres.url)
  await last.connect()
  await last.query(`INSERT INTO note VALUES ('written after SIGTERM')`)
  await last.end()
  await postgres[Symbol.asyncDispose]()
  process.disconnect()
}

process.once('SIGTERM', () => void endInGoodOrder())
process.send?.({ url: postgres.url })
