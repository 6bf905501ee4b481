/**
 * npm run faults [-- word…]   plants each fault (or those whose name or rule contains a word) in a copy of the project and shows which test
 * catches it. Fails when one survives or does not fit any more, or when the project as it is fails.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ENGINE_TESTS, type Fault } from './fault.ts'
import { faults } from './faults.ts'
import { misfits } from './fitting.ts'
import { type Outcome, ProjectCopy } from './project-copy.ts'

/** So many copies are tested at once. */
const COPIES = 2
const RANDOM_TESTS = 'test/realtime/decide.test.ts'

/** Stories say more than random sequences, and say it sooner: those only get what no story catches. */
const inOrder = (tests: readonly string[]) => (tests === ENGINE_TESTS ? [[...tests, '--exclude', RANDOM_TESTS], [RANDOM_TESTS]] : [tests])

async function runAll(copy: ProjectCopy, tests: readonly string[], callOff: AbortSignal): Promise<Outcome> {
  for (const selection of inOrder(tests)) {
    const outcome = await copy.run(selection, callOff)
    if (outcome.kind !== 'PASSED') return outcome
  }
  return { kind: 'PASSED' }
}

/** Gives each task to the next copy that is free, until all are done or called off. Results come in the order of the tasks. */
async function shareOut<Task, Result>(
  copies: readonly ProjectCopy[],
  tasks: readonly Task[],
  callOff: AbortSignal,
  act: (copy: ProjectCopy, task: Task) => Promise<Result>,
  tell: (task: Task, result: Result) => void,
): Promise<Result[]> {
  const results = new Map<number, Result>()
  const left = [...tasks.entries()]
  let told = 0
  const work = async (copy: ProjectCopy) => {
    for (let next = left.shift(); next && !callOff.aborted; next = left.shift()) {
      const [index, task] = next
      const result = await act(copy, task)
      if (callOff.aborted) return
      results.set(index, result)
      for (let ready = results.get(told); ready !== undefined; ready = results.get(told)) tell(tasks[told++] ?? task, ready)
    }
  }
  await Promise.all(copies.map(work))
  return [...results.values()]
}

/** What a failing run of the unchanged project says; nothing if it passes. */
const complaint = (tests: readonly string[], outcome: Outcome) => {
  if (outcome.kind === 'PASSED') return
  const why = { FAILED: 'test' in outcome ? outcome.test : '', HUNG: 'it hangs', BROKEN: 'message' in outcome ? outcome.message : '' }
  console.error(`The project as it is fails in ${tests.join(' ')}: ${why[outcome.kind]}`)
}

function verdict(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'PASSED':
      return 'SURVIVED'
    case 'FAILED':
      return outcome.test
    case 'HUNG':
      return '(hangs)'
    case 'BROKEN':
      return `NOT A FAULT, nothing runs with it: ${outcome.message.trim().split('\n')[0]}`
  }
}

const isCaught = ({ kind }: Outcome) => kind === 'FAILED' || kind === 'HUNG'

async function plantAll(chosen: readonly Fault[], folder: string, callOff: AbortSignal): Promise<boolean> {
  const copies = Array.from({ length: COPIES }, (_, n) => new ProjectCopy(join(folder, `copy-${n + 1}`)))
  const selections = [...new Set(chosen.map(({ tests = ENGINE_TESTS }) => tests))]
  const unchanged = await shareOut(copies, selections, callOff, (copy, tests) => runAll(copy, tests, callOff), complaint)
  if (callOff.aborted || !unchanged.every(({ kind }) => kind === 'PASSED')) return false

  const width = Math.max(...chosen.map(({ name }) => name.length))
  const print = (rule: string, name: string, test: string) => console.log(`${rule.padEnd(10)}${name.padEnd(width)}  ${test}`)
  const tryOut = async (copy: ProjectCopy, fault: Fault) => {
    using _planted = copy.plant(fault)
    return await runAll(copy, fault.tests ?? ENGINE_TESTS, callOff)
  }
  print('rule', 'fault', 'caught by')
  const outcomes = await shareOut(copies, chosen, callOff, tryOut, ({ rule, name }, outcome) => print(rule, name, verdict(outcome)))
  const caught = outcomes.filter(isCaught).length
  console.log(`\n${caught} caught, ${outcomes.length - caught} survived`)
  return caught === chosen.length
}

async function main(words: readonly string[]): Promise<number> {
  const isMeant = ({ rule, name }: Fault) => words.length === 0 || words.some((word) => rule === word || name.includes(word))
  const chosen = faults.filter(isMeant)
  const problems = misfits(chosen)
  if (problems.length > 0 || chosen.length === 0) {
    console.error(['These faults do not apply:', ...problems].join('\n  '))
    return 1
  }
  const callOff = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => callOff.abort())
  const folder = mkdtempSync(join(tmpdir(), 'neda-faults-'))
  try {
    return (await plantAll(chosen, folder, callOff.signal)) ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

process.exitCode = await main(process.argv.slice(2))
