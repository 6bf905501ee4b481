import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, print, visit } from 'graphql'
import { expect, test } from 'vitest'
import { schemaChanges } from '../../scripts/schema-changes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
/** Without descriptions, so that a part can be taken out as text. */
const SCHEMA = print(
  visit(parse(read('schema.graphql')), { enter: (node) => ('description' in node ? { ...node, description: undefined } : undefined) }),
)
const COMMAND = fileURLToPath(new URL('../../scripts/check-schema.ts', import.meta.url))

/** The schema with one thing changed: a test that changed nothing would prove nothing. */
function changed(from: string | RegExp, to: string): string {
  const text = SCHEMA.replace(from, to)
  expect(text).not.toBe(SCHEMA)
  return text
}

test('the schema breaks no client of the last release', () => {
  expect(schemaChanges(read('schema.released.graphql'), SCHEMA).breaking).toEqual([])
})

test.each([
  ['a field is gone', '  listenerCount: Int!\n', '', 'FIELD_REMOVED: RequestTalkPayload.listenerCount was removed.'],
  ['a value is gone', '  GRANTED\n  QUEUED\n', '  GRANTED\n', 'VALUE_REMOVED_FROM_ENUM: QUEUED was removed from enum type'],
  ['a type is another', '  listenerCount: Int!', '  listenerCount: String!', 'FIELD_CHANGED_KIND: RequestTalkPayload.listenerCount'],
  ['what was sure may be null', '  listenerCount: Int!', '  listenerCount: Int', 'FIELD_CHANGED_KIND: RequestTalkPayload.listenerCount'],
  [
    'more is asked for',
    'input RequestTalkInput {',
    'input RequestTalkInput {\n  place: String!\n',
    'REQUIRED_INPUT_FIELD_ADDED: A required field',
  ],
  ['an argument is gone', 'floorMessage(groupId: ID!)', 'floorMessage', 'ARG_REMOVED: Subscription.floorMessage arg groupId was removed.'],
  ['a field is added', 'type MediaGrant {', 'type MediaGrant {\n  added: Int!\n', null],
  ['what may be given is added', 'input RequestTalkInput {', 'input RequestTalkInput {\n  place: String\n', null],
])('%s', (_name, from, to, expected) => {
  const { breaking } = schemaChanges(SCHEMA, changed(from, to))
  if (expected === null) expect(breaking).toEqual([])
  else expect(breaking.join('\n')).toContain(expected)
})

test('the command fails for what breaks, by name, and only tells of a new value', async () => {
  await using folder = await temporaryFolder()
  const check = (schema: string) => {
    for (const [name, text] of Object.entries({ released: SCHEMA, present: schema })) writeFileSync(join(folder.path, name), text)
    const { status, stdout } = spawnSync(process.execPath, [COMMAND, join(folder.path, 'released'), join(folder.path, 'present')])
    return { status, said: stdout.toString() }
  }
  const removed = check(changed('  listenerCount: Int!\n', ''))
  expect(removed.status).toBe(1)
  expect(removed.said).toContain('breaking   FIELD_REMOVED: RequestTalkPayload.listenerCount was removed.')
  const added = check(changed('enum TalkOutcome {', 'enum TalkOutcome {\n  POSTPONED\n'))
  expect(added.status).toBe(0)
  expect(added.said).toContain('dangerous  VALUE_ADDED_TO_ENUM: POSTPONED was added to enum type TalkOutcome.')
  expect(check(SCHEMA)).toEqual({ status: 0, said: expect.stringContaining('breaks no client') })
})
