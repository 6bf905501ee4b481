import { badInput } from './errors.ts'

/** What separates words: everything that is no letter, mark or digit in any script. */
const BETWEEN_WORDS = /[^\p{L}\p{M}\p{N}]+/u

/** More words than anybody types would only cost. */
const MOST_WORDS = 10

/** In any case: also where a letter has no pair of its own, as İ and ß, or another form at a word's end, as Σ. */
const wordsOf = (text: string) =>
  text
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .replaceAll('i\u0307', 'i')
    .split(BETWEEN_WORDS)
    .filter((word) => word !== '')

/** The words of these texts as they are stored: each after a space, in small letters. */
export const searchTextOf = (...texts: readonly string[]): string =>
  texts
    .flatMap(wordsOf)
    .map((word) => ` ${word}`)
    .join('')

/** A filter for rows in which every word of the search is the beginning of a word; words have no wildcards in them. */
export function matching(search: string | null | undefined) {
  const words = wordsOf(search ?? '')
  if (words.length > MOST_WORDS) throw badInput(['filter', 'search'], `A search has at most ${MOST_WORDS} words.`)
  return { AND: words.map((word) => ({ searchText: { contains: ` ${word}` } })) }
}
