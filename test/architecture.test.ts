import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../src', import.meta.url))
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

/** Every import between files of src, as [from, to]. */
const imports = files.flatMap((from) =>
  [...readFileSync(join(SRC, from), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
    ([, to]) => [from, relative(SRC, join(SRC, dirname(from), to ?? ''))] as const,
  ),
)
const DOMAINS = ['auth', 'users', 'groups', 'presence', 'floor', 'media', 'history', 'admin']
/** Of equal rank: a session is a user's, and a user signs in. */
const rank = (domain: string) => Math.max(1, DOMAINS.indexOf(domain))
const domainOf = (file: string) => /^domains\/([^/]+)\//.exec(file)?.[1]
const isGraphql = (file: string) => file.endsWith('.graphql.ts') || file.startsWith('graphql/')

/** What an arrow may not do, and why. */
const rules: readonly [why: string, breaks: (from: string, to: string) => boolean][] = [
  [
    'only app.ts knows a concrete engine or media server',
    (from, to) =>
      /memory-engine|livekit\/livekit|database\/(client|embedded)/.test(to) &&
      !['app.ts'].includes(from) &&
      !from.startsWith('database/') &&
      !isTypeOnly(from, to),
  ],
  ['nothing but main imports the app', (from, to) => to === 'app.ts' && !['main.ts', 'banner.ts'].includes(from)],
  ['services know no GraphQL', (from, to) => !isGraphql(from) && from.startsWith('domains/') && isGraphql(to)],
  [
    'realtime and integrations know no domain and no GraphQL',
    (from, to) => /^(realtime|integrations)\//.test(from) && /^(domains|graphql)\//.test(to),
  ],
  [
    'the GraphQL plumbing meets domains in schema.ts and context.ts only',
    (from, to) =>
      from.startsWith('graphql/') &&
      !['graphql/schema.ts', 'graphql/context.ts'].includes(from) &&
      to.startsWith('domains/') &&
      !isTypeOnly(from, to),
  ],
  ['a domain knows only earlier domains', (from, to) => rank(domainOf(to) ?? 'auth') > rank(domainOf(from) ?? 'admin')],
  ['config is read in main', (from, to) => to === 'config.ts' && from !== 'main.ts' && !isTypeOnly(from, to)],
]

function isTypeOnly(from: string, to: string) {
  const base = to.split('/').at(-1) ?? ''
  return readFileSync(join(SRC, from), 'utf8')
    .split('\n')
    .some((line) => line.includes(`/${base}'`) && line.startsWith('import type'))
}

test.for(rules)('%s', ([, breaks]) => {
  expect(imports.filter(([from, to]) => breaks(from, to)).map(([from, to]) => `${from} → ${to}`)).toEqual([])
})

test('the arrows were found', () => {
  expect(imports.length).toBeGreaterThan(100)
  expect(imports).toContainEqual(['domains/floor/floor.service.ts', 'realtime/engine.ts'])
})

test('process.env is read in main.ts alone, and nothing ends the process but main.ts', () => {
  const offenders = files.filter((file) => file !== 'main.ts' && /process\.(env|exit)\b/.test(readFileSync(join(SRC, file), 'utf8')))
  expect(offenders).toEqual([])
})

/** What the sources of a folder import, each once. */
function importedBy(folder: string): { readonly sources: readonly string[]; readonly imported: readonly string[] } {
  const root = fileURLToPath(new URL(`../${folder}`, import.meta.url))
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const imported = sources.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/ from '([^']+)'/g)].map(([, to = '']) =>
      to.startsWith('.') ? relative(root, join(root, dirname(file), to)) : to,
    ),
  )
  return { sources, imported: [...new Set(imported)].filter((to) => !sources.includes(to)) }
}

test('the SDK imports nothing but itself', () => {
  const { sources, imported } = importedBy('sdk/src')
  expect(sources.length).toBeGreaterThan(20)
  expect(imported).toEqual([])
})

test('the demo knows of NEDA what an app does: what the SDK exports', () => {
  const { imported } = importedBy('demo')
  expect(imported.filter((to) => !to.startsWith('node:'))).toEqual(['../sdk/src/index.ts'])
})

test('no hand-written file is longer than 350 lines', () => {
  expect(files.filter((file) => readFileSync(join(SRC, file), 'utf8').split('\n').length > 350)).toEqual([])
})
