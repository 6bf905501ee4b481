import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Fault } from './fault.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const COPIED = ['src', 'sdk', 'test', 'prisma', 'package.json', 'tsconfig.json', 'vitest.config.ts']
/** A test that takes longer fails: by its name, and not as a run that hangs. */
const LONGEST_TEST_MS = 20_000
/** A run that takes longer hangs. */
const LONGEST_RUN_MS = 60_000
/** How long tests that are called off may take to end what they started. */
const LAST_WORDS_MS = 5_000

export type Outcome =
  | { readonly kind: 'PASSED' }
  | { readonly kind: 'FAILED'; readonly test: string }
  | { readonly kind: 'HUNG' }
  /** No test came to an end: nothing was found out. */
  | { readonly kind: 'BROKEN'; readonly message: string }

/** What vitest's JSON reporter tells. */
interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[]
  }[]
}

/** The text of a file of this project. */
export const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** A copy of the project as it is now, in which mistakes can be planted and tests run. */
export class ProjectCopy {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true })
    linkPackages(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  }

  /** Plants a fault; the result takes it out again. */
  plant({ file, find, replace }: Fault): Disposable {
    const path = join(this.#folder, file)
    const text = readFileSync(path, 'utf8')
    writeFileSync(
      path,
      text.replace(find, () => replace),
    )
    return { [Symbol.dispose]: () => writeFileSync(path, text) }
  }

  /** Runs tests until the first of them fails. */
  async run(tests: readonly string[], callOff: AbortSignal): Promise<Outcome> {
    const report = join(this.#folder, 'report.json')
    writeFileSync(report, '')
    const vitest = join(this.#folder, 'node_modules', 'vitest', 'vitest.mjs')
    const options = ['--bail=1', '--maxWorkers=1', `--testTimeout=${LONGEST_TEST_MS}`, '--reporter=json', `--outputFile=${report}`]
    const child = spawn(process.execPath, [vitest, 'run', ...tests, ...options], { cwd: this.#folder, detached: true, stdio: 'ignore' })
    const ended = await inTime(child, callOff)
    // A run that stops at its first failure leaves servers behind that other tests had started.
    endGroup(child)
    return ended ? outcomeOf(readFileSync(report, 'utf8'), child.exitCode) : { kind: 'HUNG' }
  }
}

/** A folder of links, not a link to the folder: what tests cache among the packages stays in the copy. */
function linkPackages(from: string, to: string) {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true }))
    if (entry.isDirectory() && (!entry.name.startsWith('.') || entry.name === '.bin'))
      symlinkSync(join(from, entry.name), join(to, entry.name), 'junction')
}

/** False when it had to be ended: after a minute, or because it was called off. */
async function inTime(child: ChildProcess, callOff: AbortSignal): Promise<boolean> {
  const closed = once(child, 'close').then(() => true)
  const enough = AbortSignal.any([callOff, AbortSignal.timeout(LONGEST_RUN_MS)])
  const calledOff = once(enough, 'abort').then(() => false)
  if (!enough.aborted && (await Promise.race([closed, calledOff]))) return true
  child.kill('SIGINT')
  await Promise.race([closed, sleep(LAST_WORDS_MS, undefined, { ref: false })])
  endGroup(child)
  await closed
  return false
}

function endGroup({ pid }: ChildProcess) {
  try {
    if (pid) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function outcomeOf(text: string, exitCode: number | null): Outcome {
  if (text === '') return { kind: 'BROKEN', message: `vitest ended with ${exitCode} and no report` }
  const { numPassedTests, testResults } = JSON.parse(text) as Report
  const failed = testResults.flatMap(({ assertionResults }) => assertionResults).find(({ status }) => status === 'failed')
  if (failed) return { kind: 'FAILED', test: failed.title }
  if (numPassedTests === 0) return { kind: 'BROKEN', message: testResults.map(({ message }) => message).join('\n') }
  return exitCode === 0 ? { kind: 'PASSED' } : { kind: 'FAILED', test: '(an error outside of the tests)' }
}
