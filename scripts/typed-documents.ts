import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  print,
  stripIgnoredCharacters,
  visit,
} from 'graphql'

/**
 * A plugin of GraphQL Code Generator for the SDK: each operation as a plain text of a type that knows its result and variables. Nothing runs
 * when it is loaded, so that bundlers leave out what an app does not use; the text is as short as it can be, as watches send it each time.
 */
export function plugin(_schema: unknown, files: readonly { readonly document?: DocumentNode | undefined }[]) {
  const definitions = files.flatMap(({ document }) => document?.definitions ?? [])
  const fragments = new Map(definitions.filter((one) => one.kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]))
  const operations = definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION)
  return {
    prepend: ["import type { TypedDocument } from '../typed-document.ts'"],
    content: operations.map((operation) => declaration(operation, fragments)).join('\n'),
  }
}

function declaration(operation: OperationDefinitionNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): string {
  const name = operation.name?.value ?? ''
  const result = `${name}${operation.operation.replace(/^./, (letter) => letter.toUpperCase())}`
  const document: DocumentNode = { kind: Kind.DOCUMENT, definitions: [operation, ...usedBy(operation, fragments)] }
  const text = stripIgnoredCharacters(print(document))
  return `export const ${name}Document = '${text}' as TypedDocument<${result}, ${result}Variables>`
}

/** Fragments that it spreads, and those that they spread. */
function usedBy(operation: OperationDefinitionNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): Set<FragmentDefinitionNode> {
  const used = new Set<FragmentDefinitionNode>()
  const look = (node: OperationDefinitionNode | FragmentDefinitionNode): void => {
    visit(node, {
      FragmentSpread: ({ name }) => {
        const fragment = fragments.get(name.value)
        if (!fragment || used.has(fragment)) return
        used.add(fragment)
        look(fragment)
      },
    })
  }
  look(operation)
  return used
}
