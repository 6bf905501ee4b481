import { readFileSync, writeFileSync } from 'node:fs'
import { errorTable } from '../src/errors.ts'
import { closeCodeTable, statusTable } from '../src/graphql/close-codes.ts'

/** Writes docs/errors.md, and the tables of docs/connections.md, for those who write clients. Tests fail when they are not what this prints. */
writeFileSync(new URL('../docs/errors.md', import.meta.url), errorTable())

const connections = new URL('../docs/connections.md', import.meta.url)
const withTable = (page: string, head: string, table: string) =>
  page.replace(new RegExp(`^\\| ${head} .*\\n(?:\\|.*\\n)*`, 'm'), () => `${table}\n`)
const page = readFileSync(connections, 'utf8')
writeFileSync(connections, withTable(withTable(page, 'code', closeCodeTable()), 'status', statusTable()))
