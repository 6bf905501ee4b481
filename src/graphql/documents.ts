import { type DocumentNode, GraphQLError, type GraphQLSchema, parse, validate } from 'graphql'
import { LRUCache } from 'lru-cache'

/** A request's document, parsed and validated, or what is wrong with it. */
export type Prepared = { readonly document: DocumentNode } | { readonly errors: readonly GraphQLError[] }

const REMEMBERED = 1_000
/** Longer texts are prepared anew each time, so that nobody fills the memory with them. */
const LONGEST_REMEMBERED = 10_000
const MOST_TOKENS = 2_000
const MOST_ERRORS = 5

/** Parses and validates each text once, whichever transport it comes over. */
export class Documents {
  readonly #schema: GraphQLSchema
  readonly #prepared = new LRUCache<string, Prepared>({ max: REMEMBERED })

  constructor(schema: GraphQLSchema) {
    this.#schema = schema
  }

  prepare(text: string): Prepared {
    const known = this.#prepared.get(text)
    if (known) return known
    const prepared = this.#parse(text)
    if (text.length <= LONGEST_REMEMBERED) this.#prepared.set(text, prepared)
    return prepared
  }

  #parse(text: string): Prepared {
    try {
      const document = parse(text, { maxTokens: MOST_TOKENS })
      const errors = validate(this.#schema, document, undefined, { maxErrors: MOST_ERRORS })
      return errors.length > 0 ? { errors } : { document }
    } catch (error) {
      if (error instanceof GraphQLError) return { errors: [error] }
      throw error
    }
  }
}
