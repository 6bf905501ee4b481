import { readFileSync } from 'node:fs'
import { buildSchema, getVariableValues, Kind, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { walk } from '../../src/graphql/graphiql/tabs.ts'

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))

test.each([
  { prefill: 'the demo', tabs: walk({ password: 'a password', groupId: 'a group' }) },
  { prefill: 'nothing', tabs: walk({ password: null, groupId: null }) },
])('GraphiQL opens with operations that the schema has, prefilled with $prefill', ({ tabs }) => {
  for (const { query, variables } of tabs) {
    const document = parse(query)
    expect(validate(schema, document)).toEqual([])
    for (const operation of document.definitions) {
      if (operation.kind !== Kind.OPERATION_DEFINITION) throw new Error('a tab holds operations only')
      expect(getVariableValues(schema, operation.variableDefinitions ?? [], JSON.parse(variables))).toHaveProperty('coerced')
    }
  }
})
