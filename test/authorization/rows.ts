import type { GraphQLSchema } from 'graphql'
import { isObjectType } from 'graphql'

/** A line of a table: its name, and what stands in each column. */
export interface Row<Column extends string> {
  readonly name: string
  readonly answers: Readonly<Record<Column, string>>
}

/** Reads a table as it is written for people: columns are two spaces apart, the first line names them, `#` begins a remark. */
export function rowsOf<Column extends string = string>(table: string): Row<Column>[] {
  const [columns = [], ...lines] = table
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
    .map((line) => line.trim().split(/ {2,}/))
  return lines.map(([name = '', ...cells]) => {
    if (cells.length !== columns.length) throw new Error(`the line of ${name} has ${cells.length} cells for ${columns.length} columns`)
    return { name, answers: Object.fromEntries(columns.map((column, at) => [column, cells[at]])) as Record<Column, string> }
  })
}

/** `Query.node` of `Query.node (the group)`. */
export const fieldOf = (rowName: string): string => rowName.replace(/ \(.*\)$/, '')

/** What stands in the schema and nowhere in the tables, or the other way round. */
export function undecided(schema: GraphQLSchema, rowNames: readonly string[], notSensitive: readonly string[]) {
  const types = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.name.startsWith('__'))
  const roots = new Set([schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()])
  const rows = new Set(rowNames.map(fieldOf))
  const left = new Set([...rows, ...notSensitive])
  const missing: string[] = []
  for (const type of types) {
    if (!isObjectType(type)) continue
    const isExcused = notSensitive.includes(type.name) && !roots.has(type)
    left.delete(type.name)
    for (const name of Object.keys(type.getFields())) {
      const path = `${type.name}.${name}`
      if (!isExcused && !rows.has(path)) missing.push(path)
      if (!isExcused) left.delete(path)
    }
  }
  return { missing, gone: [...left] }
}
