import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'
import { Draw, literal, type Pool, valueFor } from './values.ts'

/** What is sent. */
export interface Asked {
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
  readonly operationName?: string
}

type Field = GraphQLField<unknown, unknown>

const DEEPEST = 6
const MOST_ALIASES = 14
const NO_FIELDS = ['passwordHash', '__proto__', 'constructor', 'totpSecret']

/** Writes one request for a schema: valid for the most part, else wrong in one place or another. */
export class Writer {
  readonly #draw: Draw
  readonly #schema: GraphQLSchema
  readonly #pool: Pool
  readonly #defined: string[] = []
  readonly #variables: [string, unknown][] = []
  readonly #fragments: string[] = []
  #aliases = 0

  constructor(draw: Draw, schema: GraphQLSchema, pool: Pool) {
    this.#draw = draw
    this.#schema = schema
    this.#pool = pool
  }

  request(): Asked {
    const draw = this.#draw
    const { root, word } = this.#root()
    const top = this.#selection(root, 0, word === 'subscription' && !draw.mistake('document', 10) ? 1 : draw.one([1, 1, 1, 2, 3]))
    const defined = this.#defined.length > 0 ? `(${this.#defined.join(', ')})` : ''
    const name = draw.chance(50) ? ' Asked' : ''
    const more = draw.mistake('document', 8) ? [' query Other { __typename }', ' { __typename }', ' fragment Unused on User { id }'] : ['']
    const text = `${word}${name}${defined} ${top}${this.#fragments.join('')}${draw.one(more)}`
    const operationName = draw.mistake('document', 15) ? draw.one(['Asked', 'Other', '', '\u0000']) : undefined
    return {
      query: draw.mistake('document', 15) ? this.#damaged(text) : text,
      variables: Object.fromEntries(draw.mistake('value', 4) ? this.#variables.slice(1) : this.#variables),
      ...(operationName === undefined ? {} : { operationName }),
    }
  }

  #root(): { root: GraphQLObjectType; word: string } {
    const word = this.#draw.one(['query', 'query', 'query', 'mutation', 'mutation', 'mutation', 'subscription'])
    const { [word]: root } = {
      query: this.#schema.getQueryType(),
      mutation: this.#schema.getMutationType(),
      subscription: this.#schema.getSubscriptionType(),
    } as Record<string, GraphQLObjectType | undefined>
    if (!root) throw new Error(`the schema has no ${word}`)
    return { root, word }
  }

  #selection(type: GraphQLObjectType, depth: number, count = 1 + this.#draw.upTo(3)): string {
    const fields = Object.values(type.getFields()).filter((field) => depth < DEEPEST || !isCompositeType(getNamedType(field.type)))
    const left = [...fields]
    const parts = Array.from({ length: count }, () => this.#part(type, left, depth))
    return `{ ${parts.join(' ')} }`
  }

  #part(type: GraphQLObjectType, left: Field[], depth: number): string {
    const draw = this.#draw
    if (left.length === 0 || (depth > 0 && draw.chance(6))) return '__typename'
    if (draw.mistake('document', 1)) return draw.one(['__schema { types { name } }', '__type(name: "User") { fields { name } }'])
    if (draw.mistake('document', 2)) return draw.one(NO_FIELDS)
    if (depth > 0 && depth < DEEPEST && draw.chance(6)) return `... on ${type.name} ${this.#selection(type, depth + 1)}`
    if (depth > 0 && depth < DEEPEST && draw.chance(5)) return this.#fragment(type, depth)
    const at = draw.upTo(left.length - 1)
    const [field] = draw.mistake('document', 5) ? left.slice(at) : left.splice(at, 1)
    return field ? this.#field(field, depth) : ''
  }

  #fragment(type: GraphQLObjectType, depth: number): string {
    const draw = this.#draw
    if (draw.mistake('document', 15)) return '...Nowhere'
    const name = `F${this.#fragments.length}`
    this.#fragments.push('')
    const itself = draw.mistake('document', 5) ? ` ...${name}` : ''
    const on = draw.mistake('document', 5) ? draw.one(['Query', 'Int', 'Node', 'Nothing']) : type.name
    this.#fragments.push(` fragment ${name} on ${on} ${this.#selection(type, depth + 1).replace(/ \}$/, `${itself} }`)}`)
    return `...${name}`
  }

  #field(field: Field, depth: number): string {
    const draw = this.#draw
    const given = field.args.flatMap((argument) => this.#argument(argument))
    if (draw.mistake('document', 2)) given.push('unknown: 1')
    const alias = this.#alias(given.length > 0)
    const brackets = given.length > 0 ? `(${given.join(', ')})` : ''
    const directive = draw.mistake('document', 4)
      ? draw.one([' @include(if: "yes")', ' @unknown', ' @skip'])
      : draw.chance(3)
        ? ' @skip(if: false)'
        : ''
    const name = draw.mistake('document', 5) ? field.name.slice(0, -1) : field.name
    return `${alias}${name}${brackets}${directive}${this.#inner(field, depth)}`
  }

  /** The same field with other arguments needs another name. */
  #alias(hasArguments: boolean): string {
    const draw = this.#draw
    if (draw.mistake('document', 10)) return `${draw.one(['a', 'me', 'errors', 'data', '__typename'])}: `
    return hasArguments && this.#aliases < MOST_ALIASES ? `${draw.one(['a', '__proto__', 'toString'])}${++this.#aliases}: ` : ''
  }

  #inner(field: Field, depth: number): string {
    const draw = this.#draw
    const type = getNamedType(field.type)
    if (draw.mistake('document', 2)) return isCompositeType(type) ? '' : ' { id }'
    if (isAbstractType(type)) {
      const possible = draw.one(this.#schema.getPossibleTypes(type))
      return ` { __typename ... on ${possible.name} ${this.#selection(possible, depth + 1)} }`
    }
    return isObjectType(type) ? ` ${this.#selection(type, depth + 1)}` : ''
  }

  #argument(argument: GraphQLArgument): string[] {
    const draw = this.#draw
    if (isRequiredArgument(argument) ? draw.mistake('document', 4) : draw.chance(70)) return []
    const value = valueFor(draw, argument.type, argument.name, this.#pool)
    if (draw.chance(35) && (isWhole(value) || draw.mistake('value', 50)))
      return [`${argument.name}: ${literal(draw, value, argument.type)}`]
    const name = `v${this.#variables.length}`
    this.#defined.push(`$${name}: ${this.#variableType(argument.type)}`)
    this.#variables.push([name, value])
    return [`${argument.name}: $${name}`]
  }

  #variableType(type: GraphQLInputType): string {
    const draw = this.#draw
    if (!draw.mistake('document', 8)) return isNonNullType(type) || !draw.mistake('document', 10) ? String(type) : `${String(type)}!`
    return draw.one(['String', 'Int!', '[ID!]!', 'Boolean', 'Nothing', 'User', 'LoginInput!'])
  }

  /** Something taken out, or put in. */
  #damaged(text: string): string {
    const draw = this.#draw
    const at = draw.upTo(text.length)
    const rest = text.slice(at + draw.upTo(3))
    return text.slice(0, at) + draw.one(['', '}', '{', '"', '$', '\u0000', '\ud800', '#', '(', '@', '\u202e', '...', '!!', '\\u12']) + rest
  }
}

/** Half of a character cannot be written in a document. */
const isWhole = (value: unknown) => !/\\ud[89a-f]/i.test(JSON.stringify(value))
