import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { expect, test } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { derivedKey, Seals } from '../../src/domains/auth/sealed.ts'
import { LoginDocument, StartTotpDocument } from '../generated/operations.ts'
import { calmStep, setUpTotp } from '../support/authenticator.ts'
import { Client, signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { outcomeOf, PASSWORD } from '../support/people.ts'
import { startNeda } from '../support/start-neda.ts'
import { codeOf } from '../support/transports.ts'

const KEYS = [
  'the first key of a test, of no other use',
  'the second key of a test, just as useless',
  'the third key of a test, the last of them',
]
const [first = '', second = '', third = ''] = KEYS
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

test('what is sealed opens with its key, or the one that followed it, for its owner alone', () => {
  const [owner, other] = [randomUUID(), randomUUID()]
  const sealed = new Seals(first, null).seal('a secret', owner)
  expect(sealed).not.toContain('secret')
  expect(new Seals(first, null).seal('a secret', owner)).not.toBe(sealed)
  for (const seals of [new Seals(first, null), new Seals(second, first)]) expect(seals.open(sealed, owner)).toBe('a secret')
  expect([new Seals(first, null), new Seals(second, first), new Seals(first, second)].map((seals) => seals.isStale(sealed))).toEqual([
    false,
    true,
    false,
  ])
  expect(() => new Seals(first, null).open(sealed, other)).toThrow()
  expect(() => new Seals(second, third).open(sealed, owner)).toThrow('SECRET_KEY_PREVIOUS')
  const bytes = Buffer.from(sealed.split('.')[1] ?? '', 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes)
    altered[at] = (altered[at] ?? 0) ^ 1
    expect(() => new Seals(first, null).open(`${sealed.split('.')[0]}.${altered.toString('base64url')}`, owner)).toThrow()
  }
  expect(derivedKey(first, 'one purpose')).not.toEqual(derivedKey(first, 'another purpose'))
})

test('secrets are encrypted where they are stored, codes are hashed, and all outlives two changes of the key', async () => {
  await using folder = await dataFolder()
  await using postgres = await openEmbeddedPostgres({ folder: folder.path, log: silent })
  const start = (env: Record<string, string>) =>
    startNeda({
      NEDA_DATA_DIR: folder.path,
      DATABASE_URL: postgres.url,
      NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root',
      NEDA_BOOTSTRAP_ADMIN_PASSWORD: PASSWORD,
      ...env,
    })
  const stored = async () => {
    const client = new pg.Client(postgres.url)
    await client.connect()
    const { rows } = await client.query<{ all: string }>(
      `SELECT (SELECT jsonb_agg(u)::text FROM "User" u) || (SELECT jsonb_agg(c)::text FROM "RecoveryCode" c) AS "all"`,
    )
    await client.end()
    return rows[0]?.all ?? ''
  }
  const login = (url: string, totpCode: string) =>
    new Client(url).ask(LoginDocument, { input: { username: 'root', password: PASSWORD, totpCode } })

  const setUp = await (async () => {
    await using neda = await start({ SECRET_KEY: first })
    const root = await signIn(neda.url, 'root', PASSWORD)
    const made = await setUpTotp(root)
    const { startTotp } = await root.get(StartTotpDocument, {})
    const all = await stored()
    const secret = new URL(startTotp.otpauthUri ?? '').searchParams.get('secret') ?? 'no secret'
    expect([all.includes(secret), all.includes(Buffer.from(secret).toString('base64url'))]).toEqual([false, false])
    for (const code of made.recoveryCodes) expect(all.includes(code) || all.includes(code.replaceAll('-', ''))).toBe(false)
    expect(neda.printed()).not.toContain(secret)
    return { ...made, all }
  })()
  const { code, recoveryCodes } = setUp
  const keyOf = (all: string) => /"totpSecret": "([0-9a-f]{8})\./.exec(all)?.[1]
  {
    await using _neda = await start({ SECRET_KEY: second, SECRET_KEY_PREVIOUS: first })
    expect(keyOf(await stored()), 'sealed anew at the start').not.toBe(keyOf(setUp.all))
  }
  {
    await using neda = await start({ SECRET_KEY: second })
    await calmStep()
    expect(outcomeOf(await login(neda.url, code()))).toBe('done')
  }
  await using neda = await start({ SECRET_KEY: third })
  expect(codeOf(await login(neda.url, code(1))), 'the key was lost').toBe('INTERNAL_SERVER_ERROR')
  expect(neda.printed()).toContain('SECRET_KEY_PREVIOUS')
  expect(outcomeOf(await login(neda.url, recoveryCodes[1] ?? '')), 'which takes no key').toBe('done')
})
