/** The text of an operation, which knows what it answers and what it needs. */
export type TypedDocument<Result, Variables> = string & { readonly __types?: (variables: Variables) => Result }
