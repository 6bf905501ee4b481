import { writeFileSync } from 'node:fs'
import { printSchema } from 'graphql'
import { schema } from '../src/graphql/schema.ts'

/** Writes schema.graphql, what client teams generate their SDKs from. A test fails when it is not what this prints. */
writeFileSync(new URL('../schema.graphql', import.meta.url), `${printSchema(schema)}\n`)
