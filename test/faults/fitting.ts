import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ENGINE_TESTS, type Fault } from './fault.ts'
import { ROOT, textOf } from './project-copy.ts'

/** Whatever keeps these faults from being planted, or from being caught: texts that moved, files and tests that are gone. All of it at once. */
export function misfits(faults: readonly Fault[]): string[] {
  const selections = new Set(faults.map(({ tests = ENGINE_TESTS }) => tests))
  const folders = new Map<string, string>()
  return [...faults.flatMap(misfit), ...[...selections].flatMap((tests) => goneTests(tests, folders))]
}

function misfit({ file, find, name, replace }: Fault): string[] {
  const times = (read(file) ?? '').split(find).length - 1
  if (times !== 1) return [`${name}: its text stands ${times} times in ${file}`]
  return find === replace ? [`${name}: it changes nothing`] : []
}

/** What vitest would find nothing for. Files may share tests with those beside them, so a name is looked for in all of a folder. */
function goneTests(tests: readonly string[], folders: Map<string, string>): string[] {
  const at = tests.includes('-t') ? tests.indexOf('-t') : tests.length
  const [files, name] = [tests.slice(0, at), tests[at + 1] ?? '']
  const gone = files.filter((file) => read(file) === null)
  if (gone.length > 0) return gone.map((file) => `there is no ${file}`)
  const isThere = files.some((file) => textBeside(file, folders).includes(name))
  return isThere ? [] : [`no test beside ${files.join(' ')} is called "${name}"`]
}

function textBeside(file: string, folders: Map<string, string>): string {
  const folder = dirname(file)
  const known = folders.get(folder)
  if (known !== undefined) return known
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ts'))
  const text = names.map((name) => textOf(join(folder, name))).join('\n')
  folders.set(folder, text)
  return text
}

function read(file: string): string | null {
  try {
    return textOf(file)
  } catch {
    // It was moved or deleted, which is what is to be told.
    return null
  }
}
