import { type DocumentNode, GraphQLError, type GraphQLSchema, type OperationTypeNode } from 'graphql'
import type { Viewer } from '../domains/auth/auth.service.ts'
import { Refusal } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Identity } from './context.ts'
import { Documents, type Operation, type Prepared } from './documents.ts'
import { toClientError } from './refusals.ts'
import { type GraphQLRequest, refuseUnstorable } from './request.ts'
import type { TrustedDocuments } from './trusted-documents.ts'

/** An operation that may be executed. */
export interface Admitted {
  readonly document: DocumentNode
  readonly kind: OperationTypeNode
  readonly operationName: string | null
  readonly variables: Readonly<Record<string, unknown>>
}

/** What is wrong with a request, as its client may know it. */
export interface Refused {
  readonly errors: readonly GraphQLError[]
}

export interface GuardDeps {
  readonly schema: GraphQLSchema
  readonly trusted: TrustedDocuments
  /** In production the schema is for admins alone. */
  readonly hidesSchema: boolean
  readonly log: Logger
}

/** Looks at every operation before it is executed, whichever transport it came over. */
export class Guard {
  readonly #deps: GuardDeps
  readonly #documents: Documents

  constructor(deps: GuardDeps) {
    this.#deps = deps
    this.#documents = new Documents(deps.schema)
    this.#checkTrusted()
  }

  admit(request: GraphQLRequest, { viewer }: Identity): Admitted | Refused {
    try {
      return this.#admit(request, viewer)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { errors: [this.#told(new GraphQLError('refused', { originalError: error }))] }
    }
  }

  #admit({ query, documentId, operationName, variables }: GraphQLRequest, viewer: Viewer | null): Admitted | Refused {
    const { trusted, hidesSchema } = this.#deps
    const isAdmin = viewer?.systemRole === 'ADMIN'
    const text = query === '' ? trusted.named(documentId ?? '') : query
    // Before it is parsed, which is the dear part.
    if (!isAdmin && trusted.refuses(text)) throw new Refusal('PERSISTED_QUERY_REQUIRED')
    const prepared = this.#documents.prepare(text)
    if (prepared.introspects && hidesSchema && !isAdmin) throw new Refusal('INTROSPECTION_DISABLED')
    if (prepared.errors.length > 0) return { errors: this.#errorsFor(viewer, prepared) }
    const { kind, name, checkCost } = operationNamed(prepared.operations, operationName)
    if (!isAdmin) trusted.report(text, name)
    refuseUnstorable(variables)
    checkCost(variables)
    return { document: prepared.document, kind, operationName, variables }
  }

  /** Where the schema is hidden, strangers do not learn its names from what is wrong with their guesses. */
  #errorsFor(viewer: Viewer | null, { errors }: Prepared): GraphQLError[] {
    const told = errors.map((error) => this.#told(error))
    if (!this.#deps.hidesSchema || viewer || told[0]?.extensions.code !== 'GRAPHQL_VALIDATION_FAILED') return told
    return [this.#told(new GraphQLError('invalid', { originalError: new Refusal('GRAPHQL_VALIDATION_FAILED') }))]
  }

  #told(error: GraphQLError): GraphQLError {
    return toClientError(error, this.#deps.log)
  }

  /** A manifest may be of another version of the schema: whoever operates this hears it before the devices do. */
  #checkTrusted() {
    for (const [id, text] of this.#deps.trusted.all) {
      const [error] = this.#documents.prepare(text).errors
      if (error) this.#deps.log.warn({ id, reason: this.#told(error).message }, 'a document of TRUSTED_DOCUMENTS will be refused')
    }
  }
}

function operationNamed(operations: readonly Operation[], name: string | null): Operation {
  const [first, ...others] = name === null ? operations : operations.filter((operation) => operation.name === name)
  if (!first || others.length > 0) throw new Refusal('OPERATION_RESOLUTION_FAILURE')
  return first
}
