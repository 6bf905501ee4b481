/**
 * node scripts/check-schema.ts [released] [present]    compares schema.graphql with schema.released.graphql, from which the devices in the field
 *                                                      were built. Names what is dangerous to them; fails by name for what would break one.
 * node scripts/check-schema.ts --release               makes schema.graphql the released one. To be committed with a release, and at no other time.
 */
import { copyFileSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { schemaChanges } from './schema-changes.ts'

const file = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const names = process.argv.slice(2).filter((name) => name !== '--release')
const [released = file('schema.released.graphql'), present = file('schema.graphql')] = names

const { breaking, dangerous } = schemaChanges(readFileSync(released, 'utf8'), readFileSync(present, 'utf8'))
for (const change of dangerous) console.log(`dangerous  ${change}`)
for (const change of breaking) console.log(`breaking   ${change}`)

if (process.argv.includes('--release')) copyFileSync(present, released)
else if (breaking.length > 0) {
  console.log('Devices in the field break by this. Keep what there was beside what is new, and mark it @deprecated.')
  process.exitCode = 1
} else console.log(`The schema breaks no client of the last release; ${dangerous.length} changes are dangerous.`)
