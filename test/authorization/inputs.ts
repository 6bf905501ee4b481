import { readFileSync } from 'node:fs'
import { buildSchema, getNamedType, isInputObjectType } from 'graphql'
import { describe, expect, test } from 'vitest'
import { play } from './cell.ts'
import { ask, documentFor, operation, TRANSPORTS, verdict } from './play.ts'
import { REQUESTS } from './requests.ts'
import { fieldOf, rowsOf } from './rows.ts'
import { type Kind, type Objects, type Stage } from './stage.ts'
import { OPERATIONS } from './table.ts'

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))
const UUID = '01890a5d-ac96-774b-bcce-b302099a8057'
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** What people try instead of an id. */
const NO_IDS: readonly unknown[] = [
  "' OR 1=1--",
  '{"$ne":null}',
  { $ne: null },
  '${jndi:ldap://127.0.0.1/a}',
  '../../../../etc/passwd',
  '%00',
  '\u0000',
  '\ud800',
  'x'.repeat(10_000),
  `Group:${UUID}`,
  base64(`Group:' OR 1=1--`),
  base64(`Group:${UUID}'--`),
  base64('User:../../'),
  base64(`User:${UUID}\u0000`),
  base64(`__proto__:${UUID}`),
  base64(`constructor:${UUID}`),
  base64(`toString:${UUID}`),
  base64(`TalkBurst:${UUID}`),
  base64(':'),
  base64('Group:'),
  0,
  -1,
  1.5,
  true,
  [],
  [UUID],
]

/** What a client might send along to get more than it may. */
const FORBIDDEN_FRUIT: Readonly<Record<string, unknown>> = {
  systemRole: 'ADMIN',
  role: 'GROUP_MANAGER',
  isAdmin: true,
  id: UUID,
  createdAt: '2000-01-01T00:00:00Z',
  disabledAt: null,
  deletedAt: null,
  passwordHash: 'x',
  totpSecret: null,
  totpSince: null,
  refreshSalt: 'x',
  mutedUntil: null,
  viewer: { systemRole: 'ADMIN' },
  sessionId: UUID,
  constructor: { prototype: { systemRole: 'ADMIN' } },
}

const rows = rowsOf<Kind>(OPERATIONS).filter(({ name }) => !name.startsWith('Subscription.') && REQUESTS[name]?.variables)
const inputs = Object.values(schema.getMutationType()?.getFields() ?? {}).flatMap(({ name, args: [input] }) => {
  const type = getNamedType(input?.type)
  return isInputObjectType(type) ? [{ name, known: Object.keys(type.getFields()) }] : []
})

/** For a test file that has set a stage. */
export const describeInputs = (on: () => Stage) =>
  describe('inputs that nobody sends by mistake', () => {
    test.each(rows)('A24 $name: what is no id names nothing and breaks nothing', async ({ name, answers }) => {
      const stage = on()
      const request = REQUESTS[name] ?? {}
      const at = [fieldOf(name).split('.')[1], ...(request.part ? [request.part] : [])].join('.')
      const by = stage.device('admin')
      const asked = JSON.stringify(await request.variables?.({ by, objects: stage.objects, stage, succeeds: false }))
      if (!Object.values(stage.objects).some((id) => asked.includes(id))) return
      for (const kind of ['member', 'admin'] as const) {
        for (const [index, odd] of NO_IDS.entries()) {
          const objects = Object.fromEntries(Object.keys(stage.objects).map((key) => [key, odd])) as unknown as Objects
          const over = request.over ?? TRANSPORTS
          const transport = over[index % over.length] ?? 'POST'
          const document = documentFor(schema, fieldOf(name), request.part)
          const said = verdict(await play({ stage, kind, transport, request, document, expected: answers[kind], objects }), at)
          const allowed = ['NOT_FOUND', 'BAD_USER_INPUT', 'EMPTY', ...(answers[kind] === 'FORBIDDEN' ? ['FORBIDDEN'] : [])]
          expect(allowed, `${kind} over ${transport}: ${JSON.stringify(odd).slice(0, 60)}`).toContain(said)
        }
      }
    })

    test.each(inputs)('A28 $name: takes nothing along that is not in its input', async ({ name, known }) => {
      const document = documentFor(schema, `Mutation.${name}`)
      for (const [field, value] of Object.entries(FORBIDDEN_FRUIT)) {
        if (known.includes(field)) continue
        for (const transport of TRANSPORTS) {
          const { errors } = await ask(transport, on().device('member'), document, { input: { [field]: value } })
          expect(errors?.[0]?.extensions?.code, `${field} over ${transport}`).toBe('BAD_USER_INPUT')
        }
      }
    })

    test('A28 only admins are asked for a role, and only they and managers for what a member may do', () => {
      const takes = (field: string) => inputs.filter(({ known }) => known.includes(field)).map(({ name }) => name)
      expect(takes('systemRole')).toEqual(['createUser', 'updateUser'])
      expect(takes('canTalk')).toEqual(['addGroupMember', 'updateGroupMember'])
      expect(takes('managerId')).toEqual(['createGroup'])
      // The rank of a press: no higher than the membership's.
      expect(takes('priority')).toEqual(['addGroupMember', 'requestTalk', 'updateGroupMember'])
    })

    test('A23 a key called __proto__ changes nothing', async () => {
      const { client } = on().device('member')
      const query = 'mutation ($input: LeaveGroupInput!) { leaveGroup(input: $input) { userErrors { code } } }'
      for (const key of ['__proto__', 'constructor', 'prototype']) {
        const text = `{"query":${JSON.stringify(query)},"variables":{"input":{"${key}":{"systemRole":"ADMIN"}},"${key}":{"systemRole":"ADMIN"}},"${key}":{"systemRole":"ADMIN"}}`
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${client.accessToken}` }
        const response = await fetch(client.url, { method: 'POST', headers, body: text })
        const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] }
        expect(errors?.[0]?.extensions.code, key).toBe('BAD_USER_INPUT')
      }
      expect((await client.get(operation('{ me { systemRole } }'), {})).me).toEqual({ systemRole: 'USER' })
      expect((await client.ask(operation('{ users { edges { cursor } } }'), {})).errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    })
  })
