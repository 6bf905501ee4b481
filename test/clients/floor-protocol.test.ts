import { readFileSync } from 'node:fs'
import { buildSchema, isEnumType } from 'graphql'
import { expect, test } from 'vitest'
import * as engine from '../../src/realtime/engine.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const schema = buildSchema(read('schema.graphql'))
const page = read('docs/floor-protocol.md')

/** What a device meets while it talks, listens and signs in. */
const MET = [
  'TalkOutcome',
  'FloorDenyReason',
  'FloorMessageKind',
  'TalkBurstEndReason',
  'SpeakerChangeKind',
  'FloorState',
  'FloorPriority',
  'PresenceChangeKind',
  'MediaState',
  'DevicePairingStatus',
]

/** Of the people who administer, not of devices; roles are shown, and nothing follows from them. */
const NOT_MET = ['AuditAction', 'AuditOutcome', 'AuditTargetKind', 'UserErrorCode', 'SystemRole', 'GroupRole']

const enums = Object.values(schema.getTypeMap()).filter((type) => isEnumType(type) && !type.name.startsWith('__'))

test('the page is about every enum that devices meet', () => {
  expect(enums.map(({ name }) => name).toSorted()).toEqual([...MET, ...NOT_MET].toSorted())
})

test.each(MET)('the page says of every value of %s, and of no other, what to do', (name) => {
  const type = schema.getType(name)
  const values = isEnumType(type) ? type.getValues().map((value) => value.name) : []
  const section = new RegExp(`^### \`${name}\`[^\\n]*\\n([^]*?)(?=^##)`, 'm').exec(page)?.[1] ?? ''
  const rows = [...section.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, value = '', cells = '']) => ({
    value,
    cells: cells.split(' | '),
  }))
  expect(rows.map(({ value }) => value).toSorted()).toEqual(values.toSorted())
  expect(rows.filter(({ cells }) => cells.some((cell) => cell.trim() === ''))).toEqual([])
})

test('the times on the page are those of the engine', () => {
  const times = [...page.matchAll(/^\| [^|]+ \| (?:`\w+`|–) \| (\d+) \|$/gm)].map(([, ms]) => Number(ms))
  expect(times).toEqual([
    engine.LEASE_MS,
    engine.RENEW_EVERY_MS,
    engine.LEASE_AFTER_CLOSE_MS,
    engine.ACCEPT_WITHIN_MS,
    engine.QUEUE_LIMIT_MS,
    engine.RETRY_AFTER_LIMIT_MS,
    engine.PRESENCE_LEASE_MS,
    engine.PRESENCE_AFTER_CLOSE_MS,
    engine.HEARTBEAT_EVERY_MS,
    engine.REMEMBER_MS,
  ])
})

test('every field and operation that the page names is in the schema', () => {
  const known = new Set(Object.values(schema.getTypeMap()).flatMap((type) => ('getFields' in type ? Object.keys(type.getFields()) : [])))
  const named = [...page.matchAll(/`([a-z]\w*(?:\.\w+)*)(?:\(|: \w+`|`)/g)].flatMap(([, path = '']) => path.split('.'))
  expect(named.length).toBeGreaterThan(60)
  expect(named.filter((name) => !known.has(name) && !['schema', 'graphql', 'livekit', 'extensions', 'code'].includes(name))).toEqual([])
})
