import { complexityFromQuery } from '@pothos/plugin-complexity'
import {
  type ArgumentNode,
  type DocumentNode,
  type GraphQLField,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql'
import { Refusal } from '../errors.ts'
import { checkPageSize, isPageSize } from './document-limits.ts'
import { DEFAULT_PAGE, MOST_PER_PAGE } from './pages.ts'

/** How many fields an operation may have answered, with what is in lists counted as often as they are long. */
const MOST_FIELDS = 30_000

type Values = Readonly<Record<string, unknown>>

/** How often what is selected in a field is answered: in a page by its size, for ids by their number. Any other list counts as ten. */
export function multiplierOf(args: Values, _context: unknown, field: Pick<GraphQLField<unknown, unknown>, 'name' | 'args'>) {
  // The page that they are in has been counted.
  if (field.name === 'edges') return { field: 1, multiplier: 1 }
  if (field.args.some(({ name }) => isPageSize(name))) return { field: 1, multiplier: Math.min(sizeOf(args), MOST_PER_PAGE) }
  return Array.isArray(args.ids) ? { field: 1, multiplier: args.ids.length } : 1
}

function sizeOf({ first, last }: Values): number {
  const size = first ?? last
  return typeof size === 'number' ? Math.max(size, 0) : DEFAULT_PAGE
}

/** Throws for an operation that asks for too much with these variables. */
export type CheckCost = (variables: Values) => void

/** What an operation costs. Where no variable says how long a list is, it is counted once. */
export function costOf(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): CheckCost {
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION)
  const alone = { ...document, definitions: [operation, ...fragments] }
  const sizes = variableSizes(alone)
  let known: number | null = null
  return (variables) => {
    const fields = known ?? count(schema, alone, variables)
    if (sizes.length === 0) known = fields
    if (fields !== null && fields > MOST_FIELDS)
      throw new Refusal('QUERY_TOO_COMPLEX', { sentence: `An operation may ask for ${MOST_FIELDS} fields, lists counted in full.` })
    for (const { argument, variable } of sizes) if (isPageSize(argument)) checkPageSize(argument, variables[variable])
  }
}

function count(schema: GraphQLSchema, document: DocumentNode, variables: Values): number | null {
  try {
    return complexityFromQuery(document, { schema, variables: { ...variables } }).complexity
  } catch {
    // A variable is missing or of another type: it will not be executed.
    return null
  }
}

/** Which variables say how long a list is. */
function variableSizes(document: DocumentNode) {
  const sizes: { argument: string; variable: string }[] = []
  const Argument = ({ name: { value: argument }, value }: ArgumentNode) => {
    if ((isPageSize(argument) || argument === 'ids') && value.kind === Kind.VARIABLE) sizes.push({ argument, variable: value.name.value })
  }
  visit(document, { Argument })
  return sizes
}
