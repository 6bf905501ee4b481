import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  visit,
} from 'graphql'
import { badInput, Refusal } from '../errors.ts'
import { MOST_PER_PAGE } from './pages.ts'
import { isStorable } from './request.ts'

const DEEPEST = 10
const MOST_ALIASES = 15
const MOST_DIRECTIVES = 5
const MOST_ROOT_FIELDS = 15
/** In one pair of braces. No type has as many fields, and validation compares each with each. */
const MOST_SELECTIONS = 100

/** What a selection comes to when its fragments are put in their places. */
interface Measure {
  depth: number
  aliases: number
  directives: number
  /** How much stands in one pair of braces. */
  widest: number
  /** Names of the fields at its top. */
  readonly fields: string[]
}

/** Throws the limit that a document exceeds. Looks at each of its nodes once, so that what follows never sees a large document. */
export function checkLimits(document: DocumentNode): void {
  const measure = measurer(document)
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    checkMeasure(definition, measure(definition.selectionSet, definition.directives?.length ?? 0))
  }
  checkLiterals(document)
}

function checkMeasure({ operation }: OperationDefinitionNode, { depth, aliases, directives, widest, fields }: Measure) {
  if (depth > DEEPEST) throw new Refusal('QUERY_TOO_DEEP', { sentence: `A document is at most ${DEEPEST} fields deep.` })
  if (operation === OperationTypeNode.MUTATION && new Set(fields).size < fields.length) throw new Refusal('MUTATION_REPEATED')
  if (aliases > MOST_ALIASES) throw new Refusal('TOO_MANY_ALIASES', { sentence: `A document has at most ${MOST_ALIASES} aliases.` })
  if (directives > MOST_DIRECTIVES) throw tooManyDirectives()
  if (widest > MOST_SELECTIONS) throw new Refusal('QUERY_TOO_LARGE', { sentence: `A selection has at most ${MOST_SELECTIONS} entries.` })
  if (fields.length > MOST_ROOT_FIELDS)
    throw new Refusal('QUERY_TOO_COMPLEX', { sentence: `An operation has at most ${MOST_ROOT_FIELDS} fields at its top.` })
}

const tooManyDirectives = () => new Refusal('TOO_MANY_DIRECTIVES', { sentence: `A document has at most ${MOST_DIRECTIVES} directives.` })

function measurer(document: DocumentNode) {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition)
  const measured = new Map<string, Measure>()

  const fragment = (name: string): Measure => {
    const known = measured.get(name)
    if (known) return known
    // One that contains itself counts as nothing in itself: validation refuses it.
    measured.set(name, nothing())
    const definition = fragments.get(name)
    const found = definition ? measure(definition.selectionSet, definition.directives?.length ?? 0) : nothing()
    measured.set(name, found)
    return found
  }
  const measure = ({ selections }: SelectionSetNode, directives: number): Measure => {
    const total = { ...nothing(), directives, widest: selections.length }
    for (const selection of selections) {
      total.directives += selection.directives?.length ?? 0
      if (selection.kind === Kind.FIELD) {
        const name = selection.name.value
        if (total.fields.length <= MOST_ROOT_FIELDS) total.fields.push(name)
        if (selection.alias) total.aliases += 1
        // How deep introspection may be is a rule of graphql-js' own.
        const isMeta = name === '__schema' || name === '__type'
        const inner = selection.selectionSet ? measure(selection.selectionSet, 0) : nothing()
        add(total, { ...inner, depth: isMeta ? 1 : inner.depth + 1, fields: [] })
      } else {
        add(total, selection.kind === Kind.INLINE_FRAGMENT ? measure(selection.selectionSet, 0) : fragment(selection.name.value))
      }
    }
    return total
  }
  return measure
}

const nothing = (): Measure => ({ depth: 0, aliases: 0, directives: 0, widest: 0, fields: [] })

function add(total: Measure, part: Measure) {
  total.depth = Math.max(total.depth, part.depth)
  total.aliases += part.aliases
  total.directives += part.directives
  total.widest = Math.max(total.widest, part.widest)
  total.fields.push(...part.fields.slice(0, MOST_ROOT_FIELDS + 1 - total.fields.length))
}

/** Sizes that no page has, as they stand in the text, texts that cannot be stored, and directives wherever else they may be. */
function checkLiterals(document: DocumentNode) {
  let directives = 0
  visit(document, {
    Directive: () => {
      directives += 1
      if (directives > MOST_DIRECTIVES) throw tooManyDirectives()
    },
    Argument: ({ name: { value: name }, value }) => {
      if (isPageSize(name) && (value.kind === Kind.INT || value.kind === Kind.FLOAT)) checkPageSize(name, Number(value.value))
    },
    StringValue: ({ value }) => {
      if (!isStorable(value)) throw new Refusal('BAD_USER_INPUT', { sentence: 'A text has only whole characters, and no NUL.' })
    },
  })
}

export const isPageSize = (argument: string) => argument === 'first' || argument === 'last'

export function checkPageSize(argument: string, size: unknown): void {
  if (size === null || size === undefined) return
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 1 || size > MOST_PER_PAGE)
    throw badInput([argument], `A page has 1 to ${MOST_PER_PAGE} entries.`)
}
