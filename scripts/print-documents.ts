import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as operations from '../sdk/src/generated/operations.ts'

/**
 * npm run documents [-- <file>]    writes every document that the SDK can send as Apollo's manifest of persisted queries, for TRUSTED_DOCUMENTS: to
 * sdk/dist/documents.json if no file is named. It belongs to the SDK as it is now: a server knows the documents of all versions that are in use.
 */
const NAME = /^(query|mutation|subscription) (\w+)/

const manifest = {
  format: 'apollo-persisted-query-manifest',
  version: 1,
  operations: Object.values<string>(operations).map((body) => {
    const [, type, name] = NAME.exec(body) ?? []
    return { id: createHash('sha256').update(body).digest('hex'), name, type, body }
  }),
}

const [named] = process.argv.slice(2)
const file = named === undefined ? fileURLToPath(new URL('../sdk/dist/documents.json', import.meta.url)) : resolve(named)
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
