import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  buildSchema,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
  separateOperations,
  validate,
} from 'graphql'
import { expect, test } from 'vitest'
import { Documents } from '../../src/graphql/documents.ts'
import { schema } from '../../src/graphql/schema.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FOLDER = 'clients/operations'
const read = (path: string) => readFileSync(`${ROOT}${path}`, 'utf8')

const documents = readdirSync(`${ROOT}${FOLDER}`).map((name) => read(`${FOLDER}/${name}`))
const all: DocumentNode = parse(documents.join('\n'))
const operations = all.definitions.filter((it): it is OperationDefinitionNode => it.kind === Kind.OPERATION_DEFINITION)
const fragments = all.definitions.filter((it): it is FragmentDefinitionNode => it.kind === Kind.FRAGMENT_DEFINITION)
const nameOf = ({ name }: OperationDefinitionNode | FragmentDefinitionNode) => name?.value ?? ''

/** What Apollo's generators for Swift and Kotlin keep for themselves, as the name of an operation, a fragment, a field or an alias. */
const RESERVED = /^(_.*|self|Self|data|Data|type|Type|fragments|Fragments|error|Error|selection|Selection|protocol|Protocol|init|schema)$/

test('what the clients in Swift and Kotlin send is valid', () => {
  expect(operations.length).toBeGreaterThan(20)
  expect(validate(buildSchema(read('schema.graphql')), all)).toEqual([])
})

test.each(Object.entries(separateOperations(all)))('%s is within the limits of a document, as it is sent alone', (_name, document) => {
  expect(new Documents(schema).prepare(print(document)).errors).toEqual([])
})

test('no name clashes in generated code', () => {
  const names = [...operations, ...fragments].map(nameOf)
  expect(names.filter((name) => RESERVED.test(name) || !/^[A-Z]/.test(name))).toEqual([])
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length)
  expect([...operations, ...fragments].flatMap(({ selectionSet }) => clashesIn(selectionSet))).toEqual([])
  const { schemaNamespace } = JSON.parse(read('clients/swift/apollo-codegen-config.json')) as { schemaNamespace: string }
  expect([...names, ...Object.keys(schema.getTypeMap())]).not.toContain(schemaNamespace)
})

test('the generators of both read these files, and the schema', () => {
  const { input } = JSON.parse(read('clients/swift/apollo-codegen-config.json')) as {
    input: { schemaSearchPaths: string[]; operationSearchPaths: string[] }
  }
  const gradle = read('clients/kotlin/build.gradle.kts')
  const kotlin = [/schemaFile\.set\(file\("(.+)"\)\)/, /srcDir\("(.+)"\)/].map((it) => it.exec(gradle)?.[1] ?? 'missing')
  const paths = [...input.schemaSearchPaths, ...input.operationSearchPaths.map(dirname), ...kotlin]
  expect(paths.map((path) => resolve(ROOT, 'clients/swift', path).slice(ROOT.length))).toEqual([
    'schema.graphql',
    FOLDER,
    'schema.graphql',
    FOLDER,
  ])
  expect(paths.every((path) => existsSync(resolve(ROOT, 'clients/swift', path)))).toBe(true)
})

test('the versions that are proved are those that are recommended', () => {
  const proved = read('clients/kotlin/verify/pom.xml')
  const gradle = read('clients/kotlin/build.gradle.kts')
  const versionIn = (text: string, name: string) => new RegExp(`<${name}.version>(.+)</`).exec(text)?.[1] ?? 'missing'
  expect(gradle).toContain(`apollo-runtime:${versionIn(proved, 'apollo')}"`)
  expect(gradle).toContain(`id("com.apollographql.apollo") version "${versionIn(proved, 'apollo')}"`)
  expect(gradle).toContain(`kotlin("jvm") version "${versionIn(proved, 'kotlin')}"`)
})

/** A list's entries get the name of the list's singular in Swift. */
function clashesIn({ selections }: SelectionSetNode): string[] {
  const fields = selections.filter((it) => it.kind === Kind.FIELD)
  const names = fields.map(({ name, alias }) => (alias ?? name).value)
  const isPluralOf = (one: string) => (other: string) => other !== one && [`${one}s`, `${one}es`, one.replace(/y$/, 'ies')].includes(other)
  const own = names.filter((name) => RESERVED.test(name) || names.some(isPluralOf(name)))
  return [...own, ...selections.flatMap((it) => ('selectionSet' in it && it.selectionSet ? clashesIn(it.selectionSet) : []))]
}
