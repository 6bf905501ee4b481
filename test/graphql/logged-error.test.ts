import { expect, test } from 'vitest'
import { loggable } from '../../src/graphql/logged-error.ts'

const CANARY = 'canary-7f3a'

/** What libraries say of what they were given. */
const QUOTES: [who: string, error: () => unknown][] = [
  ['JSON.parse, of a short text', () => JSON.parse(`{"a":"${CANARY}`)],
  ['JSON.parse, of a long one', () => JSON.parse(`${'{"a":"b",'.repeat(9)}"c":"${CANARY}"}x${'y'.repeat(99)}`)],
  [
    'Prisma, of a call',
    () => raise(`Invalid \`prisma.user.create()\` invocation:\n{ data: { name: "${CANARY}" } }\nUnknown argument \`x\`.`),
  ],
  ['PostgreSQL, of a key', () => raise(`duplicate key: Key (lower(username))=(${CANARY} (the second)) already exists.`)],
  ['PostgreSQL, of a row', () => raise(`Failing row contains (1, ${CANARY}, null).`)],
  ['PostgreSQL, of a text', () => raise(`invalid input syntax for type uuid: "${CANARY}"`)],
  ['a cause', () => raise('it failed', new Error(`not '${CANARY}'`))],
  ['what is no error', () => raiseText(CANARY)],
]

function raise(message: string, cause?: Error): never {
  throw new Error(message, { cause })
}

function raiseText(text: string): never {
  throw text as unknown as Error
}

test.for(QUOTES)('what %s says is logged without the value', ([, act]) => {
  let thrown: unknown
  try {
    act()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeDefined()
  expect(JSON.stringify(loggable(thrown))).not.toContain(CANARY)
})

test('what remains says what happened and where', () => {
  const error = Object.assign(new TypeError('the column `x` does not exist'), { code: 'P2022' })
  expect(loggable(error)).toMatchObject({ type: 'TypeError', message: 'the column `x` does not exist', code: 'P2022' })
  expect(loggable(error)).toHaveProperty('stack', expect.stringMatching(/^ {4}at .*logged-error\.test\.ts/))
})
