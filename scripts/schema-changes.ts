import { type BreakingChange, buildSchema, type DangerousChange, findBreakingChanges, findDangerousChanges } from 'graphql'

export interface SchemaChanges {
  /** What a client that was built from the former schema can no longer send, or no longer read. */
  readonly breaking: readonly string[]
  /** What such a client can meet and may not expect: a new value of an enum. */
  readonly dangerous: readonly string[]
}

/** What one schema does to clients that were built from another. What is only added is neither. */
export function schemaChanges(former: string, present: string): SchemaChanges {
  const [before, after] = [buildSchema(former), buildSchema(present)]
  return { breaking: findBreakingChanges(before, after).map(sentence), dangerous: findDangerousChanges(before, after).map(sentence) }
}

const sentence = ({ type, description }: BreakingChange | DangerousChange) => `${type}: ${description}`
