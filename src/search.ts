/** What separates words: everything that is no letter, mark or digit in any script. */
const BETWEEN_WORDS = /[^\p{L}\p{M}\p{N}]+/u

const wordsOf = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .split(BETWEEN_WORDS)
    .filter((word) => word !== '')

/** The words of these texts as they are stored: each after a space, in small letters. */
export const searchTextOf = (...texts: readonly string[]): string =>
  texts
    .flatMap(wordsOf)
    .map((word) => ` ${word}`)
    .join('')

/** A filter for rows in which every word of the search is the beginning of a word; words have no wildcards in them. */
export const matching = (search: string | null | undefined) => ({
  AND: wordsOf(search ?? '').map((word) => ({ searchText: { contains: ` ${word}` } })),
})
