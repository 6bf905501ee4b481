import { readFileSync } from 'node:fs'
import { buildSchema } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Subscription } from '../support/client.ts'
import { startWithAdmin } from '../support/people.ts'
import { WITHOUT_LIMITS } from '../support/without-limits.ts'
import { play } from './cell.ts'
import { describeLosses } from './losses.ts'
import { ask, type Data, documentFor, fieldsOf, open, TRANSPORTS, verdict } from './play.ts'
import { ENTRIES, REQUESTS } from './requests.ts'
import { fieldOf, rowsOf, undecided } from './rows.ts'
import { type Device, KINDS, type Kind, type Stage, setStage } from './stage.ts'
import { FIELDS, NOT_SENSITIVE, OPERATIONS } from './table.ts'

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))
const operations = rowsOf<Kind>(OPERATIONS)
const fields = rowsOf<Kind>(FIELDS)
const isStream = (path: string) => path.startsWith('Subscription.')

test('every field of the schema has its line, or its type a reason why not; no line and no reason is left over', () => {
  const names = [...operations, ...fields].map(({ name }) => name)
  const excused = Object.keys(NOT_SENSITIVE).flatMap((types) => types.split(' '))
  expect(undecided(schema, names, excused)).toEqual({ missing: [], gone: [] })
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  expect(Object.keys(REQUESTS)).toEqual(operations.map(({ name }) => name))
  expect(Object.keys(ENTRIES)).toEqual([...new Set(fields.map(({ name }) => name.split('.')[0]))])
  for (const { answers } of [...operations, ...fields]) expect(Object.keys(answers)).toEqual(KINDS)
})

describe('on one stage', () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  let stage: Stage

  beforeAll(async () => {
    neda = await startWithAdmin(WITHOUT_LIMITS)
    stage = await setStage(neda.url, neda.admin)
  })
  afterAll(async () => {
    await stage[Symbol.asyncDispose]()
    await neda[Symbol.asyncDispose]()
  })

  test.each(operations.filter(({ name }) => !isStream(name)))('$name', async ({ name, answers }) => {
    const request = REQUESTS[name] ?? {}
    const path = fieldOf(name)
    const document = documentFor(schema, path, request.part)
    const at = [path.split('.')[1], ...(request.part ? [request.part] : [])].join('.')
    for (const transport of request.over ?? TRANSPORTS) {
      const said: Partial<Record<Kind, string>> = {}
      for (const kind of KINDS) said[kind] = verdict(await play({ stage, kind, transport, request, document, expected: answers[kind] }), at)
      expect(said, transport).toEqual(answers)
    }
  })

  test.each([...new Set(fields.map(({ name }) => name.split('.')[0] ?? ''))])('fields of %s', async (type) => {
    const entry = ENTRIES[type]
    if (!entry) throw new Error(`there is no way to ${type}`)
    const rows = fields.filter(({ name }) => name.startsWith(`${type}.`))
    const document = entry.document.replace('FIELDS', fieldsOf(schema, type))
    for (const transport of TRANSPORTS) {
      const said: Record<string, Partial<Record<Kind, string>>> = {}
      for (const kind of KINDS) {
        const answer = await play({ stage, kind, transport, request: entry, document, expected: rows[0]?.answers[kind] })
        for (const { name } of rows) said[name] = { ...said[name], [kind]: verdict(answer, `${entry.at}.${name.split('.')[1]}`) }
      }
      expect(said, transport).toEqual(Object.fromEntries(rows.map(({ name, answers }) => [name, answers])))
    }
  })

  test.each(operations.filter(({ name }) => isStream(name)))('$name, and nothing comes to who may not watch', async ({ name, answers }) => {
    const path = fieldOf(name)
    const document = documentFor(schema, path)
    const refused: Subscription<Data>[] = []
    for (const kind of KINDS) {
      const { errors, data } = await ask('POST', stage.device(kind), document, { groupId: stage.objects.groupId })
      expect(data ?? null, 'a plain POST is no stream').toBeNull()
      expect(errors?.[0]?.extensions?.code).toMatch(/^[A-Z_]+$/)
    }
    for (const transport of ['SSE', 'WebSocket'] as const) {
      const said: Partial<Record<Kind, string>> = {}
      for (const kind of KINDS) {
        const by = stage.device(kind)
        const stream = await open(transport, by, document, { groupId: stage.objects.groupId })
        said[kind] = await firstOf(stream, by, path)
        if (said[kind] === 'OK') await stream[Symbol.asyncDispose]()
        else refused.push(stream)
      }
      expect(said, transport).toEqual(answers)
    }
    await stage.talking()
    await stage.silent()
    for (const { received } of refused) {
      await received.ended()
      expect(received.items.filter(({ data }) => data)).toEqual([])
    }
  })

  async function firstOf({ received }: Subscription<Data>, by: Device, path: string): Promise<string> {
    const at = path.split('.')[1] ?? ''
    const first = received.next().then(
      (answer) => verdict(answer, at),
      // A socket that is not let in ends without a word of its streams.
      async () => `closed ${(await by.socket.closed).code}`.replace('closed 4401', 'SESSION_REVOKED'),
    )
    // Of the others the first comes by itself.
    if (path !== 'Subscription.floorMessage') return first
    const hasCome = first.then(() => true)
    while (!(await Promise.race([hasCome, stage.wait(by).then(() => false)]))) continue
    return first
  }

  describeLosses(() => stage)
})
