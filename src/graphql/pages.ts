import { type ResolveCursorConnectionArgs, resolveCursorConnection } from '@pothos/plugin-relay'
import { badInput } from '../errors.ts'
import type { Page } from '../page.ts'

export const DEFAULT_PAGE = 20
export const MOST_PER_PAGE = 100

/** What the parts of every connection mean (Relay's Cursor Connections Specification). */
export const connectionDescriptions = {
  firstArgOptions: { description: 'How many, from the beginning: 20 if absent, at most 100.' },
  afterArgOptions: { description: 'Only what comes after this cursor.' },
  lastArgOptions: { description: 'How many, from the end: at most 100.' },
  beforeArgOptions: { description: 'Only what comes before this cursor.' },
  edgesFieldOptions: { description: 'The entries of this page.' },
  cursorFieldOptions: { description: 'The place of this entry: give it as `after` or `before`.' },
  nodeFieldOptions: { description: 'The entry itself.' },
  pageInfoFieldOptions: { description: 'Where this page begins and ends.' },
  pageInfoTypeOptions: { description: 'Where a page of a connection begins and ends.' },
  hasNextPageFieldOptions: { description: 'Whether more comes after this page.' },
  hasPreviousPageFieldOptions: { description: 'Whether there is more before this page.' },
  startCursorFieldOptions: { description: 'The cursor of the first entry.' },
  endCursorFieldOptions: { description: 'The cursor of the last entry.' },
} as const

/** Names a connection and its edges after what they hold, whichever field it is reached by. */
export const connectionOf = (name: string, what: string) =>
  [
    { name: `${name}Connection`, description: `A page of ${what}.` },
    { name: `${name}Edge`, description: `One of ${what}, and its place.` },
  ] as const

/** The form in which Prisma's connections write a cursor that is an id. */
const ID_CURSOR = /^GPC:S:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

export interface PageArguments {
  readonly first?: number | null | undefined
  readonly last?: number | null | undefined
  readonly after?: string | null | undefined
  readonly before?: string | null | undefined
}

/** Refuses a size that no page has. */
function checkSize(args: PageArguments): void {
  for (const field of ['first', 'last'] as const) {
    const size = args[field]
    if (size !== null && size !== undefined && (size < 1 || size > MOST_PER_PAGE))
      throw badInput([field], `A page has 1 to ${MOST_PER_PAGE} entries.`)
  }
}

/** Refuses what Prisma's connections do not: a size that no page has, and a cursor that was never ours. */
export function checkPage(args: PageArguments): void {
  checkSize(args)
  for (const field of ['after', 'before'] as const) {
    const cursor = args[field]
    if (cursor !== null && cursor !== undefined && !ID_CURSOR.test(decoded(cursor))) throw badInput([field], 'The cursor is not valid.')
  }
}

/**
 * Which rows, and the one of the cursor even if it is no longer among them: a page begins with that row and leaves it out. `once`: how it is told
 * from one that the reader never saw, which leads nowhere.
 */
export function withCursor<Where extends object, Once extends object>(
  where: Where,
  { after, before }: PageArguments,
  once: Once,
): Where | { OR: [Where, Once & { id: { in: string[] } }] } {
  const ids = [after, before].flatMap((cursor) => (typeof cursor === 'string' ? [decoded(cursor).slice('GPC:S:'.length)] : []))
  return ids.length === 0 ? where : { OR: [where, { ...once, id: { in: ids } }] }
}

/** Cursors that hold the key by which a connection is ordered. */
export const keyedBy = <Key>(name: string, form: RegExp, parse: (text: string) => Key) => ({
  toCursor: (text: string) => Buffer.from(`${name}:${text}`).toString('base64'),
  toKey: (cursor: string): Key => {
    const [prefix, text = ''] = decoded(cursor).split(':')
    if (prefix !== name || !form.test(text)) throw badInput(['after'], 'The cursor is not valid.')
    return parse(text)
  },
})

/** A page of what only grows, whose cursors hold the key that it is ordered by. */
export function connect<Node, Key>(
  args: PageArguments,
  { toKey, toCursor }: { toKey: (cursor: string) => Key; toCursor: (node: Node) => string },
  read: (page: Page<Key>) => Promise<Node[]>,
) {
  checkSize(args)
  return resolveCursorConnection(
    { args, defaultSize: DEFAULT_PAGE, maxSize: MOST_PER_PAGE, toCursor },
    ({ before, after, limit, inverted }: ResolveCursorConnectionArgs): Promise<Node[]> =>
      read({ before: before === undefined ? before : toKey(before), after: after === undefined ? after : toKey(after), limit, inverted }),
  )
}

const decoded = (cursor: string) => Buffer.from(cursor, 'base64').toString('utf8')
