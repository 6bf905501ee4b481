/**
 * node codegen.ts    writes what is generated from schema.graphql and operations: for the tests, and for the SDK.
 * The tests speak to NEDA as a client in TypeScript would, and no longer compile when an operation they use has changed its shape.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { codegen } from '@graphql-codegen/core'
import * as typedDocumentNode from '@graphql-codegen/typed-document-node'
import * as typescriptOperations from '@graphql-codegen/typescript-operations'
import { buildSchema, concatAST, type DocumentNode, GraphQLError, type GraphQLSchema, getLocation, parse, Source, validate } from 'graphql'
import * as documents from './scripts/typed-documents.ts'

const SCHEMA = 'schema.graphql'

/** Where operations are, a file standing in for one of its name before, where their types go, and what writes their texts. */
const TARGETS = [
  // The SDK's, but where the tests ask for other fields.
  { operations: ['sdk/operations', 'test/operations'], output: 'test/generated/operations.ts', documents: typedDocumentNode },
  { operations: ['sdk/operations'], output: 'sdk/src/generated/operations.ts', documents },
] as const

type Target = (typeof TARGETS)[number]

const config = {
  documentMode: 'string',
  useTypeImports: true,
  immutableTypes: true,
  enumType: 'string-literal',
  strictScalars: true,
  scalars: { ID: 'string', DateTime: 'string', EventCursor: 'string' },
  // As the schema, the operation and the fields are spelled: nothing to translate in one's head.
  namingConvention: 'keep',
  dedupeFragments: true,
  skipDocumentsValidation: true,
}

class OperationsError extends Error {}

const absolute = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const read = (path: string) => new Source(readFileSync(absolute(path), 'utf8'), path)

try {
  const schema = buildSchema(read(SCHEMA))
  for (const target of TARGETS) {
    const code = await generate(schema, target)
    mkdirSync(absolute(`${target.output}/..`), { recursive: true })
    writeFileSync(absolute(target.output), code)
  }
} catch (error) {
  console.error(error instanceof OperationsError ? error.message : error instanceof GraphQLError ? explain(error) : error)
  process.exitCode = 1
}

/** All files as one document, as each may use the fragments of the others. */
function readOperations(schema: GraphQLSchema, folders: readonly string[]): DocumentNode {
  const files = folders.flatMap((folder) => readdirSync(absolute(folder)).map((name) => [name, `${folder}/${name}`] as const))
  const paths = [...new Map(files.filter(([name]) => name.endsWith('.graphql'))).values()]
  const document = concatAST(paths.toSorted().map((path) => parse(read(path))))
  const errors = validate(schema, document)
  if (errors.length > 0) throw new OperationsError(errors.map(explain).join('\n'))
  return document
}

function explain({ message, nodes, source, positions }: GraphQLError): string {
  const parts = nodes?.map(({ loc }) => loc && place(loc.source, loc.start))
  const places = parts ?? positions?.map((position) => source && place(source, position))
  return `${places?.join(', ') ?? SCHEMA}: ${message}`
}

function place(source: Source, position: number): string {
  const { line, column } = getLocation(source, position)
  return `${source.name}:${line}:${column}`
}

async function generate(schema: GraphQLSchema, { operations, output, documents }: Target): Promise<string> {
  const code = await codegen({
    filename: output,
    schema: parse(read(SCHEMA)),
    schemaAst: schema,
    documents: [{ location: operations.join(), document: readOperations(schema, operations) }],
    pluginMap: { 'typescript-operations': typescriptOperations, documents },
    plugins: [{ 'typescript-operations': {} }, { documents: {} }],
    config,
  })
  return `// Written by node codegen.ts.\n${code}\n`
}
