import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  execute as executeOperation,
  type FieldNode,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import { Refusal } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Connection } from './connection.ts'
import type { Context } from './context.ts'
import { toClientError } from './refusals.ts'

export interface StreamOptions {
  /** Takes one of the places that whoever opens the stream may have, and answers how to give it back; null: there is none left. */
  readonly take?: () => (() => void) | null
  /** Called once, whoever ends it. */
  readonly onClose?: () => void
}

export type Events = AsyncGenerator<ExecutionResult, void, void>

/**
 * Executes operations for every transport, so that an error looks the same wherever it appears and an event is executed once for all who
 * watch it with the same document and variables.
 */
export class Execution {
  readonly #log: Logger
  readonly #documents = new WeakMap<DocumentNode, { readonly id: number; readonly shared: boolean }>()
  #lastId = 0
  readonly #results = new WeakMap<object, Map<string, Promise<ExecutionResult>>>()
  readonly #texts = new WeakMap<ExecutionResult, string>()

  constructor(log: Logger) {
    this.#log = log
  }

  execute = async (args: ExecutionArgs): Promise<ExecutionResult> =>
    this.#forClient(await executeOperation({ ...args, hideSuggestions: true }))

  /** Opens the stream, or says why not. */
  subscribe = async (args: ExecutionArgs, { take = unlimited, onClose }: StreamOptions = {}): Promise<Events | ExecutionResult> => {
    const giveBack = take()
    if (!giveBack) return { errors: [toClientError(tooManyStreams(), this.#log)] }
    let isOpen = false
    try {
      const opened = await this.#open(args, () => {
        giveBack()
        onClose?.()
      })
      isOpen = Symbol.asyncIterator in opened
      return opened
    } finally {
      if (!isOpen) giveBack()
    }
  }

  async #open(args: ExecutionArgs, onClose: () => void): Promise<Events | ExecutionResult> {
    const source = await createSourceEventStream({ ...args, hideSuggestions: true })
    if (!(Symbol.asyncIterator in source)) return this.#forClient(source)
    const { id, shared } = this.#describe(args.schema, args.document)
    const key = `${id} ${args.operationName ?? ''} ${JSON.stringify(args.variableValues ?? {})}`
    const tell = (event: object) =>
      shared ? this.#shared(event, key, args) : this.#executeEvent(event, args, { ...(args.contextValue as object) })
    const { connection } = args.contextValue as Pick<Context, 'connection'>
    const expired = () => ({ errors: [toClientError(hasExpired(), this.#log)] })
    return mapEvents(source[Symbol.asyncIterator]() as AsyncIterator<object>, { tell, expired, connection, onClose })
  }

  /** The result as JSON, written once for all who share it. */
  textOf(result: ExecutionResult): string {
    const known = this.#texts.get(result)
    if (known !== undefined) return known
    const text = JSON.stringify(result)
    this.#texts.set(result, text)
    return text
  }

  #shared(event: object, key: string, args: ExecutionArgs): Promise<ExecutionResult> {
    const results = this.#results.get(event) ?? new Map<string, Promise<ExecutionResult>>()
    this.#results.set(event, results)
    const known = results.get(key)
    if (known) return known
    const result = this.#executeEvent(event, args, {})
    results.set(key, result)
    return result
  }

  /** A context for this event alone: plugins cache rights and rows in it, which must not outlive the event. */
  async #executeEvent(event: object, args: ExecutionArgs, contextValue: object): Promise<ExecutionResult> {
    return this.#forClient(await executeOperation({ ...args, rootValue: event, contextValue }))
  }

  #forClient(result: ExecutionResult): ExecutionResult {
    return result.errors ? { ...result, errors: result.errors.map((error) => toClientError(error, this.#log)) } : result
  }

  #describe(schema: GraphQLSchema, document: DocumentNode) {
    const known = this.#documents.get(document)
    if (known) return known
    const described = { id: ++this.#lastId, shared: isSelfContained(schema, document) }
    this.#documents.set(document, described)
    return described
  }
}

const unlimited = () => () => undefined

const tooManyStreams = () =>
  new GraphQLError('refused', { originalError: new Refusal('LIMIT_EXCEEDED', { sentence: 'Too many streams are open: close one first.' }) })

const hasExpired = () => new GraphQLError('expired', { originalError: new Refusal('UNAUTHENTICATED') })

/** Whether every field of the document is marked as a pure function of the event. One that is not makes each subscriber its own execution. */
function isSelfContained(schema: GraphQLSchema, document: DocumentNode): boolean {
  const types = new TypeInfo(schema)
  let pure = true
  const Field = (_node: FieldNode) => {
    const isMarked = types.getFieldDef()?.extensions.selfContained ?? getNamedType(types.getParentType())?.extensions.selfContained
    if (isMarked !== true && types.getFieldDef()?.name !== '__typename') pure = false
  }
  visit(document, visitWithTypeInfo(types, { Field }))
  return pure
}

interface Mapping {
  readonly tell: (event: object) => Promise<ExecutionResult>
  /** What is told last when the token of the connection runs out. */
  readonly expired: () => ExecutionResult
  readonly connection: Pick<Connection, 'onExpiry'> | null
  readonly onClose: () => void
}

/** Written by hand: the `return()` of a generator would wait for an event that may never come. */
function mapEvents(source: AsyncIterator<object>, { tell, expired, connection, onClose }: Mapping): Events {
  let isOpen = true
  let owesExpiry = false
  const close = () => {
    if (!isOpen) return
    isOpen = false
    stopTimer?.()
    onClose()
  }
  const stopTimer = connection?.onExpiry(() => {
    owesExpiry = true
    close()
    // Wakes whoever waits for an event.
    void source.return?.()
  })
  return {
    async next() {
      const { value, done } = await source.next()
      if (!done) return { value: await tell(value), done: false }
      close()
      if (!owesExpiry) return { value: undefined, done: true }
      owesExpiry = false
      return { value: expired(), done: false }
    },
    async return() {
      owesExpiry = false
      close()
      await source.return?.()
      return { value: undefined, done: true }
    },
    async throw(error) {
      close()
      await source.return?.()
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      close()
      await source.return?.()
    },
  }
}
