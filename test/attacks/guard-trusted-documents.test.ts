import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LoginDocument } from '../generated/operations.ts'
import { dataFolder } from '../support/data-folder.ts'
import { createPerson, startWithAdmin } from '../support/people.ts'
import { type Asked, askOver, WAYS } from '../support/raw-requests.ts'
import { failingNeda } from '../support/start-neda.ts'

const LOGIN = LoginDocument.toString()
const ME = 'query Me { me { id } }'
const OTHER = 'query Other { me { username } }'
const STREAM = 'subscription Watch($groupId: ID!) { speakerChanged(groupId: $groupId) { kind } }'

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')
const persisted = (text: string): Asked => ({ extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(text) } } })

/** As Apollo's tools write it. */
const APOLLO = {
  format: 'apollo-persisted-query-manifest',
  version: 1,
  operations: [LOGIN, ME].map((body) => ({ id: hashOf(body), name: 'A', type: 'query', body })),
}
const PLAIN = { [hashOf(LOGIN)]: LOGIN, [hashOf(ME)]: ME, old: '{ whatWasOnce }' }

async function startWith(manifest: object, mode: string) {
  const folder = await dataFolder()
  const file = join(folder.path, 'manifest.json')
  await writeFile(file, JSON.stringify(manifest))
  const neda = await startWithAdmin({ TRUSTED_DOCUMENTS: file, TRUSTED_DOCUMENTS_MODE: mode })
  return {
    ...neda,
    member: (await (await createPerson(neda.admin, 'Ben')).device()).accessToken,
    async [Symbol.asyncDispose]() {
      await neda[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

describe.concurrent('trusted documents', () => {
  test.for([
    ["Apollo's manifest", APOLLO],
    ['texts by their hashes', PLAIN],
  ] as const)('enforced, from %s: what is not in it is for admins alone', async ([, manifest]) => {
    await using neda = await startWith(manifest, 'enforce')
    const admin = neda.admin.accessToken
    const { member } = neda
    for (const way of WAYS) {
      const ask = async (asked: Asked, token: string | null) => {
        const { data, errors } = await askOver(way, neda.url, asked, token)
        return errors?.[0]?.extensions?.code ?? Object.keys(data ?? {}).join()
      }
      expect(await ask({ query: ME }, member)).toBe('me')
      expect(await ask(persisted(ME), member)).toBe('me')
      expect(await ask({ documentId: hashOf(ME) }, member)).toBe('me')
      for (const asked of [
        { query: OTHER },
        persisted(OTHER),
        { documentId: 'x' },
        { query: `${ME} ` },
        { ...persisted(ME), query: OTHER },
      ]) {
        expect(await ask(asked, member), way).toBe('PERSISTED_QUERY_REQUIRED')
        expect(await ask(asked, null), way).toBe('PERSISTED_QUERY_REQUIRED')
      }
      expect(await ask({ query: '{ nonsense' }, member)).toBe('PERSISTED_QUERY_REQUIRED')
      if (way !== 'POST') expect(await ask({ query: STREAM, variables: { groupId: 'x' } }, member)).toBe('PERSISTED_QUERY_REQUIRED')
      expect(await ask({ query: OTHER }, admin)).toBe('me')
    }
  })

  test('reported: everything is executed, and what is not in it is logged once, by its hash and name', async () => {
    await using neda = await startWith(PLAIN, 'report')
    for (const way of WAYS)
      for (const query of [ME, OTHER]) expect((await askOver(way, neda.url, { query }, neda.member)).errors).toBeUndefined()
    const reported = neda
      .printed()
      .split('\n')
      .filter((line) => line.includes('not in TRUSTED_DOCUMENTS'))
    expect(reported).toHaveLength(1)
    expect(reported[0]).toContain(hashOf(OTHER))
    expect(reported[0]).toContain('"operationName":"Other"')
    expect(neda.printed()).not.toContain('username }')
    // One that the schema no longer knows.
    expect(neda.printed()).toMatch(/"id":"old".*will be refused/)
  })

  test('a hash that is not known says so in the words for which clients send the text again', async () => {
    await using neda = await startWith(PLAIN, 'off')
    const { errors } = await askOver('POST', neda.url, persisted(OTHER), neda.member)
    expect(errors?.[0]?.message).toBe('PersistedQueryNotFound')
    expect((await askOver('POST', neda.url, { ...persisted(OTHER), query: OTHER }, neda.member)).errors).toBeUndefined()
  })

  test('a manifest that is none, or is missing, is said at the start', async () => {
    await using folder = await dataFolder()
    const file = join(folder.path, 'manifest.json')
    await writeFile(file, '{"format":"apollo-persisted-query-manifest","version":2,"operations":[]}')
    const missing = await failingNeda({ NEDA_DATA_DIR: folder.path, TRUSTED_DOCUMENTS_MODE: 'enforce' })
    expect(missing.printed).toContain('TRUSTED_DOCUMENTS is missing')
    const none = await failingNeda({ NEDA_DATA_DIR: folder.path, TRUSTED_DOCUMENTS: file, TRUSTED_DOCUMENTS_MODE: 'enforce' })
    expect(none.printed).toContain('TRUSTED_DOCUMENTS cannot be read')
  })
})
