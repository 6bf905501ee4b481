import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as operations from '../sdk/src/generated/operations.ts'

/**
 * npm run documents    writes sdk/dist/documents.json: every document that the SDK can send, as Apollo's manifest of persisted queries, for
 * TRUSTED_DOCUMENTS. It belongs to the SDK as it is now: a server knows the manifests of all versions that are in use.
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

const folder = fileURLToPath(new URL('../sdk/dist/', import.meta.url))
mkdirSync(folder, { recursive: true })
writeFileSync(`${folder}documents.json`, `${JSON.stringify(manifest, null, 2)}\n`)
