import { readFileSync } from 'node:fs'

/** What everybody tries first. */
const COMMON: ReadonlySet<string> = new Set(
  readFileSync(new URL('common-passwords.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#')),
)

/** Without these it says nothing of its own. */
const OWN_WORDS = ['neda', 'push-to-talk', 'pushtotalk']
/** Of a name or of our own words so much must be left that it would be a password. */
const LEFT_OVER = 8
/** So few characters again and again are tried up to this length. */
const FEWEST_DIFFERENT = 5
const REPEATED_UP_TO = 32

/** Whether somebody who knows what people choose, and whose password it is, has it among the first tries. */
export function isBlocked(password: string, names: readonly string[]): boolean {
  const text = password.normalize('NFKC').toLowerCase()
  if (new Set(text).size < FEWEST_DIFFERENT && text.length <= REPEATED_UP_TO) return true
  return variants(text).some((variant) => COMMON.has(variant)) || isOfNames(text, names)
}

/** As it is, without what is hung on to satisfy a rule, and once if it is the same thing twice. */
function variants(text: string): string[] {
  const core = text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')
  return [text, core, once(text), once(core)]
}

const once = (text: string) => /^(.{4,}?)\1+$/su.exec(text)?.[1] ?? text

function isOfNames(text: string, names: readonly string[]): boolean {
  const words = [...names.flatMap((name) => [name, ...name.split(/[^\p{L}\p{N}]+/u)]), ...OWN_WORDS]
  const known = words.map((word) => word.normalize('NFKC').toLowerCase()).filter((word) => word.length >= 3)
  const rest = known.toSorted((one, other) => other.length - one.length).reduce((left, word) => left.replaceAll(word, ''), text)
  return rest !== text && Array.from(rest).length < LEFT_OVER
}
