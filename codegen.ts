/**
 * node codegen.ts    writes test/generated/operations.ts: the operations of test/operations with the types that schema.graphql gives them.
 * The tests speak to NEDA as a client in TypeScript would, and no longer compile when an operation they use has changed its shape.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { codegen } from '@graphql-codegen/core'
import * as typedDocumentNode from '@graphql-codegen/typed-document-node'
import * as typescriptOperations from '@graphql-codegen/typescript-operations'
import { buildSchema, concatAST, type DocumentNode, GraphQLError, type GraphQLSchema, getLocation, parse, Source, validate } from 'graphql'

const SCHEMA = 'schema.graphql'
const OPERATIONS = 'test/operations'
const OUTPUT = 'test/generated/operations.ts'

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
  const document = readOperations(schema)
  mkdirSync(absolute(`${OUTPUT}/..`), { recursive: true })
  writeFileSync(absolute(OUTPUT), await generate(schema, document))
} catch (error) {
  console.error(error instanceof OperationsError ? error.message : error instanceof GraphQLError ? explain(error) : error)
  process.exitCode = 1
}

/** All files as one document, as each may use the fragments of the others. */
function readOperations(schema: GraphQLSchema): DocumentNode {
  const files = readdirSync(absolute(OPERATIONS)).filter((name) => name.endsWith('.graphql'))
  const document = concatAST(files.toSorted().map((name) => parse(read(`${OPERATIONS}/${name}`))))
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

async function generate(schema: GraphQLSchema, document: DocumentNode): Promise<string> {
  const code = await codegen({
    filename: OUTPUT,
    schema: parse(read(SCHEMA)),
    schemaAst: schema,
    documents: [{ location: OPERATIONS, document }],
    pluginMap: { 'typescript-operations': typescriptOperations, 'typed-document-node': typedDocumentNode },
    plugins: [{ 'typescript-operations': {} }, { 'typed-document-node': {} }],
    config,
  })
  return `// Written by node codegen.ts.\n${code}\n`
}
