import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type OperationTypeNode,
  parse,
  specifiedRules,
  TokenKind,
  type ValidationRule,
  ValuesOfCorrectTypeRule,
  validate,
  visit,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { Refusal } from '../errors.ts'
import { type CheckCost, costOf } from './cost.ts'
import { checkLimits } from './document-limits.ts'
import { isStorable } from './request.ts'

/** One operation of a document. */
export interface Operation {
  readonly kind: OperationTypeNode
  readonly name: string | null
  readonly checkCost: CheckCost
}

/** A document, parsed, measured and validated; or what is wrong with it, and then it has no operations. */
export interface Prepared {
  readonly document: DocumentNode
  readonly operations: readonly Operation[]
  readonly errors: readonly GraphQLError[]
  /** Whether it asks for the schema. */
  readonly introspects: boolean
}

const REMEMBERED = 1_000
/** Longer texts are prepared anew each time, so that nobody fills the memory with them. */
const LONGEST_REMEMBERED = 10_000
const LONGEST = 20_000
const MOST_TOKENS = 2_000
const MOST_ERRORS = 5

/** Parses, measures and validates each text once, whichever transport it comes over. */
export class Documents {
  readonly #schema: GraphQLSchema
  readonly #prepared = new LRUCache<string, Prepared>({ max: REMEMBERED })

  constructor(schema: GraphQLSchema) {
    this.#schema = schema
  }

  prepare(text: string): Prepared {
    const known = this.#prepared.get(text)
    if (known) return known
    const prepared = this.#prepare(text)
    if (text.length <= LONGEST_REMEMBERED) this.#prepared.set(text, prepared)
    return prepared
  }

  /** The cheap limits first and alone: some rules of validation take the square of a document's length. */
  #prepare(text: string): Prepared {
    const wrong = { document: EMPTY, operations: [], introspects: false }
    try {
      const document = parseLimited(text)
      const introspects = asksForSchema(document)
      try {
        checkLimits(document)
      } catch (error) {
        return { ...wrong, introspects, errors: [refused(error)] }
      }
      const errors = validate(this.#schema, document, rules, { maxErrors: MOST_ERRORS, hideSuggestions: true })
      if (errors.length > 0) return { ...wrong, introspects, errors: errors.map(invalid) }
      return { document, operations: this.#operationsOf(document), errors, introspects }
    } catch (error) {
      return { ...wrong, errors: [refused(error)] }
    }
  }

  #operationsOf(document: DocumentNode): Operation[] {
    return document.definitions
      .filter((definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION)
      .map((operation) => ({
        kind: operation.operation,
        name: operation.name?.value ?? null,
        checkCost: costOf(this.#schema, document, operation),
      }))
  }
}

const EMPTY: DocumentNode = { kind: Kind.DOCUMENT, definitions: [] }

function parseLimited(text: string): DocumentNode {
  if (text.length > LONGEST) throw tooLarge()
  if (!isStorable(text)) throw notWhole()
  const document = parsed(text)
  // The parser does not count comments.
  let tokens = 0
  for (let token = document.loc?.startToken; token && token.kind !== TokenKind.EOF; token = token.next ?? undefined) tokens += 1
  if (tokens > MOST_TOKENS + 1) throw tooLarge()
  return document
}

function parsed(text: string): DocumentNode {
  try {
    return parse(text, { maxTokens: MOST_TOKENS })
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error
    if (error.message.includes('tokens')) throw tooLarge()
    if (error.message.includes('Invalid Unicode')) throw notWhole()
    // What was found there may be a secret that somebody wrote into the text.
    const [place] = error.locations ?? []
    throw new Refusal('BAD_REQUEST', { sentence: `Syntax error in line ${place?.line}, column ${place?.column}.` })
  }
}

const tooLarge = () =>
  new Refusal('QUERY_TOO_LARGE', { sentence: `A document has at most ${LONGEST} characters and ${MOST_TOKENS} tokens, with its comments.` })
const notWhole = () => new Refusal('BAD_USER_INPUT', { sentence: 'A text has only whole characters, and no NUL.' })

function asksForSchema(document: DocumentNode): boolean {
  let asks = false
  visit(document, {
    Field: ({ name: { value } }) => {
      if (value === '__schema' || value === '__type') asks = true
    },
  })
  return asks
}

/** As graphql-js has it, but for the value, which it quotes. */
const valuesUnquoted: ValidationRule = (context) => {
  const reportError = (error: GraphQLError) => {
    const quotes = !error.message.startsWith('Field "')
    const message = quotes ? `A value here is not valid: ${String(context.getInputType())} is expected.` : error.message
    context.reportError(new GraphQLError(message, { nodes: error.nodes ?? null }))
  }
  return ValuesOfCorrectTypeRule(Object.assign(Object.create(context) as typeof context, { reportError }))
}

const rules = specifiedRules.map((rule) => (rule === ValuesOfCorrectTypeRule ? valuesUnquoted : rule))

/** ScalarLeafs suggests a selection whatever it is told. */
const invalid = (error: GraphQLError) =>
  new GraphQLError('invalid', {
    nodes: error.nodes ?? null,
    originalError: new Refusal('GRAPHQL_VALIDATION_FAILED', { sentence: error.message.replace(/ ?Did you mean .*$/s, '') }),
  })

function refused(error: unknown): GraphQLError {
  if (!(error instanceof Refusal)) throw error
  return new GraphQLError('refused', { originalError: error })
}
