/** So many, newest first, between two of them. */
export interface Page<Key> {
  readonly before?: Key | undefined
  readonly after?: Key | undefined
  readonly limit: number
  readonly inverted: boolean
}

/** Newest first: what comes after is older. */
export const between = <Key>({ before, after }: Page<Key>) => ({
  ...(before === undefined ? {} : { gt: before }),
  ...(after === undefined ? {} : { lt: after }),
})
