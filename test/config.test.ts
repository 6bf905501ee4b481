import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import { temporaryFolder } from './support/temporary-folder.ts'

const RANDOM = '8f1c0de9a7b3462d5e90f1a2b3c4d5e6'
const OTHER = '0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a'
const SAFE = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://neda@db:5432/neda',
  REDIS_URL: 'redis://redis:6379',
  SECRET_KEY: RANDOM,
  LIVEKIT_URL: 'http://livekit:7880',
  LIVEKIT_PUBLIC_URL: 'wss://voice.example.org',
  LIVEKIT_API_KEY: 'APIneda',
  LIVEKIT_API_SECRET: OTHER,
}

const complaint = (env: Record<string, string | undefined>): string => {
  try {
    readConfig(env)
    return ''
  } catch (error) {
    return String(error)
  }
}

test('what is safe in production starts', () => {
  expect(complaint(SAFE)).toBe('')
})

test.for([
  ['a short key', { SECRET_KEY: 'too short' }, /SECRET_KEY must have at least 32/],
  ['a key copied from an example', { SECRET_KEY: 'change-me-change-me-change-me-change-me' }, /SECRET_KEY can be guessed/],
  ['a key of a word again and again', { SECRET_KEY: 'walkie7!'.repeat(5) }, /SECRET_KEY can be guessed/],
  ['a key of one letter', { SECRET_KEY: 'x'.repeat(40) }, /SECRET_KEY can be guessed/],
  ['one key for two uses', { LIVEKIT_API_SECRET: RANDOM }, /SECRET_KEY and LIVEKIT_API_SECRET are the same/],
  ['the former key as the present one', { SECRET_KEY_PREVIOUS: RANDOM }, /SECRET_KEY and SECRET_KEY_PREVIOUS are the same/],
  ['the keys of livekit-server --dev', { LIVEKIT_API_KEY: 'devkey', LIVEKIT_API_SECRET: 'secret' }, /livekit-server --dev/],
  ['tokens sent in the clear', { LIVEKIT_PUBLIC_URL: 'ws://voice.example.org' }, /LIVEKIT_PUBLIC_URL must be wss/],
  ['an origin for everybody', { ALLOWED_ORIGINS: '*' }, /ALLOWED_ORIGINS must be/],
  ['a database inside', { DATABASE_URL: undefined }, /DATABASE_URL is missing.*NEDA_EMBEDDED=allowed/],
  ['a floor inside', { REDIS_URL: undefined }, /REDIS_URL is missing.*NEDA_EMBEDDED=allowed/],
  ['instances that sign differently', { SECRET_KEY: undefined }, /SECRET_KEY is missing/],
  ['a place to die', { NEDA_FAIL_AT: 'record.afterCommit' }, /NEDA_FAIL_AT/],
  [
    'a first password that everybody tries',
    { NEDA_BOOTSTRAP_ADMIN_USERNAME: 'admin', NEDA_BOOTSTRAP_ADMIN_PASSWORD: 'changeme123' },
    /NEDA_BOOTSTRAP_ADMIN_PASSWORD can be guessed/,
  ],
] as const)('production refuses %s, and development does not', ([, change, said]) => {
  expect(complaint({ ...SAFE, ...change })).toMatch(said)
  if (!('ALLOWED_ORIGINS' in change) && !('SECRET_KEY' in change && change.SECRET_KEY === 'too short'))
    expect(complaint({ ...SAFE, ...change, NODE_ENV: 'development' })).toBe('')
})

test('one process with everything in it runs in production if that is said', () => {
  expect(complaint({ NODE_ENV: 'production', NEDA_EMBEDDED: 'allowed' })).toBe('')
})

test('all problems are told at once, and no value', () => {
  const values = {
    SECRET_KEY: 'abcdabcdabcdabcdabcdabcdabcdabcd',
    LIVEKIT_API_SECRET: 'short-and-known-to-many',
    DATABASE_URL: 'mysql://who:knows@db',
  }
  const said = complaint({ ...SAFE, ...values, PORT: '70000' })
  for (const name of ['SECRET_KEY', 'LIVEKIT_API_SECRET', 'DATABASE_URL', 'PORT']) expect(said).toContain(name)
  for (const value of [...Object.values(values), 'knows', '70000']) expect(said).not.toContain(value)
})

test('a secret may come from a file; the file and the variable together, a missing and an empty file are refused', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'key')
  writeFileSync(file, `${RANDOM}\n`)
  expect(readConfig({ SECRET_KEY_FILE: file }).secretKey).toBe(RANDOM)
  expect(complaint({ SECRET_KEY_FILE: file, SECRET_KEY: OTHER })).toMatch(/both set/)
  expect(complaint({ SECRET_KEY_FILE: join(folder.path, 'none') })).toMatch(/SECRET_KEY_FILE cannot be read: ENOENT/)
  writeFileSync(file, '\n')
  expect(complaint({ SECRET_KEY_FILE: file })).toMatch(/SECRET_KEY_FILE is empty/)
})
