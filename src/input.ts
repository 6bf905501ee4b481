import { badInput } from './errors.ts'

/** The rules that every text from outside obeys, whoever sends it. */

// Control characters, line and paragraph separators, and what turns the direction of the text around it.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
// A NUL cannot be stored, other controls than line breaks and tabs have no business in a text.
const UNPRINTABLE_IN_TEXT = /[^\P{Cc}\n\r\t]/u
const VISIBLE = /[^\p{Z}\p{Cf}]/u

/** A name: trimmed, 1 to 100 characters on one line. */
export function name(value: string, field: readonly string[]): string {
  const trimmed = value.normalize('NFC').trim()
  const characters = Array.from(trimmed).length
  if (characters < 1 || characters > 100) throw badInput(field, 'A name has 1 to 100 characters.')
  if (!trimmed.isWellFormed() || UNPRINTABLE.test(trimmed) || !VISIBLE.test(trimmed))
    throw badInput(field, 'A name has only printable characters.')
  return trimmed
}

/** A text of several lines, at most 2000 characters. */
export function text(value: string, field: readonly string[]): string {
  if (Array.from(value).length > 2_000) throw badInput(field, 'A text has at most 2000 characters.')
  if (!value.isWellFormed() || UNPRINTABLE_IN_TEXT.test(value)) throw badInput(field, 'A text has no control characters.')
  return value.normalize('NFC')
}

/** A list of ids: at most 200. */
export function idList<T>(values: readonly T[], field: readonly string[]): readonly T[] {
  if (values.length > 200) throw badInput(field, 'A list of ids has at most 200.')
  return values
}
